// Why something did not work, in one sentence, and what to do: try again by itself, ask the
// person, or sign in anew. Sentences follow the stable code, never the text of an answer.

import { Problem, Refused } from "@autoclave/sealer";
import { say } from "../text";
import { contact } from "./line";

/** Codes of an exchange that did not come about: nobody was there to refuse anything. */
const OFFLINE = ["http.unreachable", "http.silent", "edge.upstream_unreachable", "edge.upstream_silent", "edge.body_stalled", "edge.body_broken"];
/** What a front door answers while nobody is behind it. */
const GATEWAY = [502, 503, 504];
/** Codes after which the session is over. */
const SESSION = ["session.refused", "session.missing", "dpop.session"];
/** The sentence for each code that has one of its own. */
const BY_CODE: Record<string, keyof ReturnType<typeof say>["errors"]> = {
  "record.not_found": "notFound",
  "intake.too_large": "tooLarge",
  "image.too_large": "tooLarge",
  "edge.body_too_large": "tooLarge",
  "image.undecodable": "undecodable",
  "image.form_unsupported": "undecodable",
  "image.type_mismatch": "undecodable",
  "image.dimensions": "undecodable",
  "image.too_small": "smallImage",
  "image.no_pixels": "smallImage",
  "intake.key_reused": "keyReused",
  "diagnosis.failed": "diagnosis",
  "diagnosis.crashed": "diagnosis",
  "diagnosis.answer_refused": "unbelieved",
  "seal.date_window": "clock",
  "seal.date_missing": "clock",
  "seal.replayed": "offline",
  "seal.broken": "altered",
  "seal.truncated": "altered",
  "intake.truncated": "altered",
};

/** Whether the connection was lost, as opposed to something being refused. */
export function isOffline(error: unknown): boolean {
  if (error instanceof TypeError) return true;
  if (!(error instanceof Refused)) return false;
  return OFFLINE.includes(error.code) || GATEWAY.includes(error.status ?? 0);
}

/** Whether the session is over. */
export function isSessionOver(error: unknown): boolean {
  return error instanceof Problem && error.status === 401 && SESSION.includes(error.code);
}

/** Whether the clinic had taken this very message already, so that only its answer was lost. */
export function wasTakenBefore(error: unknown): boolean {
  return error instanceof Problem && error.code === "seal.replayed";
}

/** The stable code of an error, if it has one. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Refused || error instanceof Problem ? error.code : undefined;
}

/** What the check that failed means, in plain words. */
export function failedCheck(step: string | undefined): string {
  return (step && say().stepFailures[step]) || say().stepFailure;
}

/** One sentence for a person. */
export function sentence(error: unknown): string {
  const { errors } = say();
  if (isOffline(error)) return errors.offline;
  const code = codeOf(error) ?? "";
  if (error instanceof Refused) return outside(error);
  const known = BY_CODE[code];
  const told = known ? errors[known] : undefined;
  if (typeof told === "string") return told;
  if (error instanceof Problem) return byStatus(error.status);
  return errors.other;
}

function outside(error: Refused): string {
  const { errors } = say();
  if (error.step) return errors.refused(failedCheck(error.step), contact.value);
  const known = BY_CODE[error.code];
  if (known === "tooLarge") return errors.tooLarge;
  return error.sent ? errors.answer : errors.outside(contact.value);
}

function byStatus(status: number): string {
  const { errors } = say();
  if (status === 403) return errors.forbidden;
  if (status === 404) return errors.notFound;
  if (status === 503 || status === 429) return errors.busy;
  return status >= 500 ? errors.server : errors.other;
}
