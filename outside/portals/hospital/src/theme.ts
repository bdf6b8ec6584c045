// Light, dark, or as the system says. The choice is an attribute of the root element; the
// style sheet does the rest.

import { effect, signal } from "@preact/signals";
import { keep, kept } from "./kept";

/** The choices. */
export const THEMES = ["auto", "light", "dark"] as const;

/** One of them. */
export type Theme = (typeof THEMES)[number];

const isTheme = (text: string | null): text is Theme => THEMES.some((theme) => theme === text);
const before = kept("theme");

/** The choice in force. */
export const theme = signal<Theme>(isTheme(before) ? before : "auto");

effect(() => {
  document.documentElement.dataset.theme = theme.value;
});

/** Chooses and remembers. */
export function paint(chosen: Theme): void {
  theme.value = chosen;
  keep("theme", chosen);
}
