import type { Client } from "../../client/client.ts";
import type { Summary } from "../../client/view.ts";
import { avatar } from "./avatar.ts";
import { h, Keyed, type Made } from "./dom.ts";
import { icon } from "./icon.ts";
import { briefly, nameOf, textOf } from "./words.ts";

export interface ListNeeds {
  readonly client: Client;
  readonly me: string;
  open(id: string): void;
  online(user: string): boolean;
  typing(id: string): readonly string[];
}

/** titleOf is what a conversation is called. */
export function titleOf(s: Pick<Summary, "kind" | "title" | "peer">): string {
  if (s.kind === "group") return s.title ?? "…";
  return s.peer === null ? "…" : nameOf(s.peer);
}

/** List is the conversations, the one with the newest message first. */
export class List {
  readonly node = h("ul", { class: "list", on: { keydown: (event) => this.#move(event) } });
  readonly find = h("input", { type: "search", class: "find", placeholder: "Find a conversation", "aria-label": "Find a conversation", on: { input: () => this.show(this.#selected) } });
  readonly #empty = h("li", { class: "empty" }, "Nothing yet. Begin a chat with somebody, or with a group.");
  readonly #rows: Keyed<Summary>;
  #selected: string | null = null;

  constructor(private readonly o: ListNeeds) {
    this.#rows = new Keyed<Summary>(
      this.node,
      (s) => s.id,
      (s) => JSON.stringify([s, s.id === this.#selected, s.peer !== null && this.o.online(s.peer), this.o.typing(s.id)]),
      (s) => this.#row(s),
    );
  }

  show(selected: string | null): void {
    this.#selected = selected;
    const wanted = this.find.value.trim().toLocaleLowerCase();
    const all = this.o.client.conversations();
    const shown = wanted === "" ? all : all.filter((s) => titleOf(s).toLocaleLowerCase().includes(wanted));
    this.#rows.show(shown);
    this.#empty.textContent = all.length === 0 ? "Nothing here yet. Begin a chat with somebody, or with a group." : "Nothing is called that.";
    if (shown.length === 0) this.node.append(this.#empty);
    else this.#empty.remove();
  }

  #row(s: Summary): Made<Summary> {
    const title = titleOf(s);
    const online = s.peer !== null && this.o.online(s.peer);
    const unread = s.unread > 0 || s.more;
    const count = s.unread > 99 || (s.more && s.unread === 0) ? "99+" : `${s.unread}${s.more ? "+" : ""}`;
    const button = h(
      "button",
      {
        type: "button",
        class: `row${unread ? " unread" : ""}`,
        "data-focus": s.id,
        "data-conversation": s.id,
        "aria-current": s.id === this.#selected ? "true" : null,
        on: { click: () => this.o.open(s.id) },
      },
      avatar(s.kind === "group" ? title : (s.peer ?? "?"), s.kind, online, s.peer ?? s.id),
      h(
        "span",
        { class: "row-main" },
        h("span", { class: "row-top" }, h("span", { class: "row-title" }, title), h("time", { class: "row-time" }, s.last || s.waiting ? briefly(new Date(s.activeAt)) : "")),
        h("span", { class: "row-bottom" }, this.#line(s), unread && h("span", { class: "badge", "aria-label": `${count} unread` }, count)),
      ),
    );
    return { node: h("li", {}, button) };
  }

  #line(s: Summary): HTMLElement {
    const typing = this.o.typing(s.id);
    if (typing.length > 0) return h("span", { class: "row-line typing" }, s.kind === "group" ? `${typing.map((u) => nameOf(u)).join(", ")} typing…` : "typing…");
    if (s.waiting) {
      return h("span", { class: `row-line ${s.waiting.state === "failed" ? "failed" : ""}` }, icon(s.waiting.state === "failed" ? "alert" : "clock"), textOf({ ...s.waiting, recalledAt: null }));
    }
    if (!s.last) return h("span", { class: "row-line faint" }, "No messages yet");
    const who = s.last.from === this.o.me ? "You: " : s.kind === "group" ? `${nameOf(s.last.from)}: ` : "";
    return h("span", { class: `row-line${s.last.recalledAt ? " faint" : ""}` }, who && h("span", { class: "row-who" }, who), textOf(s.last));
  }

  #move(event: KeyboardEvent): void {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const rows = [...this.node.querySelectorAll<HTMLElement>("button.row")];
    const at = rows.findIndex((row) => row === document.activeElement);
    const next = rows[at + (event.key === "ArrowDown" ? 1 : -1)];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }
}
