import type { LinkState } from "../../client/link.ts";
import { button, fill, h, type Child } from "./dom.ts";
import { icon } from "./icon.ts";

export interface StatusActions {
  wake(): void;
  takeOver(): void;
  away(away: boolean): void;
}

/** Status is the strip that says how things stand, and the switch that keeps the page away from the server. */
export class Status {
  readonly strip = h("div", { class: "strip", role: "status", hidden: true });
  readonly switch: HTMLButtonElement;
  #ticking = 0;
  #shown = "";

  constructor(private readonly act: StatusActions) {
    this.switch = h(
      "button",
      {
        type: "button",
        class: "switch",
        role: "switch",
        id: "offline",
        on: { click: (_, on) => this.act.away(on.getAttribute("aria-checked") !== "true") },
      },
      h("span", { class: "track" }, h("span", { class: "knob" })),
      h("span", { class: "switch-name" }, "Offline"),
    );
  }

  /** show is called whenever something has changed, and each second while somebody waits. */
  show(state: LinkState, away: boolean, unsent: number): void {
    clearTimeout(this.#ticking);
    this.switch.setAttribute("aria-checked", String(away));
    this.switch.classList.toggle("live", state.name === "ready");
    const kept = unsent === 0 ? "" : unsent === 1 ? " One message waits to be sent." : ` ${unsent} messages wait to be sent.`;
    if (away) return this.#say("away", `You are offline, as you chose.${kept || " What you write is kept and sent when you are back."}`);
    switch (state.name) {
      case "ready":
        return this.#say("", "");
      case "waiting": {
        const seconds = Math.ceil((state.until - Date.now()) / 1000);
        this.#ticking = window.setTimeout(() => this.show(state, away, unsent), 250);
        if (seconds <= 0) return this.#say("busy", `Connecting…${kept}`);
        return this.#say("busy", `No connection. Next try in ${seconds} s.${kept}`, button("Try now", () => this.act.wake(), { class: "link" }));
      }
      case "stopped":
        if (state.why.reason === "replaced") return this.#say("stop", "Bazaar was opened in another window, or this session was ended.", button("Use it here", () => this.act.takeOver(), { class: "link" }));
        if (state.why.code === 4206) return this.#say("stop", "The server does not take connections from this address.");
        return this.#say("stop", `The server has ended the connection (${state.why.code}).`, button("Connect again", () => this.act.takeOver(), { class: "link" }));
      default:
        return this.#say("busy", `Connecting…${kept}`);
    }
  }

  #say(mood: string, text: string, ...more: Child[]): void {
    const shown = `${mood}/${text}`;
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.strip.hidden = mood === "";
    this.strip.className = `strip ${mood}`;
    fill(this.strip, mood === "busy" ? icon("clock") : icon("alert"), h("span", {}, text), ...more);
  }
}
