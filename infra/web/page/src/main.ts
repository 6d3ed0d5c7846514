import { Chat, type Config } from "./chat.ts";
import { button, fill, h } from "./dom.ts";
import { Session } from "./session.ts";
import { signIn } from "./signin.ts";
import { applyTheme } from "./theme.ts";

async function config(): Promise<Config> {
  const answer = await fetch("config.json", { cache: "no-store" });
  const found = (await answer.json()) as Partial<Config>;
  if (!answer.ok || typeof found.api !== "string" || !Array.isArray(found.sockets)) throw new Error("config.json is not what it should be");
  return found as Config;
}

function start(root: HTMLElement, config: Config): void {
  const enter = (session: Session) => void new Chat(config, session, door).show(root);
  const door = (notice: string) => signIn(root, config.api, notice, enter);
  const session = Session.restore(config.api);
  if (session) enter(session);
  else door("");
}

function main(root: HTMLElement): void {
  applyTheme();
  config().then(
    (found) => start(root, found),
    () => fill(root, h("main", { class: "door" }, h("div", { class: "door-card" }, h("div", { class: "awning" }), h("div", { class: "door-inner" }, h("h1", {}, "Bazaar"), h("p", { class: "problem", role: "alert" }, "The server cannot be reached."), button("Try again", () => main(root), { class: "primary" }))))),
  );
}

const root = document.getElementById("root");
if (root) main(root);
