import { button, h } from "./dom.ts";
import { icon } from "./icon.ts";

const MOST_BYTES = 16_384; // of a body
const WARN_BYTES = 15_000;

export interface ComposerActions {
  send(text: string): void;
  typing(): void;
  grown(): void; // or shrunk
}

/** Composer is where a message is written. What was begun in a conversation is there when one comes back to it. */
export class Composer {
  readonly node: HTMLElement;
  readonly #text: HTMLTextAreaElement;
  readonly #send: HTMLButtonElement;
  readonly #note = h("p", { class: "composer-note", role: "status" });
  readonly #begun = new Map<string, string>();
  #id: string | null = null;

  constructor(private readonly act: ComposerActions) {
    this.#text = h("textarea", {
      id: "compose",
      rows: 1,
      placeholder: "Write a message",
      "aria-label": "Write a message. Enter sends, Shift and Enter break the line",
      enterkeyhint: "send",
      on: { keydown: (event) => this.#key(event), input: () => this.#typed() },
    });
    this.#send = button("Send", () => this.#go(), { class: "send-button" }, icon("send"));
    this.node = h("div", { class: "composer" }, this.#note, h("div", { class: "composer-row" }, this.#text, this.#send));
  }

  /** open is for another conversation. refusal says why nothing can be written. */
  open(id: string): void {
    if (this.#id === id) return;
    this.#id = id;
    this.#text.value = this.#begun.get(id) ?? "";
    this.#fit();
  }

  /** moved takes along what was begun, when a conversation gets its name. */
  moved(from: string, to: string): void {
    const begun = this.#begun.get(from);
    if (begun !== undefined) this.#begun.set(to, begun);
    if (this.#id === from) this.#id = to;
  }

  forbid(why: string): void {
    this.#text.disabled = why !== "";
    this.#text.placeholder = why || "Write a message";
    this.#fit();
  }

  focus(): void {
    // On a touch screen the keyboard would cover what one came to read.
    if (!matchMedia("(hover: none)").matches) this.#text.focus();
  }

  #key(event: KeyboardEvent): void {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#go();
  }

  #typed(): void {
    if (this.#id) this.#begun.set(this.#id, this.#text.value);
    if (this.#text.value.trim() !== "") this.act.typing();
    this.#fit();
  }

  #size(): number {
    return new TextEncoder().encode(JSON.stringify({ text: this.#text.value.trim() })).length;
  }

  #fit(): void {
    const size = this.#text.value.length < WARN_BYTES / 4 ? 0 : this.#size();
    this.#note.textContent = size > MOST_BYTES ? `Too long by ${size - MOST_BYTES} bytes` : size > WARN_BYTES ? `${MOST_BYTES - size} bytes left` : "";
    this.#send.disabled = this.#text.disabled || this.#text.value.trim() === "" || size > MOST_BYTES;
    // Its height follows the text, in rows: no style is set from a script.
    this.#text.rows = 1;
    while (this.#text.rows < 8 && this.#text.scrollHeight > this.#text.clientHeight) this.#text.rows++;
    this.act.grown();
  }

  #go(): void {
    const text = this.#text.value.trim();
    if (text === "" || this.#send.disabled) return;
    this.act.send(text);
    this.#text.value = "";
    this.#typed();
    this.#text.focus();
  }
}
