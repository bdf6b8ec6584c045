// The form of a new patient while it is being filled in. It lives outside its screen, so that
// a look at the work list, or a session that ended, loses nothing of it.

import { signal } from "@preact/signals";
import { type Chosen, type ImageTrouble } from "./image";
import type { Typed } from "./records";
import { whenLeft } from "./staff";

/** Nothing typed yet. */
export const EMPTY: Typed = { family: "", given: "", birthDate: "", gender: "", identifier: "" };
/** Longest name or number, in characters. */
const TEXT_CHARS_MAX = 200;
/** Most given names. */
const GIVEN_MAX = 8;
/** Earliest year of birth that is not a slip. */
const BIRTH_YEAR_MIN = 1880;

/** What a field can be wrong about: a sentence of the catalogue. */
export type FieldTrouble = "family" | "given" | "birthDate" | "identifier" | "image" | "imageMany" | ImageTrouble;
/** Fields that can be wrong. */
export type FieldName = "family" | "given" | "birthDate" | "identifier" | "image";
/** What is wrong, field by field. */
export type Troubles = Partial<Record<FieldName, FieldTrouble>>;

/** A form that was sent before: the same contents go under the same key again. */
interface Before {
  readonly typed: Typed;
  readonly chosen: Chosen;
  readonly key: string;
}

export const typed = signal<Typed>(EMPTY);
export const chosen = signal<Chosen | undefined>(undefined);
export const troubles = signal<Troubles>({});
let before: Before | undefined;

whenLeft((why) => {
  if (why === "signedOut") clear();
});

/** Empties the form. */
export function clear(): void {
  typed.value = EMPTY;
  chosen.value = undefined;
  troubles.value = {};
  before = undefined;
}

/** Takes a form up again that was sent and did not go through. */
export function restore(again: Before, wrong: Troubles = {}): void {
  typed.value = again.typed;
  chosen.value = again.chosen;
  troubles.value = wrong;
  before = again;
}

/** The name of this form's request: unchanged contents keep theirs, so that they count once. */
export function keyFor(now: { readonly typed: Typed; readonly chosen: Chosen }): string {
  const same =
    before?.chosen.file === now.chosen.file &&
    (Object.keys(EMPTY) as (keyof Typed)[]).every((name) => before?.typed[name] === now.typed[name]);
  return same && before ? before.key : crypto.randomUUID();
}

/** What is wrong with the form; nothing, if it can be sent. */
export function examine(now: Typed, image: Chosen | undefined): Troubles {
  const wrong: Troubles = {};
  if (!isText(now.family)) wrong.family = "family";
  const given = now.given.trim().split(/\s+/).filter((name) => name !== "");
  if (given.length > GIVEN_MAX || !given.every(isText)) wrong.given = "given";
  if (now.birthDate && !isBirthDate(now.birthDate)) wrong.birthDate = "birthDate";
  if (now.identifier.trim() && !isText(now.identifier)) wrong.identifier = "identifier";
  if (!image) wrong.image = "image";
  return wrong;
}

/** One to 200 characters, all of them printable. */
function isText(text: string): boolean {
  const trimmed = text.trim();
  return trimmed.length > 0 && [...trimmed].length <= TEXT_CHARS_MAX && !/\p{Cc}/u.test(trimmed);
}

function isBirthDate(text: string): boolean {
  const at = Date.parse(`${text}T00:00:00Z`);
  return /^\d{4}-\d\d-\d\d$/.test(text) && at <= Date.now() && new Date(at).getUTCFullYear() >= BIRTH_YEAR_MIN;
}

/** The field that a code of the clinic is about. */
export function troubleOf(code: string | undefined): Troubles | undefined {
  switch (code) {
    case "intake.family":
      return { family: "family" };
    case "intake.given":
      return { given: "given" };
    case "intake.birth_date":
      return { birthDate: "birthDate" };
    case "intake.identifier":
      return { identifier: "identifier" };
    case "image.empty":
      return { image: "imageEmpty" };
    case "image.type_unsupported":
    case "image.type_mismatch":
      return { image: "imageKind" };
    case "intake.too_large":
      return { image: "imageSize" };
    default:
      return undefined;
  }
}
