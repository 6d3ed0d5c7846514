import { Api, type GroupApi, type Receipts } from "./api.ts";
import type { Random } from "./backoff.ts";
import { wall, type Clock, type Timer } from "./clock.ts";
import { Directory } from "./directory.ts";
import { Errand } from "./errand.ts";
import { Bell, type Events } from "./events.ts";
import { PROTOCOL, say, type Body, type Change, type Line, type Message, type Target } from "./frame.ts";
import { Link, type LinkState } from "./link.ts";
import type { Options } from "./options.ts";
import { Outbox, type Pending } from "./outbox.ts";
import { LocalStore, type Store } from "./store.ts";
import { entries, summaries, type Entry, type Summary } from "./view.ts";

export type { Options } from "./options.ts";

const PAGE = 50;
const NAMED = 1000; // cursors that one sync may name
const LISTS = 10; // pages of the list of conversations
const WATCHED = 100;
const TYPING_MS = 3_000;
const SAVE_MS = 200;

/**
 * Client is a chat: a link that comes back, an outbox that does not lose, and
 * timelines without holes. It shows a message once, in the order of seq. It
 * does not say that a message was read: whoever shows it does, by read.
 */
export class Client {
  readonly groups: GroupApi;
  readonly #o: Options;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #store: Store;
  readonly #api: Api;
  readonly #link: Link;
  readonly #outbox: Outbox;
  readonly #sync: Errand;
  readonly #list: Errand;
  readonly #known: Directory;
  readonly #typed = new Map<string, number>();
  readonly #bell = new Bell();
  #watched: readonly string[] = [];
  #loaded: Promise<void> | null = null;
  #saving: Timer | null = null;
  #wanted = false; // start was said and stop was not
  #closed = false;

  constructor(o: Options) {
    this.#o = o;
    this.#clock = o.clock ?? wall;
    this.#random = o.random ?? Math.random;
    this.#store = o.store ?? new LocalStore(localStorage);
    const clock = this.#clock;
    const random = this.#random;
    this.#api = new Api({ base: o.api, clock, token: (fresh) => o.token(fresh), fetch: o.fetch ?? ((url, init) => fetch(url, init)) });
    this.groups = this.#api.groups;
    this.#link = new Link({
      sockets: o.sockets,
      user: o.user,
      device: o.device,
      clock,
      random,
      token: (fresh) => o.token(fresh),
      socket: o.socket ?? ((url) => new WebSocket(url, PROTOCOL)),
      state: (state) => this.#turned(state),
      line: (line) => this.#heard(line),
    });
    this.#outbox = new Outbox({
      clock,
      random,
      lane: (target) => this.#known.lane(target),
      send: (item) => this.#link.send(say.send(item.clientMsgId, item.target, item.kind, item.body)),
      save: () => this.#save(),
      changed: (item) => {
        this.#bell.tell("entry", this.#known.lane(item.target));
        this.#bell.tell("conversation", this.#known.lane(item.target));
      },
    });
    this.#known = new Directory(o.user, { clock, random, behind: () => this.#sync.want(0) });
    this.#sync = new Errand(clock, random, () => this.#synchronize());
    this.#list = new Errand(clock, random, () => this.#listAll());
  }

  get state(): LinkState {
    return this.#link.state;
  }

  /** start brings back what was kept, and connects. */
  start(): void {
    this.#wanted = true;
    void this.open().then(() => {
      if (this.#wanted) this.#link.start();
    });
  }

  /** open brings back what was kept, without connecting. */
  open(): Promise<void> {
    return (this.#loaded ??= this.#load());
  }

  /** stop goes offline; what is sent meanwhile is kept. */
  stop(): void {
    this.#wanted = false;
    this.#link.stop();
  }

  /** close is a stop for good: nothing is kept from now on, so that a store can be emptied. */
  close(): void {
    this.stop();
    this.#closed = true;
  }

  /** wake ends a pause at once. */
  wake(): void {
    this.#link.wake();
  }

  /** on calls hear at each such event, until what it returns is called. */
  on<K extends keyof Events>(what: K, hear: (told: Events[K]) => void): () => void {
    return this.#bell.on(what, hear);
  }

  /** send keeps a message and sends it when it can. */
  send(to: Target, kind: string, body: Body): Pending {
    return this.#outbox.add((this.#o.newId ?? newId)(), to, kind, body);
  }

  /** retry sends once more what failed for good; discard forgets it. */
  retry(p: Pending): void {
    this.#outbox.retry(p.clientMsgId);
  }

  discard(p: Pending): void {
    this.#outbox.discard(p.clientMsgId);
  }

  /** unsent counts what no server has yet. */
  unsent(): number {
    return this.#outbox.items().length;
  }

  /** direct is the name under which a user is written to: the conversation, or `@user` before there is one. */
  direct(user: string): string {
    return this.#known.lane({ user });
  }

  /** conversations are the newest first. */
  conversations(): Summary[] {
    return summaries(this.#known.all(), this.#outbox.items(), (target) => this.#known.lane(target));
  }

  timeline(id: string): Entry[] {
    const pending = this.#outbox.items().filter((item) => this.#known.lane(item.target) === id);
    return entries(this.#known.get(id), pending);
  }

  /** receiptsOf says how far others have read, as far as this client has heard. */
  receiptsOf(id: string): ReadonlyMap<string, number> {
    return this.#known.get(id)?.receipts ?? new Map<string, number>();
  }

  /** older loads the newest page of a gap: of the one that ends at to, or of the newest one. Throws Fault. */
  async older(id: string, to?: number): Promise<void> {
    const timeline = this.#known.get(id)?.timeline;
    const gap = timeline?.gaps.findLast((g) => to === undefined || g.to === to);
    if (!timeline || !gap) return;
    const page = await this.#api.history(id, gap.to + 1, PAGE);
    timeline.filled(gap.to + 1, page.items, page.next === null);
    this.#changed(id);
  }

  /** read says that everything up to seq was shown to the person. */
  read(id: string, seq: number): void {
    const c = this.#known.get(id);
    if (!c?.read(seq)) return;
    this.#link.send(say.read(id, c.readSeq));
    this.#bell.tell("conversation", id);
    this.#saveSoon();
  }

  /** typing tells the others, at most every few seconds. */
  typing(id: string): void {
    const now = this.#clock.now();
    if (!this.#known.get(id) || now - (this.#typed.get(id) ?? -Infinity) < TYPING_MS) return;
    if (this.#link.send(say.typing(id))) this.#typed.set(id, now);
  }

  /** watch asks for the presence of these users, and of none but the first hundred. */
  watch(users: readonly string[]): void {
    const wanted = users.slice(0, WATCHED);
    if (wanted.join() === this.#watched.join()) return;
    this.#watched = wanted;
    this.#link.send(say.presence(wanted));
  }

  /** recall takes a message back. Throws Fault. */
  async recall(id: string, seq: number): Promise<void> {
    await this.#api.recall(id, seq);
    this.#known.get(id)?.recall(seq);
    this.#changed(id);
  }

  /** receipts asks who has read a message. Throws Fault. */
  async receipts(id: string, seq: number): Promise<Receipts> {
    const receipts = await this.#api.receipts(id, seq);
    for (const user of receipts.users) this.#receipt(id, user, seq);
    return receipts;
  }

  /** refresh asks for the list of conversations again. */
  refresh(): void {
    this.#list.want(0);
  }

  #turned(state: LinkState): void {
    if (state.name === "ready") {
      this.#sync.allow();
      this.#list.allow();
      this.#sync.want(this.#random() * 200);
      this.#list.want(0);
      if (this.#watched.length > 0) this.#link.send(say.presence(this.#watched));
      this.#outbox.up();
    } else {
      this.#sync.halt();
      this.#list.halt();
      this.#outbox.down();
    }
    this.#bell.tell("state", state);
    if (state.name === "stopped") this.#bell.tell("stopped", state.why);
  }

  #heard(line: Line): void {
    switch (line.t) {
      case "ready":
      case "ping":
        for (const [id, head] of line.heads) this.#known.open(id).timeline.hint(head);
        break;
      case "hint": {
        const c = this.#known.open(line.conversation);
        c.timeline.hint(line.lastSeq);
        if (c.kind === "") this.#list.want(this.#random() * 200); // nothing may have been said there yet
        break;
      }
      case "message":
        this.#take(line.message);
        break;
      case "sent": {
        const item = this.#arrived(line.clientMsgId, line.conversation);
        if (item) this.#take({ conversation: line.conversation, seq: line.seq, id: line.messageId, clientMsgId: item.clientMsgId, from: this.#o.user, sentAt: line.sentAt, kind: item.kind, body: item.body, recalledAt: null });
        break;
      }
      case "refused":
        this.#outbox.refused(line.clientMsgId, line.code, line.retryable, line.retryAfterMs);
        break;
      case "error":
        if (line.code === "rate_limited") this.#outbox.refused(line.ref, line.code, true, 1_000);
        break;
      case "event":
        this.#happened(line.change);
        break;
      case "typing":
        if (line.user !== this.#o.user) this.#bell.tell("typing", { conversation: line.conversation, user: line.user });
        break;
      case "presence":
        this.#bell.tell("presence", { user: line.user, online: line.online, lastActive: line.lastActive });
        break;
      default: // the link's own
    }
  }

  #happened(change: Change): void {
    const id = change.conversation;
    const known = this.#known.get(id);
    switch (change.kind) {
      case "read":
        if (change.user !== this.#o.user) this.#receipt(id, change.user, change.seq);
        else if (known?.confirm(change.seq)) this.#changed(id);
        return;
      case "recall":
        if (known?.recall(change.seq)) this.#changed(id);
        return;
      case "group":
        if (change.dissolved) return this.#remove(id);
        if (change.title !== null && known) known.title = change.title;
        break;
      case "member":
        if (change.user === this.#o.user && (change.change === "left" || change.change === "removed")) return this.#remove(id);
        if (change.user === this.#o.user) this.#list.want(0); // a role or a silence of one's own
        this.#bell.tell("member", id);
        break;
    }
    const c = this.#known.open(id);
    if (c.kind === "") this.#list.want(0);
    if (c.note(change)) this.#changed(id);
  }

  /** arrived takes out of the outbox what is known to be stored. */
  #arrived(clientMsgId: string, conversation: string): Pending | null {
    const item = this.#outbox.sent(clientMsgId, conversation);
    if (item) this.#meet(item.target, conversation);
    return item;
  }

  #take(message: Message): void {
    if (message.from === this.#o.user) this.#arrived(message.clientMsgId, message.conversation); // its answer got lost
    const c = this.#known.open(message.conversation);
    const known = c.kind !== "";
    if (!c.timeline.take(message)) return;
    if (!known) this.#list.want(this.#random() * 200); // nothing but the list says what it is called
    c.touch();
    this.#changed(message.conversation);
  }

  async #synchronize(): Promise<void> {
    const cursors = new Map<string, number>();
    const heads = new Map<string, number>();
    for (const { id } of this.conversations()) {
      const c = this.#known.get(id);
      if (!c) continue;
      if (cursors.size < NAMED) cursors.set(id, c.timeline.cursor);
      heads.set(id, c.timeline.head);
    }
    const answer = await this.#api.sync(cursors, PAGE);
    for (const page of answer.pages) {
      for (const m of page.messages) if (m.from === this.#o.user) this.#arrived(m.clientMsgId, m.conversation);
      const c = this.#known.open(page.conversation);
      if (c.title === null && c.peer === null) this.#list.want(0);
      c.synced(page);
      this.#changed(page.conversation);
    }
    for (const [id, head] of heads) this.#known.get(id)?.timeline.settled(head);
    for (const id of answer.removed) this.#remove(id);
  }

  async #listAll(): Promise<void> {
    let after: string | null = null;
    for (let n = 0; n < LISTS; n++) {
      const page: Awaited<ReturnType<Api["conversations"]>> = await this.#api.conversations(after);
      for (const listed of page.items) {
        const c = this.#known.open(listed.conversation);
        c.listed(listed);
        if (listed.peer !== null) this.#meet({ user: listed.peer }, c.id);
        this.#changed(c.id);
      }
      after = page.next;
      if (after === null) break;
    }
    // Marks that were set while there was no link, or whose way was lost.
    for (const c of this.#known.all()) if (c.unconfirmed) this.#link.send(say.read(c.id, c.readSeq));
  }

  #receipt(id: string, user: string, seq: number): void {
    if (this.#known.get(id)?.receipt(user, seq)) this.#bell.tell("receipt", { conversation: id, user, seq });
  }

  #remove(id: string): void {
    if (!this.#known.remove(id)) return;
    this.#bell.tell("removed", id);
    this.#saveSoon();
  }

  #meet(target: Target, conversation: string): void {
    if (!("user" in target) || !this.#known.meet(target.user, conversation)) return;
    this.#bell.tell("opened", { from: `@${target.user}`, conversation });
  }

  #changed(id: string): void {
    this.#known.get(id)?.touch();
    this.#bell.tell("entry", id);
    this.#bell.tell("conversation", id);
    this.#saveSoon();
  }

  async #load(): Promise<void> {
    const saved = await this.#store.load(this.#o.user).catch(() => null);
    for (const kept of saved?.conversations ?? []) {
      this.#known.open(kept.id).restore(kept);
      if (kept.peer !== null) this.#known.meet(kept.peer, kept.id);
      this.#bell.tell("conversation", kept.id);
    }
    this.#outbox.restore(saved?.outbox ?? []);
    for (const item of this.#outbox.items()) this.#bell.tell("entry", this.#known.lane(item.target));
  }

  #saveSoon(): void {
    this.#saving ??= this.#clock.after(SAVE_MS, () => void this.#save().catch(() => undefined));
  }

  async #save(): Promise<void> {
    await this.open(); // or what was kept would be written over before it was read
    this.#saving?.stop();
    this.#saving = null;
    // Replaced by another window of this browser, it must not write over what that one keeps.
    if (this.state.name === "stopped" || this.#closed) return;
    const conversations = [...this.#known.all()].filter((c) => c.timeline.cursor > 0).map((c) => c.save());
    await this.#store.save(this.#o.user, { outbox: this.#outbox.kept(), conversations });
  }
}

function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
