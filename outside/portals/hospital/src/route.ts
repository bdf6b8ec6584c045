// Where the reader is, as the hash of the address: names of screens and ids of studies, and
// never anything of a patient. The back button and saved addresses work by it.

import { signal } from "@preact/signals";

/** A screen. */
export type Route =
  | { readonly screen: "home" | "intake" | "patients" | "verify" | "unknown" }
  | { readonly screen: "job"; readonly id: number }
  | { readonly screen: "result"; readonly study: string };

const STUDY = /^#\/studies\/([A-Za-z0-9-]{1,64})$/;
const JOB = /^#\/sending\/(\d{1,6})$/;

/** Reads a hash. */
export function read(hash: string): Route {
  const study = STUDY.exec(hash)?.[1];
  if (study) return { screen: "result", study };
  const job = JOB.exec(hash)?.[1];
  if (job) return { screen: "job", id: Number(job) };
  switch (hash) {
    case "":
    case "#":
    case "#/":
      return { screen: "home" };
    case "#/new":
      return { screen: "intake" };
    case "#/patients":
      return { screen: "patients" };
    case "#/verify":
      return { screen: "verify" };
    default:
      return { screen: "unknown" };
  }
}

/** The screen that is shown. */
export const route = signal<Route>(read(location.hash));

addEventListener("hashchange", () => {
  route.value = read(location.hash);
});

/** Goes to a screen. */
export function go(hash: string): void {
  location.hash = hash;
}

/** Goes to a screen in place of this one, so that the back button passes it by. */
export function replace(hash: string): void {
  history.replaceState(null, "", hash);
  route.value = read(hash);
}
