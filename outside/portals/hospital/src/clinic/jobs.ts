// New patients on their way: sealed, sent, admitted, diagnosed, checked. Each goes on by itself
// while the clerk takes the next one. A lost connection is waited out under the same key, so
// that however often a request is repeated it makes one patient.

import { effect, signal } from "@preact/signals";
import { announce } from "../notices";
import { replace, route } from "../route";
import { say } from "../text";
import { troubleOf, type Troubles } from "./draft";
import { codeOf, isOffline } from "./failure";
import type { Chosen } from "./image";
import * as records from "./records";
import { examine } from "./results";
import { staff, whenLeft } from "./staff";

/** The stages, in their order. */
export const STAGES = ["sealing", "sending", "admitting", "diagnosing", "checking"] as const;
/** One of them. */
export type Stage = (typeof STAGES)[number];

/** One new patient on the way. */
export interface Job {
  readonly id: number;
  readonly typed: records.Typed;
  readonly chosen: Chosen;
  readonly key: string;
  readonly stage: Stage;
  readonly state: "running" | "waiting" | "stopped" | "done";
  readonly sent: number;
  readonly total: number;
  /** When the diagnosis was asked for, in milliseconds. */
  readonly asked?: number;
  readonly study?: string;
  readonly error?: unknown;
  readonly troubles?: Troubles;
  readonly attempts: number;
  /** When the next attempt is due, in milliseconds. */
  readonly due?: number;
}

/** Pauses between attempts, in milliseconds; the last one repeats. */
const PAUSES_MS = [1000, 2000, 4000, 8000, 15_000];
/** Most jobs that are remembered once they are done. */
const DONE_MAX = 20;

/** All jobs of this session, the newest last. */
export const jobs = signal<readonly Job[]>([]);
let last = 0;

whenLeft((why) => {
  if (why === "signedOut") jobs.value = [];
});

/** A job by its number. */
export function job(id: number): Job | undefined {
  return jobs.value.find((one) => one.id === id);
}

/** Begins a job. */
export function begin(typed: records.Typed, chosen: Chosen, key: string): Job {
  const made: Job = {
    id: ++last, typed, chosen, key, stage: "sealing", state: "running",
    sent: 0, total: chosen.file.size, attempts: 0,
  };
  const done = jobs.value.filter((one) => one.state === "done").slice(-DONE_MAX);
  jobs.value = [...jobs.value.filter((one) => one.state !== "done" || done.includes(one)), made];
  void run(made.id);
  return made;
}

/** Goes on with a job that stopped or waits. */
export function resume(id: number): void {
  const now = job(id);
  if (now && now.state !== "running" && now.state !== "done") void run(id);
}

/** Forgets a job, whose form goes back to the clerk. */
export function drop(id: number): void {
  jobs.value = jobs.value.filter((one) => one.id !== id);
}

function change(id: number, to: Partial<Job>): void {
  jobs.value = jobs.value.map((one) => (one.id === id ? { ...one, ...to } : one));
}

async function run(id: number): Promise<void> {
  const begun = job(id);
  if (!begun) return;
  const { error: _error, due: _due, ...rest } = begun;
  const now: Job = { ...rest, state: "running", stage: begun.study ? "diagnosing" : "sealing", sent: 0 };
  jobs.value = jobs.value.map((one) => (one.id === id ? now : one));
  try {
    const study = now.study ?? (await admit(now));
    change(id, { study, stage: "diagnosing", asked: Date.now() });
    const answer = await records.diagnosis(study);
    change(id, { stage: "checking" });
    await examine(study, answer, now.chosen.file);
    done(id, study);
  } catch (error) {
    failed(id, error);
  }
}

function admit(now: Job): Promise<string> {
  const { id, typed, chosen, key } = now;
  return records.intake(typed, chosen.file, chosen.kind, key, (sent, total) => {
    change(id, { sent, total, stage: sent < total ? "sending" : "admitting" });
  });
}

function isOpen(id: number): boolean {
  const at = route.value;
  return at.screen === "job" && at.id === id;
}

function done(id: number, study: string): void {
  const finished = job(id);
  if (!finished) return;
  change(id, { state: "done" });
  const href = `#/studies/${study}`;
  if (isOpen(id)) replace(href);
  else announce("good", () => say().job.done(records.nameOf(finished.typed)), { href, label: () => say().job.open });
}

function failed(id: number, error: unknown): void {
  const now = job(id);
  if (!now) return;
  if (isOffline(error)) {
    const pause = PAUSES_MS[Math.min(now.attempts, PAUSES_MS.length - 1)] ?? 0;
    const due = Date.now() + pause;
    change(id, { state: "waiting", attempts: now.attempts + 1, due });
    setTimeout(() => retry(id, due), pause);
    return;
  }
  const troubles = now.study ? undefined : troubleOf(codeOf(error));
  change(id, { state: "stopped", error, ...(troubles && { troubles }) });
  if (staff.value && !isOpen(id)) {
    const label = () => say().job.open;
    announce("bad", () => say().job.stopped(records.nameOf(now.typed)), { href: `#/sending/${id}`, label });
  }
}

/** The next attempt, unless one was made meanwhile. */
function retry(id: number, due: number): void {
  const now = job(id);
  if (now?.state === "waiting" && now.due === due) void run(id);
}

addEventListener("online", () => {
  for (const one of jobs.value) if (one.state === "waiting") void run(one.id);
});

/** Whoever signs in again finds what their session's end stopped going on. */
effect(() => {
  if (!staff.value) return;
  for (const one of jobs.peek()) if (one.state === "stopped" && one.error !== undefined && !one.troubles && wasSession(one.error)) void run(one.id);
});

function wasSession(error: unknown): boolean {
  const code = codeOf(error);
  return code === undefined || code.startsWith("session.");
}
