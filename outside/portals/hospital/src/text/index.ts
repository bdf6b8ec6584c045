// The language of the page: chosen by the reader, else as the browser says. Numbers, dates
// and ages follow it by `Intl`.

import { computed, signal } from "@preact/signals";
import { keep, kept } from "../kept";
import { type Catalogue, en } from "./en";
import { de } from "./de";

const CATALOGUES = { en, de } satisfies Record<string, Catalogue>;

/** A language that the page speaks. */
export type Language = keyof typeof CATALOGUES;

/** All languages, for the switch. */
export const LANGUAGES = Object.keys(CATALOGUES) as Language[];

function spoken(tag: string | undefined): Language | undefined {
  const base = tag?.slice(0, 2).toLowerCase();
  return LANGUAGES.find((language) => language === base);
}

function first(): Language {
  const wanted = [kept("language"), ...navigator.languages];
  return wanted.map((tag) => spoken(tag ?? undefined)).find((language) => language !== undefined) ?? "en";
}

/** The language in use. */
export const language = signal<Language>(first());

/** Switches the language and remembers it. */
export function speak(chosen: Language): void {
  language.value = chosen;
  keep("language", chosen);
}

/** The name of a language, in itself. */
export function nameOf(one: Language): string {
  return CATALOGUES[one].name;
}

const catalogue = computed(() => CATALOGUES[language.value]);

/** The catalogue in use; a component that calls this follows the language. */
export function say(): Catalogue {
  return catalogue.value;
}
