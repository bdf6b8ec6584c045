// What the page remembers between visits: language and colours, nothing else, and nothing
// that came from the clinic.

type Name = "language" | "theme";

/** What was kept, if anything may be kept here. */
export function kept(name: Name): string | null {
  try {
    return localStorage.getItem(`autoclave.${name}`);
  } catch {
    return null;
  }
}

/** Keeps a choice; a browser that keeps nothing is no obstacle. */
export function keep(name: Name, value: string): void {
  try {
    localStorage.setItem(`autoclave.${name}`, value);
  } catch {
    // Private windows may refuse; the choice then lasts as long as the page.
  }
}
