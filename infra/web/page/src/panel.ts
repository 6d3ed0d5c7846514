import { Fault, type Group, type GroupApi, type Member } from "../../client/api.ts";
import { avatar } from "./avatar.ts";
import { ask } from "./dialog.ts";
import { button, fill, h } from "./dom.ts";
import { icon } from "./icon.ts";
import { toast } from "./toast.ts";
import { exactly, nameOf, sentence } from "./words.ts";

export interface PanelNeeds {
  readonly groups: GroupApi;
  readonly me: string;
  close(): void;
  /** Something about the group was changed here. */
  changed(id: string): void;
  write(user: string): void;
  online(user: string): boolean;
  members(users: readonly string[]): void;
}

const HOUR_MS = 3_600_000;
const RANK: Record<string, number> = { owner: 3, admin: 2, member: 1 };

/** Panel is who is in a group, and what one may do about it. */
export class Panel {
  readonly node = h("aside", { class: "panel", "aria-label": "Members", hidden: true });
  #group: Group | null = null;
  #members: Member[] = [];
  #next: string | null = null;
  #turn = 0;

  constructor(private readonly o: PanelNeeds) {}

  async open(group: Group): Promise<void> {
    this.#group = group;
    this.node.hidden = false;
    await this.#load(null);
  }

  close(): void {
    this.#group = null;
    this.#turn++;
    this.node.hidden = true;
  }

  /** refresh asks again who is in it, when the panel is open. */
  refresh(group: Group): void {
    if (this.#group?.id === group.id) void this.open(group);
  }

  show(): void {
    const g = this.#group;
    if (!g) return;
    const may = (RANK[g.role] ?? 0) >= 2;
    fill(
      this.node,
      h("header", {}, h("h2", {}, g.members === 1 ? "1 member" : `${g.members} members`), button("Close members", () => this.o.close(), { class: "tool" }, icon("close"))),
      may && this.#adder(g),
      h("ul", { class: "members" }, ...this.#members.map((m) => this.#row(g, m))),
      this.#next !== null && button("Show more", () => void this.#load(this.#next), { class: "chip" }),
      h("div", { class: "panel-foot" },
        h("p", { class: "group-id" }, g.open ? "Open to anyone who knows " : "Closed group ", h("code", {}, g.id)),
        may && button("Rename", () => this.#rename(g), { class: "plain" }, icon("pen"), "Rename"),
        may && button("Open", () => void this.#do(() => this.o.groups.change(g.id, { open: !g.open })), { class: "plain" }, icon("group"), g.open ? "Close it to strangers" : "Open it to anyone"),
        g.role === "owner" && g.members > 1
          ? button("Dissolve", () => this.#dissolve(g), { class: "plain danger-text" }, icon("close"), "Dissolve the group")
          : button("Leave", () => this.#leave(g), { class: "plain danger-text" }, icon("leave"), "Leave the group"),
      ),
    );
  }

  async #load(after: string | null): Promise<void> {
    const turn = ++this.#turn;
    const g = this.#group;
    if (!g) return;
    try {
      const page = await this.o.groups.members(g.id, after);
      if (turn !== this.#turn) return;
      this.#members = [...(after === null ? [] : this.#members), ...page.items];
      if (after === null) this.#members.sort((a, b) => (RANK[b.role] ?? 0) - (RANK[a.role] ?? 0) || (a.user < b.user ? -1 : 1));
      this.#next = page.next;
      this.o.members(this.#members.map((m) => m.user));
      this.show();
    } catch (err) {
      if (!(err instanceof Fault)) throw err;
      if (turn === this.#turn) toast(sentence(err));
    }
  }

  #adder(g: Group): HTMLElement {
    const who = h("input", { placeholder: "Add somebody by name", "aria-label": "Name of a new member", pattern: "[A-Za-z0-9_\\-]{1,64}", required: true, autocapitalize: "none", spellcheck: "false", autocomplete: "off" });
    return h(
      "form",
      {
        class: "adder",
        on: {
          submit: (event) => {
            event.preventDefault();
            const user = who.value.trim();
            who.value = "";
            void this.#do(() => this.o.groups.put(g.id, user, {}));
          },
        },
      },
      who,
      h("button", { type: "submit", class: "tool", "aria-label": "Add", title: "Add" }, icon("plus")),
    );
  }

  #row(g: Group, m: Member): HTMLElement {
    const muted = m.mutedUntil !== null && new Date(m.mutedUntil).getTime() > Date.now();
    const above = (RANK[g.role] ?? 0) > (RANK[m.role] ?? 0);
    return h(
      "li",
      { class: "member", "data-user": m.user },
      avatar(m.user, "direct", this.o.online(m.user)),
      h("span", { class: "member-main" },
        h("span", { class: "member-name" }, nameOf(m.user, this.o.me)),
        h("span", { class: "member-role" }, m.role === "member" ? (muted ? "" : this.o.online(m.user) ? "online" : "") : m.role, muted && h("span", { title: `until ${exactly(new Date(m.mutedUntil ?? 0))}` }, m.role === "member" ? "muted" : ", muted")),
      ),
      m.user !== this.o.me && button(`What to do about ${m.user}`, () => this.#menu(g, m, above, muted), { class: "tool" }, icon("more")),
    );
  }

  #menu(g: Group, m: Member, above: boolean, muted: boolean): void {
    const groups = this.o.groups;
    const until = () => new Date(Date.now() + HOUR_MS).toISOString();
    const choose = (label: string, act: () => Promise<unknown>, danger = false) =>
      button(label, () => {
        document.querySelector("dialog")?.close();
        void this.#do(act);
      }, { class: danger ? "plain danger-text" : "plain" });
    const dialog = h("dialog", { class: "menu", "aria-label": m.user, on: { close: (_, on) => on.remove(), click: (event, on) => event.target === on && on.close() } },
      h("div", { class: "told" },
        h("header", {}, h("h2", {}, nameOf(m.user)), button("Close", () => dialog.close(), { class: "tool" }, icon("close"))),
        button("Write to them", () => {
          dialog.close();
          this.o.write(m.user);
        }, { class: "plain" }),
        g.role === "owner" && m.role === "member" && choose("Make an admin", () => groups.put(g.id, m.user, { role: "admin" })),
        g.role === "owner" && m.role === "admin" && choose("Make an ordinary member", () => groups.put(g.id, m.user, { role: "member" })),
        g.role === "owner" && choose("Hand the group over", () => groups.put(g.id, m.user, { role: "owner" })),
        above && (muted ? choose("Let them speak again", () => groups.put(g.id, m.user, { muted_until: null })) : choose("Mute for an hour", () => groups.put(g.id, m.user, { muted_until: until() }))),
        above && choose("Remove from the group", () => groups.remove(g.id, m.user), true),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  }

  #rename(g: Group): void {
    ask({
      title: "Rename the group",
      fields: [{ name: "title", label: "Title", value: g.title, limit: 100 }],
      act: "Rename",
      carry: async (values) => {
        await this.o.groups.change(g.id, { title: values.get("title") ?? "" });
        this.o.changed(g.id);
      },
    });
  }

  #dissolve(g: Group): void {
    ask({ title: `Dissolve “${g.title}”?`, text: "Everybody is out of it, and nobody can write in it or read it any more.", act: "Dissolve", danger: true, carry: () => this.o.groups.dissolve(g.id) });
  }

  #leave(g: Group): void {
    ask({ title: `Leave “${g.title}”?`, text: "You will not see what is said from now on, nor what was said before.", act: "Leave", danger: true, carry: () => this.o.groups.remove(g.id, this.o.me) });
  }

  async #do(act: () => Promise<unknown>): Promise<void> {
    const g = this.#group;
    try {
      await act();
      if (g) this.o.changed(g.id);
    } catch (err) {
      if (!(err instanceof Fault)) throw err;
      toast(sentence(err));
    }
  }
}
