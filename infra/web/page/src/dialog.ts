import { Fault } from "../../client/api.ts";
import { button, h, type Child } from "./dom.ts";
import { icon } from "./icon.ts";
import { sentence } from "./words.ts";

/** Field is one thing that a dialog asks for. */
export interface Field {
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  readonly value?: string;
  readonly pattern?: string;
  readonly optional?: boolean;
  readonly check?: boolean;
  readonly limit?: number;
}

export interface Question {
  readonly title: string;
  readonly text?: Child;
  readonly fields?: readonly Field[];
  readonly act: string;
  readonly danger?: boolean;
  /** Carries it out. What it throws is said in the dialog, which stays open. */
  carry(values: ReadonlyMap<string, string>): Promise<void> | void;
}

/** ask shows a dialog. It is modal: the browser keeps the focus in it, and Escape closes it. */
export function ask(question: Question): void {
  const problem = h("p", { class: "problem", role: "alert" });
  const act = h("button", { type: "submit", class: question.danger ? "danger" : "primary" }, question.act);
  const inputs = (question.fields ?? []).map((f) => ({ f, input: input(f) }));
  const carry = async () => {
    act.disabled = true;
    problem.textContent = "";
    try {
      await question.carry(new Map(inputs.map(({ f, input }) => [f.name, f.check ? (input.checked ? "yes" : "") : input.value.trim()])));
      dialog.close();
    } catch (err) {
      if (!(err instanceof Fault)) throw err;
      problem.textContent = sentence(err);
    } finally {
      act.disabled = false;
    }
  };
  const dialog = h(
    "dialog",
    { "aria-labelledby": "dialog-title", on: { close: (_, on) => on.remove(), click: (event, on) => event.target === on && on.close() } },
    h(
      "form",
      {
        on: {
          submit: (event) => {
            event.preventDefault();
            void carry();
          },
        },
      },
      h("header", {}, h("h2", { id: "dialog-title" }, question.title), button("Close", () => dialog.close(), { class: "tool" }, icon("close"))),
      question.text && h("div", { class: "dialog-text" }, question.text),
      ...inputs.flatMap(({ f, input }) => (f.check ? [h("label", { class: "check" }, input, f.label)] : [h("label", { for: `field-${f.name}` }, f.label), input, f.hint ? h("small", {}, f.hint) : null])),
      problem,
      h("footer", {}, button("Cancel", () => dialog.close(), { class: "plain" }), act),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  (inputs[0]?.input ?? act).focus();
}

/** tell shows what there is to know, with nothing to do. */
export function tell(title: string, ...content: Child[]): void {
  const dialog = h(
    "dialog",
    { "aria-labelledby": "dialog-title", on: { close: (_, on) => on.remove(), click: (event, on) => event.target === on && on.close() } },
    h("div", { class: "told" }, h("header", {}, h("h2", { id: "dialog-title" }, title), button("Close", () => dialog.close(), { class: "tool" }, icon("close"))), ...content),
  );
  document.body.append(dialog);
  dialog.showModal();
}

function input(f: Field): HTMLInputElement {
  if (f.check) return h("input", { type: "checkbox", id: `field-${f.name}`, checked: f.value === "yes" });
  return h("input", {
    id: `field-${f.name}`,
    name: f.name,
    value: f.value,
    required: !f.optional,
    pattern: f.pattern,
    maxlength: f.limit,
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
  });
}
