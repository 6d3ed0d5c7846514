import { Fault } from "../../client/api.ts";
import type { Client } from "../../client/client.ts";
import type { Entry } from "../../client/view.ts";
import { bubble, shapeOf, type Said } from "./bubble.ts";
import { ask, tell } from "./dialog.ts";
import { button, h, Keyed, type Made } from "./dom.ts";
import { icon } from "./icon.ts";
import { toast } from "./toast.ts";
import { day, dayOf, nameOf, noteText, sentence, textOf } from "./words.ts";

type Item =
  | Said
  | { readonly type: "mark"; readonly key: string; readonly kind: "day" | "note" | "unread"; readonly text: string }
  | { readonly type: "gap"; readonly key: string; readonly from: number; readonly to: number; readonly coming: boolean; readonly top: boolean };

export interface Place {
  readonly id: string;
  readonly group: boolean;
  readonly admin: boolean;
  /** Of the group; 2 in a direct conversation. */
  readonly members: number;
}

const RECALL_MS = 120_000;
const TOGETHER_MS = 300_000; // said in a row
const BOTTOM_PX = 48;
const HUSH_MS = 1_000;

/** Stream is the messages of the open conversation. */
export class Stream {
  readonly node: HTMLElement;
  readonly #log = h("div", { class: "log", role: "log", "aria-live": "polite", "aria-label": "Messages" });
  readonly #scroll: HTMLElement;
  readonly #jump: HTMLButtonElement;
  #items: Keyed<Item>;
  #place: Place | null = null;
  #readAtOpening = 0;
  #openedAt = 0; // what was said later was seen when it came
  #loading = false;
  #stuck = true; // to the end, as whoever scrolled last left it

  constructor(
    private readonly client: Client,
    private readonly me: string,
    private readonly seen: () => void,
  ) {
    this.#scroll = h("div", { class: "scroll", tabindex: 0, "aria-label": "Conversation", on: { scroll: () => this.#scrolled() } }, this.#log);
    this.#jump = button("To the newest message", () => this.bottom(), { class: "jump", hidden: true }, icon("down"));
    this.node = h("div", { class: "stream" }, this.#scroll, this.#jump);
    this.#items = this.#keyed();
    // A strip, a longer text or a keyboard takes room: the end stays in sight.
    new ResizeObserver(() => this.#stuck && this.bottom()).observe(this.#scroll);
  }

  /** open shows another conversation, from its end. */
  open(place: Place, readSeq: number): void {
    this.#readAtOpening = readSeq;
    this.#openedAt = Date.now();
    if (this.#place?.id !== place.id) {
      this.#hush();
      this.#log.replaceChildren();
      this.#items = this.#keyed();
    }
    this.#place = place;
    this.show();
    this.bottom();
  }

  /** hush: what was said before is not news, and is not read out to those who listen. */
  #hush(): void {
    this.#log.setAttribute("aria-live", "off");
    setTimeout(() => this.#log.setAttribute("aria-live", "polite"), HUSH_MS);
  }

  /** moved keeps what is shown when the conversation gets its name, or one's role in it changes. */
  moved(place: Place): void {
    this.#place = place;
    this.show();
  }

  bottom(): void {
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
    this.#scrolled();
  }

  /** stay keeps the end in sight, where it was, when what is below has changed its height and back. */
  stay(): void {
    if (this.#stuck) this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }

  /** atBottom: the newest message can be seen. */
  get atBottom(): boolean {
    return this.#scroll.scrollHeight - this.#scroll.scrollTop - this.#scroll.clientHeight < BOTTOM_PX;
  }

  show(): void {
    const place = this.#place;
    if (!place) return;
    this.#items.show(this.#arrange(this.client.timeline(place.id), place));
    this.stay();
    this.#scrolled();
  }

  #scrolled(): void {
    this.#stuck = this.atBottom;
    this.#jump.hidden = this.#stuck;
    if (this.#stuck) this.seen();
  }

  #keyed(): Keyed<Item> {
    return new Keyed<Item>(
      this.#log,
      (i) => i.key,
      (i) => (i.type === "said" ? shapeOf(i) : i.type === "mark" ? i.text : `${i.from}${i.to}${i.coming}${i.top}`),
      (i) => this.#make(i),
    );
  }

  /** arrange puts days, the mark of what is unread and the names between the messages. */
  #arrange(entries: readonly Entry[], place: Place): Item[] {
    const items: Item[] = [];
    let today = NaN;
    let marked = this.#readAtOpening === 0;
    for (const [n, e] of entries.entries()) {
      if (e.type === "gap") {
        items.push({ ...e, key: `g${e.from}`, top: n === 0 });
        continue;
      }
      if (e.type === "note") {
        items.push({ type: "mark", kind: "note", key: `n${e.after}-${JSON.stringify(e.change)}`, text: noteText(e, this.me) });
        continue;
      }
      const at = timeOfEntry(e);
      if (day(at) !== today) {
        today = day(at);
        items.push({ type: "mark", kind: "day", key: `d-${keyOf(e, this.me)}`, text: dayOf(at) });
      }
      if (!marked && e.type === "message" && e.message.seq > this.#readAtOpening && e.message.from !== this.me && at.getTime() < this.#openedAt) {
        marked = true;
        items.push({ type: "mark", kind: "unread", key: "unread", text: "New" });
      }
      items.push(this.#said(e, at, items.at(-1)?.type === "said" ? entries[n - 1] : undefined, entries[n + 1], place));
    }
    return items;
  }

  #said(e: Extract<Entry, { type: "message" | "pending" }>, at: Date, before: Entry | undefined, after: Entry | undefined, place: Place): Said {
    const [seq, what, pending] = e.type === "message" ? [e.message.seq, e.message, null] : [0, { ...e.pending, from: this.me, recalledAt: null }, e.pending];
    const own = what.from === this.me;
    const together = (other: Entry | undefined) => {
      if (!other || (other.type !== "message" && other.type !== "pending")) return false;
      const from = other.type === "message" ? other.message.from : this.me;
      const then = timeOfEntry(other);
      return from === what.from && day(then) === day(at) && Math.abs(then.getTime() - at.getTime()) < TOGETHER_MS;
    };
    let readBy = 0;
    if (own && seq > 0) for (const [user, to] of this.client.receiptsOf(place.id)) if (user !== this.me && to >= seq) readBy++;
    const recent = Date.now() - at.getTime() < RECALL_MS;
    return {
      type: "said",
      key: keyOf(e, this.me),
      what,
      seq,
      own,
      group: place.group,
      first: !together(before),
      last: !together(after),
      at,
      pending,
      readBy,
      readByAll: readBy > 0 && readBy >= place.members - 1,
      recallable: seq > 0 && ((own && recent) || (place.group && place.admin)),
    };
  }

  #make(i: Item): Made<Item> {
    if (i.type === "mark") return { node: h("div", { class: `mark ${i.kind}`, role: i.kind === "day" ? "separator" : null }, h("span", {}, i.text)) };
    if (i.type === "gap") return { node: this.#gap(i) };
    return bubble(i, {
      recall: (seq) => this.#recall(seq),
      readers: (seq) => void this.#readers(seq),
      retry: (p) => this.client.retry(p),
      discard: (p) => this.client.discard(p),
    }) as Made<Item>;
  }

  #gap(gap: Extract<Item, { type: "gap" }>): HTMLElement {
    const count = gap.to - gap.from + 1;
    if (gap.coming) return h("div", { class: "mark coming" }, h("span", {}, count === 1 ? "One message is on its way" : `${count} messages are on their way`));
    const label = gap.top ? "Load earlier messages" : `Load ${count} more here`;
    return h("div", { class: "mark gap" }, button(label, (on) => void this.#load(on, gap.to), { class: "chip", "data-focus": "gap" }));
  }

  async #load(on: HTMLButtonElement, to: number): Promise<void> {
    if (!this.#place || this.#loading) return;
    this.#loading = true;
    on.disabled = true;
    on.textContent = "Loading…";
    const below = this.#scroll.scrollHeight - this.#scroll.scrollTop;
    try {
      await this.client.older(this.#place.id, to);
      this.#hush();
      this.show();
      this.#scroll.scrollTop = this.#scroll.scrollHeight - below; // what was in sight stays there
    } catch (err) {
      if (!(err instanceof Fault)) throw err;
      toast(sentence(err));
    } finally {
      this.#loading = false;
      on.disabled = false;
      on.textContent = "Load earlier messages";
    }
  }

  #recall(seq: number): void {
    const place = this.#place;
    const entry = place && this.client.timeline(place.id).find((e) => e.type === "message" && e.message.seq === seq);
    if (!place || entry?.type !== "message") return;
    ask({
      title: "Recall this message?",
      text: h("blockquote", {}, textOf(entry.message)),
      act: "Recall",
      danger: true,
      carry: () => this.client.recall(place.id, seq),
    });
  }

  async #readers(seq: number): Promise<void> {
    if (!this.#place) return;
    try {
      const r = await this.client.receipts(this.#place.id, seq);
      const others = Math.max(r.members - 1, 0);
      tell(
        "Read by",
        h("p", { class: "dialog-text" }, r.read === 0 ? "Nobody has read it yet." : `${r.read} of ${others}`),
        r.users.length > 0 && h("ul", { class: "names" }, ...r.users.map((user) => h("li", {}, nameOf(user)))),
      );
    } catch (err) {
      if (!(err instanceof Fault)) throw err;
      toast(sentence(err));
    }
  }
}

/** keyOf stays while a message of one's own goes from waiting to stored. */
function keyOf(e: Extract<Entry, { type: "message" | "pending" }>, me: string): string {
  if (e.type === "pending") return `own-${e.pending.clientMsgId}`;
  return e.message.from === me ? `own-${e.message.clientMsgId}` : `m${e.message.seq}`;
}

function timeOfEntry(e: Extract<Entry, { type: "message" | "pending" }>): Date {
  return new Date(e.type === "message" ? e.message.sentAt : e.pending.at);
}
