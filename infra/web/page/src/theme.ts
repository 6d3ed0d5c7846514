import { button, fill } from "./dom.ts";
import { icon, type IconName } from "./icon.ts";

const KEY = "bazaar.theme";
const THEMES = ["auto", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];
const PICTURES: Record<Theme, IconName> = { auto: "half", light: "sun", dark: "moon" };
const NAMES: Record<Theme, string> = { auto: "as the system", light: "light", dark: "dark" };

function kept(): Theme {
  const found = localStorage.getItem(KEY);
  return THEMES.find((t) => t === found) ?? "auto";
}

/** applyTheme shows the page in the colours that were chosen last. */
export function applyTheme(theme: Theme = kept()): void {
  if (theme === "auto") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.setAttribute("data-theme", theme);
}

/** themeButton goes through the colours: the system's, light, dark. */
export function themeButton(): HTMLButtonElement {
  const show = (on: HTMLButtonElement, theme: Theme) => {
    on.setAttribute("aria-label", `Colours: ${NAMES[theme]}. Change`);
    on.title = `Colours: ${NAMES[theme]}`;
    fill(on, icon(PICTURES[theme]));
  };
  const made = button(
    "Colours",
    (on) => {
      const next = THEMES[(THEMES.indexOf(kept()) + 1) % THEMES.length] ?? "auto";
      localStorage.setItem(KEY, next);
      applyTheme(next);
      show(on, next);
    },
    { class: "tool" },
    icon("half"),
  );
  show(made, kept());
  return made;
}
