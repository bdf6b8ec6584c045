// The clinic's routes, typed: intake, diagnosis, image, patients. Everything goes through
// the sealer; what comes back is read strictly as far as the page shows it.

import { ask } from "./staff";
import type { ImageKind } from "./image";

/** What a clerk types. */
export interface Typed {
  readonly family: string;
  readonly given: string;
  readonly birthDate: string;
  readonly gender: string;
  readonly identifier: string;
}

/** A line of the work list. */
export interface Admitted {
  readonly study: string;
  readonly family: string;
  readonly given: string;
  readonly birthDate: string;
  readonly identifier: string;
  readonly admittedAt: number;
  readonly diagnosed: boolean;
}

/** What the model found. */
export interface Findings {
  readonly pixels: number;
  readonly area_mm2: number | null;
  readonly probability_max: number;
  readonly regions: number;
}

/** The clinic's answer about a study, as far as it is shown or saved. */
export interface Diagnosis {
  readonly result: {
    readonly model: { readonly name: string; readonly version: string; readonly digest: string };
    readonly findings: Findings;
    readonly mask: { readonly content_type: string; readonly data: string };
  };
  readonly receipt: string;
  readonly ledger: unknown;
  readonly token: string;
  readonly jwks: unknown;
  readonly attestor: unknown;
}

/** An answer that is not of the form that was agreed. */
export class Malformed extends Error {}

function json<T>(body: Uint8Array): T {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)) as T;
  } catch {
    throw new Malformed();
  }
}

/** The members that were filled in, as the clinic takes them. */
export function patientOf(typed: Typed): Record<string, unknown> {
  const given = typed.given.trim().split(/\s+/).filter((name) => name !== "");
  const all = {
    family: typed.family.trim(),
    given: given.length > 0 ? given : undefined,
    birthDate: typed.birthDate || undefined,
    gender: typed.gender || undefined,
    identifier: typed.identifier.trim() || undefined,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** A `multipart/form-data` body (RFC 7578); no file name is sent, for it says too much. */
function form(typed: Typed, image: Blob, kind: ImageKind): { type: string; body: Blob } {
  const boundary = `autoclave-${crypto.randomUUID()}`;
  const head = (name: string, type: string) =>
    `--${boundary}\r\ncontent-disposition: form-data; name="${name}"; filename="${name}"\r\ncontent-type: ${type}\r\n\r\n`;
  const patient = JSON.stringify(patientOf(typed));
  const parts = [head("patient", "application/json"), patient, "\r\n", head("image", kind), image, `\r\n--${boundary}--\r\n`];
  return { type: `multipart/form-data; boundary=${boundary}`, body: new Blob(parts) };
}

/** Tells how many bytes of how many are sent. */
export type Progress = (sent: number, total: number) => void;

/** Admits a patient with an image; repeating it under the same key makes no second patient. */
export async function intake(typed: Typed, image: Blob, kind: ImageKind, key: string, onProgress: Progress): Promise<string> {
  const { type, body } = form(typed, image, kind);
  const headers = { "content-type": type, "idempotency-key": key };
  const answer = await ask({ method: "POST", path: "/intake", headers, body, onProgress });
  const { imaging_study: study } = json<{ imaging_study?: unknown }>(answer.body);
  if (typeof study !== "string") throw new Malformed();
  return study;
}

/** The diagnosis of a study; the model runs once, whoever asks again gets what was filed. */
export async function diagnosis(study: string): Promise<Diagnosis> {
  const answer = await ask({ method: "POST", path: `/imaging-studies/${encodeURIComponent(study)}/diagnosis` });
  const read = json<Diagnosis>(answer.body);
  const { findings, mask } = read.result ?? {};
  if (typeof findings?.pixels !== "number" || typeof mask?.data !== "string") throw new Malformed();
  return read;
}

/** The image of a study, for whose role may read it. */
export async function image(study: string): Promise<Blob> {
  const answer = await ask({ method: "GET", path: `/imaging-studies/${encodeURIComponent(study)}/image` });
  return new Blob([answer.body as BlobPart], { type: answer.headers["content-type"] ?? "" });
}

interface Listed {
  readonly imaging_study: string;
  readonly admitted_at: string;
  readonly report: unknown;
  readonly patient?: {
    readonly name?: readonly { readonly family?: string; readonly given?: readonly string[] }[];
    readonly birthDate?: string;
    readonly identifier?: readonly { readonly value?: string }[];
  };
}

/** The newest patients, newest first. */
export async function patients(): Promise<Admitted[]> {
  const answer = await ask({ method: "GET", path: "/patients" });
  const { patients: listed } = json<{ patients?: readonly Listed[] }>(answer.body);
  if (!Array.isArray(listed)) throw new Malformed();
  return (listed as readonly Listed[]).map(row);
}

function row(listed: Listed): Admitted {
  const name = listed.patient?.name?.[0];
  return {
    study: listed.imaging_study,
    family: name?.family ?? "",
    given: name?.given?.join(" ") ?? "",
    birthDate: listed.patient?.birthDate ?? "",
    identifier: listed.patient?.identifier?.[0]?.value ?? "",
    admittedAt: Date.parse(listed.admitted_at),
    diagnosed: typeof listed.report === "string",
  };
}

/** How a person is called in lists and headings. */
export function nameOf(person: { readonly family: string; readonly given: string }): string {
  const { family, given } = person;
  return given ? `${family}, ${given}` : family;
}
