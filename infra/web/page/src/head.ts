import type { Summary } from "../../client/view.ts";
import { avatar } from "./avatar.ts";
import { button, fill, h } from "./dom.ts";
import { icon } from "./icon.ts";
import { titleOf } from "./list.ts";
import { lastSeen, nameOf, SHOP } from "./words.ts";

export interface HeadNeeds {
  back(): void;
  members(): void;
}

/** Presence is what was last heard of a user. */
export interface Presence {
  readonly online: boolean;
  readonly lastActive: string | null;
}

/** Head is the top of the open conversation: who it is with, and what they do. */
export class Head {
  readonly node = h("header", { class: "talk-head" });
  #shown = "";

  constructor(private readonly o: HeadNeeds) {}

  show(s: Summary, members: number, presence: Presence | undefined, typing: readonly string[], panel: boolean): void {
    const under = this.#under(s, members, presence, typing);
    const shown = JSON.stringify([s.id, titleOf(s), under, presence?.online, panel]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const focus = this.node.contains(document.activeElement) ? document.activeElement?.getAttribute("data-focus") : null;
    fill(
      this.node,
      button("Back to the conversations", () => this.o.back(), { class: "tool back", "data-focus": "back" }, icon("back")),
      avatar(s.kind === "group" ? titleOf(s) : (s.peer ?? "?"), s.kind, presence?.online, s.peer ?? s.id),
      h("div", { class: "talk-name" }, h("h2", {}, titleOf(s)), h("p", { class: typing.length > 0 ? "typing" : "" }, under)),
      s.kind === "group" && button("Members", () => this.o.members(), { class: "tool", "data-focus": "members", "aria-expanded": String(panel) }, icon("people")),
    );
    if (focus) this.node.querySelector<HTMLElement>(`[data-focus="${focus}"]`)?.focus();
  }

  #under(s: Summary, members: number, presence: Presence | undefined, typing: readonly string[]): string {
    if (typing.length > 0) return s.kind === "group" ? `${typing.map((u) => nameOf(u)).join(", ")} ${typing.length > 1 ? "are" : "is"} typing…` : "typing…";
    if (s.kind === "group") return members === 0 ? "Group" : members === 1 ? "1 member" : `${members} members`;
    if (s.peer === SHOP) return "News of your orders";
    if (!presence) return s.id.startsWith("@") ? "No messages yet" : "";
    return presence.online ? "online" : lastSeen(presence.lastActive);
  }
}
