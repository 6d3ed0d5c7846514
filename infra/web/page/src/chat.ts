import type { Group } from "../../client/api.ts";
import { Client } from "../../client/client.ts";
import { LocalStore } from "../../client/store.ts";
import type { Summary } from "../../client/view.ts";
import { avatar } from "./avatar.ts";
import { beginChat, beginGroup, joinGroup } from "./begin.ts";
import { Composer } from "./composer.ts";
import { ask } from "./dialog.ts";
import { button, fill, h, Later } from "./dom.ts";
import { Head, type Presence } from "./head.ts";
import { icon } from "./icon.ts";
import { List } from "./list.ts";
import { Panel } from "./panel.ts";
import { device, type Session } from "./session.ts";
import { Status } from "./status.ts";
import { Stream, type Place } from "./stream.ts";
import { themeButton } from "./theme.ts";
import { toast } from "./toast.ts";
import { exactly } from "./words.ts";

export interface Config {
  readonly sockets: readonly string[];
  readonly api: string;
}

const AWAY = "bazaar.away";
const TYPING_MS = 5_000;
const WATCHED = 100;

/** Chat is the page of somebody who is signed in. left is called when they are not any more. */
export class Chat {
  readonly #client: Client;
  readonly #store = new LocalStore(localStorage);
  readonly #me: string;
  readonly #app = h("div", { class: "app", "data-view": "list" });
  readonly #talk = h("main", { class: "talk" });
  readonly #nothing = h("div", { class: "nothing" }, h("div", { class: "nothing-star" }, icon("chat")), h("p", {}, "Choose a conversation, or begin one."));
  readonly #list: List;
  readonly #head: Head;
  readonly #stream: Stream;
  readonly #composer: Composer;
  readonly #panel: Panel;
  readonly #status: Status;
  readonly #presence = new Map<string, Presence>();
  readonly #typing = new Map<string, Map<string, number>>();
  readonly #groups = new Map<string, Group>();
  readonly #ends: (() => void)[] = [];
  readonly #lists = new Later(() => this.#showList());
  readonly #talks = new Later(() => this.#showTalk());
  readonly #statuses = new Later(() => this.#showStatus());
  #selected: string | null = null;
  #members: readonly string[] = [];
  #away = sessionStorage.getItem(AWAY) === "yes";

  constructor(
    config: Config,
    private readonly session: Session,
    private readonly left: (notice: string) => void,
  ) {
    this.#me = session.user;
    this.#client = new Client({ sockets: config.sockets, api: config.api, user: this.#me, device: device(), token: (fresh) => session.token(fresh), store: this.#store });
    const client = this.#client;
    const online = (user: string) => this.#presence.get(user)?.online === true;
    this.#list = new List({ client, me: this.#me, open: (id) => this.#go(id), online, typing: (id) => this.#typists(id) });
    this.#head = new Head({ back: () => this.#go(null), members: () => this.#togglePanel() });
    this.#stream = new Stream(client, this.#me, () => this.#seen());
    this.#composer = new Composer({
      send: (text) => this.#send(text),
      typing: () => this.#selected && client.typing(this.#selected),
      grown: () => this.#stream.stay(),
    });
    this.#panel = new Panel({
      groups: client.groups,
      me: this.#me,
      close: () => this.#togglePanel(),
      changed: (id) => void this.#learn(id),
      write: (user) => this.#go(client.direct(user)),
      online,
      members: (users) => {
        this.#members = users;
        this.#watch();
      },
    });
    this.#status = new Status({ wake: () => client.wake(), takeOver: () => client.start(), away: (away) => this.#setAway(away) });
  }

  /** show puts the page in place and connects. */
  async show(root: HTMLElement): Promise<void> {
    this.#build(root);
    this.#listen();
    await this.#client.open();
    this.#select(id(location.hash));
    this.#lists.plan();
    this.#statuses.plan();
    if (!this.#away) this.#client.start();
  }

  #build(root: HTMLElement): void {
    fill(this.#talk, this.#status.strip, this.#nothing);
    fill(
      this.#app,
      h("nav", { class: "side", "aria-label": "Conversations" },
        h("div", { class: "awning" }),
        h("header", { class: "side-head" },
          h("h1", {}, "Bazaar"),
          themeButton(),
          button("New chat", () => beginChat(this.#me, (user) => this.#go(this.#client.direct(user))), { class: "tool", id: "new-chat" }, icon("chat")),
          button("New group", () => beginGroup(this.#client, this.#me, (made) => this.#go(made)), { class: "tool", id: "new-group" }, icon("group")),
        ),
        this.#list.find,
        this.#list.node,
        h("div", { class: "side-more" }, button("Join a group", () => joinGroup(this.#client, this.#me, (made) => this.#go(made)), { class: "link" }, "Join a group by its id")),
        h("footer", { class: "side-foot" },
          avatar(this.#me, "direct"),
          h("span", { class: "me" }, this.#me),
          this.#status.switch,
          button("Sign out", () => this.#signOut(), { class: "tool", id: "sign-out" }, icon("leave")),
        ),
      ),
      this.#talk,
      this.#panel.node,
    );
    fill(root, this.#app);
  }

  #listen(): void {
    const c = this.#client;
    const on = <K extends keyof WindowEventMap>(what: K, hear: (e: WindowEventMap[K]) => void, at: Window | Document = window) => {
      at.addEventListener(what, hear as (e: Event) => void);
      this.#ends.push(() => at.removeEventListener(what, hear as (e: Event) => void));
    };
    const tick = setInterval(() => (this.#lists.plan(), this.#talks.plan()), 20_000);
    this.#ends.push(
      () => clearInterval(tick),
      c.on("state", (state) => state.name === "ready" ? this.#statuses.plan() : this.#blind()),
      c.on("conversation", (which) => (this.#lists.plan(), this.#statuses.plan(), which === this.#selected && this.#talks.plan())),
      c.on("entry", (which) => (this.#fell(which), which === this.#selected && this.#talks.plan())),
      c.on("receipt", (r) => r.conversation === this.#selected && this.#talks.plan()),
      c.on("opened", (o) => this.#opened(o.from, o.conversation)),
      c.on("typing", (t) => this.#typed(t.conversation, t.user)),
      c.on("presence", (p) => (this.#presence.set(p.user, p), this.#lists.plan(), this.#talks.plan(), this.#panel.show())),
      c.on("member", (which) => void this.#learn(which)),
      c.on("removed", (which) => this.#removed(which)),
      c.on("stopped", (why) => why.reason === "signed-out" && this.#leave("You have been signed out.")),
    );
    on("hashchange", () => this.#select(id(location.hash)));
    on("online", () => c.wake());
    on("visibilitychange" as "focus", () => (document.visibilityState === "visible" && c.wake(), this.#seen()), document);
    on("focus", () => this.#seen());
    on("keydown", (event) => this.#key(event));
  }

  #go(to: string | null): void {
    if (to === this.#selected) this.#app.dataset["view"] = to === null ? "list" : "chat";
    location.hash = to ?? "";
  }

  #select(to: string | null): void {
    this.#selected = to;
    this.#app.dataset["view"] = to === null ? "list" : "chat";
    if (!this.#panel.node.hidden) this.#togglePanel();
    this.#lists.plan();
    if (to === null) {
      fill(this.#talk, this.#status.strip, this.#nothing);
      return;
    }
    fill(this.#talk, this.#status.strip, this.#head.node, this.#stream.node, this.#composer.node);
    const s = this.#summary(to);
    this.#stream.open(this.#place(s), s.readSeq);
    this.#composer.open(to);
    this.#showTalk();
    this.#stream.bottom();
    this.#composer.focus();
    void this.#learn(to);
    void this.#askReceipts(to);
  }

  /** summary is what is known of a conversation, if it is only whom it would be with. */
  #summary(which: string): Summary {
    const known = this.#client.conversations().find((s) => s.id === which);
    const nobody = { id: which, kind: "", title: null, peer: null, activeAt: "", last: null, unread: 0, more: false, readSeq: 0, cursor: 0, mutedUntil: null, waiting: null };
    return known ?? (which.startsWith("@") ? { ...nobody, kind: "direct", peer: which.slice(1) } : nobody);
  }

  #place(s: Summary): Place {
    const group = this.#groups.get(s.id);
    return { id: s.id, group: s.kind === "group", admin: group?.role === "owner" || group?.role === "admin", members: s.kind === "group" ? (group?.members ?? Infinity) : 2 };
  }

  /** learn asks what a group is called, how large it is and what one may do there. */
  async #learn(which: string): Promise<void> {
    if (this.#summary(which).kind !== "group") return;
    try {
      const group = await this.#client.groups.show(which);
      this.#groups.set(which, group);
      this.#panel.refresh(group);
      this.#talks.plan();
    } catch {
      // Asked again when it is opened, or when its members change.
    }
  }

  /** askReceipts learns how far others had read before this page was there. */
  async #askReceipts(which: string): Promise<void> {
    const last = this.#client.timeline(which).findLast((e) => e.type === "message" && e.message.from === this.#me);
    if (last?.type !== "message") return;
    await this.#client.receipts(which, last.message.seq).catch(() => undefined);
  }

  #send(text: string): void {
    const which = this.#selected;
    if (!which) return;
    this.#client.send(which.startsWith("@") ? { user: which.slice(1) } : { conversation: which }, "text", { text });
    this.#talks.plan();
    queueMicrotask(() => this.#stream.bottom());
  }

  #seen(): void {
    if (!this.#selected || document.visibilityState !== "visible" || !this.#stream.atBottom) return;
    this.#client.read(this.#selected, Number.MAX_SAFE_INTEGER);
  }

  #opened(from: string, to: string): void {
    if (this.#selected !== from) return;
    this.#composer.moved(from, to);
    this.#selected = to;
    this.#stream.moved(this.#place(this.#summary(to)));
    history.replaceState(null, "", `#${to}`);
    this.#lists.plan();
    this.#talks.plan();
  }

  #removed(which: string): void {
    this.#groups.delete(which);
    this.#lists.plan();
    if (which !== this.#selected) return;
    toast("You are not in this conversation any more.");
    this.#go(null);
  }

  #typed(which: string, user: string): void {
    const typing = this.#typing.get(which) ?? new Map<string, number>();
    this.#typing.set(which, typing);
    clearTimeout(typing.get(user));
    const over = () => (typing.delete(user), this.#lists.plan(), this.#talks.plan());
    typing.set(user, window.setTimeout(over, TYPING_MS));
    this.#lists.plan();
    this.#talks.plan();
  }

  /** fell: who has just said something does not type any more. */
  #fell(which: string): void {
    const last = this.#client.timeline(which).at(-1);
    if (last?.type === "message") this.#typing.get(which)?.delete(last.message.from);
  }

  #typists(which: string): string[] {
    return [...(this.#typing.get(which)?.keys() ?? [])];
  }

  #togglePanel(): void {
    const group = this.#selected ? this.#groups.get(this.#selected) : undefined;
    if (this.#panel.node.hidden && group) {
      this.#app.dataset["view"] = "panel";
      void this.#panel.open(group);
    } else {
      this.#app.dataset["view"] = this.#selected ? "chat" : "list";
      this.#panel.close();
    }
    this.#talks.plan();
  }

  #watch(): void {
    const peers = this.#client.conversations().flatMap((s) => (s.peer !== null ? [s.peer] : []));
    const open = this.#selected?.startsWith("@") ? [this.#selected.slice(1)] : [];
    this.#client.watch([...new Set([...open, ...this.#members, ...peers])].slice(0, WATCHED));
  }

  #setAway(away: boolean): void {
    this.#away = away;
    sessionStorage.setItem(AWAY, away ? "yes" : "no");
    if (away) this.#client.stop();
    else this.#client.start();
    this.#statuses.plan();
  }

  #showList(): void {
    this.#list.show(this.#selected);
    this.#watch();
    const unread = this.#client.conversations().reduce((sum, s) => sum + s.unread, 0);
    document.title = unread > 0 ? `(${unread}) Bazaar` : "Bazaar";
  }

  #showTalk(): void {
    const which = this.#selected;
    if (!which) return;
    const s = this.#summary(which);
    if (s.kind === "group" && !this.#groups.has(which)) void this.#learnOnce(which);
    this.#head.show(s, this.#groups.get(which)?.members ?? 0, s.peer === null ? undefined : this.#presence.get(s.peer), this.#typists(which), !this.#panel.node.hidden);
    this.#stream.moved(this.#place(s));
    const muted = s.mutedUntil !== null && new Date(s.mutedUntil).getTime() > Date.now();
    this.#composer.forbid(muted ? `You are muted until ${exactly(new Date(s.mutedUntil ?? 0))}` : "");
    this.#seen();
  }

  readonly #learning = new Set<string>();

  async #learnOnce(which: string): Promise<void> {
    if (this.#learning.has(which) || this.#client.state.name !== "ready") return;
    this.#learning.add(which);
    await this.#learn(which);
    this.#learning.delete(which);
  }

  /** blind: without a connection nobody is known to be there, or to be typing. */
  #blind(): void {
    this.#presence.clear();
    this.#typing.clear();
    this.#statuses.plan();
    this.#lists.plan();
    this.#talks.plan();
    this.#panel.show();
  }

  #showStatus(): void {
    this.#status.show(this.#client.state, this.#away, this.#client.unsent());
  }

  #key(event: KeyboardEvent): void {
    if (event.altKey && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      const all = this.#client.conversations();
      const at = all.findIndex((s) => s.id === this.#selected);
      const next = all[at + (event.key === "ArrowDown" ? 1 : -1)];
      if (next) this.#go(next.id);
      event.preventDefault();
    } else if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
      if (!this.#panel.node.hidden) this.#togglePanel();
      else if (this.#selected) this.#go(null);
    }
  }

  #signOut(): void {
    const unsent = this.#client.unsent();
    const out = () => {
      this.#client.close();
      this.#store.forget(this.#me);
      void this.session.signOut();
      this.#leave("");
    };
    if (unsent === 0) return out();
    ask({ title: "Sign out?", text: `${unsent === 1 ? "One message is" : `${unsent} messages are`} not sent yet, and would be lost.`, act: "Sign out all the same", danger: true, carry: out });
  }

  #leave(notice: string): void {
    this.#client.close();
    this.session.forget();
    sessionStorage.removeItem(AWAY);
    for (const end of this.#ends.splice(0)) end();
    history.replaceState(null, "", location.pathname);
    document.title = "Bazaar";
    this.left(notice);
  }
}

/** id is the conversation that the address names. */
function id(hash: string): string | null {
  const found = decodeURIComponent(hash.slice(1));
  return /^@?[A-Za-z0-9_-]{1,64}$/.test(found) ? found : null;
}
