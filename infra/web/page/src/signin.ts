import { Fault } from "../../client/api.ts";
import { button, fill, h } from "./dom.ts";
import { Session } from "./session.ts";
import { themeButton } from "./theme.ts";
import { sentence } from "./words.ts";

const DEMO = ["alice", "bob", "buyer0001"];

/** signIn shows the door, and calls enter with whoever comes in. notice says why somebody is in front of it again. */
export function signIn(root: HTMLElement, api: string, notice: string, enter: (session: Session) => void): void {
  const name = h("input", { id: "name", name: "username", autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: true, maxlength: 64 });
  const password = h("input", { id: "password", name: "password", type: "password", autocomplete: "current-password", required: true });
  const problem = h("p", { class: "problem", role: "alert" }, notice);
  const submit = h("button", { type: "submit", class: "primary" }, "Come in");
  const form = h(
    "form",
    {
      class: "door-form",
      on: {
        submit: (event) => {
          event.preventDefault();
          void go();
        },
      },
    },
    h("label", { for: "name" }, "Name"),
    name,
    h("label", { for: "password" }, "Password"),
    password,
    problem,
    submit,
  );
  const go = async () => {
    submit.disabled = true;
    submit.textContent = "One moment…";
    problem.textContent = "";
    try {
      enter(await Session.signIn(api, name.value.trim(), password.value));
    } catch (err) {
      problem.textContent = err instanceof Fault ? sentence(err) : sentence({ code: "unreachable" });
      password.select();
    } finally {
      submit.disabled = false;
      submit.textContent = "Come in";
    }
  };
  const demo = DEMO.map((who) =>
    button(who, () => {
      name.value = who;
      password.value = `${who}-demo-2026`;
      submit.focus();
    }, { class: "chip" }),
  );
  fill(
    root,
    h(
      "main",
      { class: "door" },
      h("div", { class: "door-card" },
        h("div", { class: "awning" }),
        h("div", { class: "door-inner" },
          h("div", { class: "door-head" }, h("h1", {}, "Bazaar"), themeButton()),
          h("p", { class: "lede" }, "Talk to each other and to the shop. What is shown as sent is stored; what is stored arrives."),
          form,
          h("div", { class: "demo" }, h("span", {}, "Demo data:"), ...demo),
        ),
      ),
    ),
  );
  name.focus();
}
