// Who is signed in. The key of the session stays with the sealer; this knows the name, the
// role, and when it ends: by its age, by the clinic's word, or because nobody touches the page.

import { type SealedRequest, Staff } from "@autoclave/sealer";
import { signal } from "@preact/signals";
import { isSessionOver, wasTakenBefore } from "./failure";
import { connected } from "./line";

/** As long as the clinic keeps a session that nobody uses: half an hour. */
const IDLE_MS_MAX = 30 * 60 * 1000;
/** How often the page looks whether somebody is there. */
const IDLE_CHECK_MS = 15_000;

/** Why nobody is signed in. */
export type Ended = "never" | "ended" | "idle" | "signedOut";

/** The person, if somebody is signed in. */
export const staff = signal<Staff | undefined>(undefined);
/** Why nobody is. */
export const ended = signal<Ended>("never");

let touched = Date.now();
let lastUser = "";
const leavers = new Set<(why: Ended) => void>();

/** Runs when a person leaves: what belongs to them is to be forgotten. */
export function whenLeft(forget: (why: Ended) => void): void {
  leavers.add(forget);
}

/** Signs in. */
export async function signIn(user: string, password: string, totp: string): Promise<void> {
  const person = await Staff.signIn(connected(), { user, password, totp });
  // What the last person left behind is for nobody else.
  if (lastUser !== person.user) for (const forget of leavers) forget("signedOut");
  lastUser = person.user;
  touched = Date.now();
  staff.value = person;
}

function leave(why: Ended): void {
  if (!staff.value) return;
  staff.value = undefined;
  ended.value = why;
  for (const forget of leavers) forget(why);
}

/** Signs out; the page forgets at once, whether or not the clinic hears of it. */
export async function signOut(): Promise<void> {
  const leaving = staff.value;
  leave("signedOut");
  await leaving?.signOut().catch(() => undefined);
}

/** Sends within the session; a session that is over is said so once, for all screens. */
export async function ask(request: SealedRequest): ReturnType<Staff["send"]> {
  const person = staff.value;
  if (!person) throw new SignedOut();
  try {
    return await sendTwice(person, request);
  } catch (error) {
    if (isSessionOver(error) && staff.value === person) leave("ended");
    throw error;
  }
}

/**
 * A browser repeats a request by itself whose connection broke before an answer came. The clinic
 * takes each sealed message once and says so; then the answer is asked for anew. Every request of
 * this page may be repeated: intake has its key, the others change nothing the second time.
 */
async function sendTwice(person: Staff, request: SealedRequest): ReturnType<Staff["send"]> {
  try {
    return await person.send(request);
  } catch (error) {
    if (!wasTakenBefore(error)) throw error;
    return person.send(request);
  }
}

/** Nobody is signed in (any more). */
export class SignedOut extends Error {}

/** Whether the person may do something, as far as the page knows; the clinic decides. */
export function may(what: "admit" | "read"): boolean {
  return staff.value?.role === (what === "admit" ? "clerk" : "clinician");
}

function look(): void {
  const person = staff.value;
  if (!person) return;
  if (Date.now() >= person.expiresAt * 1000) leave("ended");
  else if (Date.now() - touched > IDLE_MS_MAX) {
    leave("idle");
    void person.signOut().catch(() => undefined);
  }
}

/** Begins to watch for the end of a session. */
export function watch(): void {
  for (const kind of ["pointerdown", "keydown", "scroll"]) {
    addEventListener(kind, () => (touched = Date.now()), { passive: true, capture: true });
  }
  setInterval(look, IDLE_CHECK_MS);
}
