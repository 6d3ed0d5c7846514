import { h } from "./dom.ts";

const SHOWN_MS = 5_000;

/** toast says something that passes. */
export function toast(text: string): void {
  let shelf = document.getElementById("toasts");
  if (!shelf) {
    shelf = h("div", { id: "toasts", role: "status" });
    document.body.append(shelf);
  }
  const one = h("div", { class: "toast" }, text);
  shelf.append(one);
  setTimeout(() => one.remove(), SHOWN_MS);
}
