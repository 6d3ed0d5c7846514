import { h } from "./dom.ts";
import { icon } from "./icon.ts";
import { SHOP } from "./words.ts";

const HUES = 8;

/** hue is a colour that a name always has. */
export function hue(name: string): string {
  let sum = 7;
  for (const c of name) sum = (sum * 31 + (c.codePointAt(0) ?? 0)) % 65_521;
  return `hue-${sum % HUES}`;
}

/** avatar is a face: a circle for a person, a star for a group, the stall for the shop. colour is what its colour comes from: a group's id, so that another title does not change it. */
export function avatar(name: string, kind: string, online = false, colour = name): HTMLElement {
  if (name === SHOP && kind === "direct") return h("span", { class: "avatar shop", "aria-hidden": "true" }, icon("stall"));
  const initials = name.replace(/[^\p{L}\p{N} ]/gu, "").trim().split(/\s+/).slice(0, kind === "group" ? 2 : 1);
  const letters = initials.length > 1 ? initials.map((w) => w.charAt(0)).join("") : (initials[0] ?? "?").slice(0, kind === "group" ? 1 : 2);
  return h(
    "span",
    { class: `avatar ${kind === "group" ? "star" : "face"} ${hue(colour)}${online ? " online" : ""}`, "aria-hidden": "true" },
    h("span", { class: "shape" }, letters.toLocaleUpperCase()),
  );
}
