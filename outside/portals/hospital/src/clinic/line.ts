// The line to the clinic: the sealer's connection and what it says, as state for the screens.
// All checking is the sealer's; this only remembers what happened, in order. Nothing of a
// patient is kept here.

import {
  type CheckStep,
  Connection,
  digest,
  type ReattestReason,
  Refused,
  type TrustAnchors,
  type VerifiedEnclave,
} from "@autoclave/sealer";
import { computed, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { announce } from "../notices";
import { say } from "../text";
import { isOffline } from "./failure";

/** The party that this page talks to. */
export const CLINIC = "clinic";
/** Most entries of the history: beyond them nobody reads. */
const HISTORY_MAX = 50;
/** Milliseconds until an unreachable clinic is asked again. */
const RETRY_MS = 5000;

/** Whether the line is verified. */
export type Line =
  | { readonly state: "checking" }
  | { readonly state: "verified"; readonly enclave: VerifiedEnclave }
  | { readonly state: "refused"; readonly error: Refused }
  | { readonly state: "offline" }
  | { readonly state: "untrusting" };

/** Something that happened on the line. */
export interface Happening {
  readonly at: number;
  readonly what: "verified" | ReattestReason | "refused" | "offline";
  readonly step?: string;
  readonly code?: string;
  readonly measurement?: string;
}

/** The line's state. */
export const line = signal<Line>({ state: "checking" });
/** What happened since the page was opened, the newest first. */
export const history = signal<readonly Happening[]>([]);
/** The digest of the trust file as it was served. */
export const trustDigest = signal("");
/** Whom to call, where the host of this page says so. */
const contactName = signal("");

/** Whom to call. */
export const contact = computed(() => contactName.value || say().contact);

let anchors: TrustAnchors | undefined;
let connection: Connection | undefined;
let retry: ReturnType<typeof setTimeout> | undefined;

/** The anchors that the page was served with. */
export function trust(): TrustAnchors {
  if (!anchors) throw new Error("no trust file");
  return anchors;
}

/** The connection; there is one where a trust file was served. */
export function connected(): Connection {
  if (!connection) throw new Error("no trust file");
  return connection;
}

/** Reads the trust file and verifies the clinic. */
export async function open(): Promise<void> {
  void readContact();
  try {
    const answer = await fetch("./trust.json", { cache: "no-store", credentials: "omit" });
    if (!answer.ok) throw new Error("no trust file");
    const bytes = new Uint8Array(await answer.arrayBuffer());
    anchors = JSON.parse(new TextDecoder().decode(bytes)) as TrustAnchors;
    trustDigest.value = await digest(bytes);
    connection = new Connection({ base: "", trust: anchors, onEvent: heard });
  } catch {
    line.value = { state: "untrusting" };
    return;
  }
  await check();
}

async function readContact(): Promise<void> {
  try {
    const answer = await fetch("./contact.json", { cache: "no-store", credentials: "omit" });
    const told: unknown = answer.ok ? await answer.json() : undefined;
    if (told && typeof told === "object" && "contact" in told && typeof told.contact === "string") {
      contactName.value = told.contact;
    }
  } catch {
    // The sentence then names the hospital's IT security.
  }
}

/** Verifies the clinic now. What comes of it is heard as an event. */
export async function check(): Promise<void> {
  clearTimeout(retry);
  try {
    await connected().verify(CLINIC);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
}

type Heard = Parameters<NonNullable<ConstructorParameters<typeof Connection>[0]["onEvent"]>>[0];

function heard(event: Heard): void {
  switch (event.type) {
    case "verifying":
      if (line.value.state !== "verified") line.value = { state: "checking" };
      break;
    case "verified":
      verified(event.enclave, "verified");
      break;
    case "reattested":
      verified(event.current, event.reason);
      if (event.reason !== "expired") told(event.reason);
      break;
    case "refused":
      refused(event.error);
  }
}

/** A clinic that changed is worth a word wherever one is; a check that grew old is not. */
function told(reason: ReattestReason): void {
  announce("notice", () => say().history[reason], { href: "#/verify", label: () => say().banner.details });
}

function verified(enclave: VerifiedEnclave, what: Happening["what"]): void {
  line.value = { state: "verified", enclave };
  remember({ what, measurement: enclave.measurement });
}

function refused(error: Refused): void {
  if (isOffline(error)) {
    if (line.value.state !== "offline") remember({ what: "offline" });
    line.value = { state: "offline" };
    retry = setTimeout(() => void check(), RETRY_MS);
    return;
  }
  if (error.sent && line.value.state === "verified") return;
  line.value = { state: "refused", error };
  const step = error.step;
  remember(step ? { what: "refused", step, code: error.code } : { what: "refused", code: error.code });
}

/** The newest first; the same thing twice in a row is one entry with the later time. */
function remember(happened: Omit<Happening, "at">): void {
  const entry = { ...happened, at: Date.now() };
  const [last, ...rest] = history.value;
  const again = last && last.what === entry.what && last.measurement === entry.measurement && last.code === entry.code;
  history.value = [entry, ...(again ? rest : history.value)].slice(0, HISTORY_MAX);
}

/** Does something again once the line is back, where it was the line that failed. */
export function useBackOnline(failed: boolean, again: () => unknown): void {
  const back = failed && line.value.state === "verified";
  useEffect(() => {
    if (back) again();
  }, [back]);
}

/** All checks of the last attempt, those that were not reached included. */
export function steps(): readonly CheckStep[] {
  const now = line.value;
  if (now.state === "verified") return now.enclave.steps;
  if (now.state === "refused") return now.error.steps;
  return [];
}

globalThis.addEventListener?.("online", () => {
  if (line.value.state === "offline") void check();
});
