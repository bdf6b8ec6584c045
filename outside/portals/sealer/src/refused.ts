// The two ways in which something does not happen: an enclave or the way to it is not believed,
// or the enclave itself said no. They belong to the caller.
// No error carries a part of a request, an answer or a key; texts from outside are never shown.

import { text } from "./bytes.js";
import { sentence } from "./sentences.js";
import type { CheckId, CheckStep, OpenedAnswer } from "./types.js";

/** What a refusal knows besides its code. */
export interface RefusedDetails {
  readonly step?: CheckId;
  readonly steps?: readonly CheckStep[];
  readonly status?: number;
  readonly sent?: boolean;
}

/**
 * A party is not believed, or an exchange failed outside the seal. The message is one sentence
 * without any part of a request, an answer or a key.
 */
export class Refused extends Error {
  /** Stable, such as `token.expired` or `seal.truncated`. */
  readonly code: string;
  /** The check that failed, where it was one. */
  readonly step?: CheckId;
  /** All checks up to the one that failed. */
  readonly steps: readonly CheckStep[];
  /** The HTTP status, where one was answered in clear. */
  readonly status?: number;
  /** Whether a sealed request was on its way; false says that nothing was sent. */
  readonly sent: boolean;

  constructor(code: string, details: RefusedDetails = {}) {
    super(sentence(code));
    this.name = "Refused";
    this.code = code;
    this.steps = details.steps ?? [];
    this.sent = details.sent ?? false;
    if (details.step !== undefined) this.step = details.step;
    if (details.status !== undefined) this.status = details.status;
  }

  /** The same refusal with more known about it. */
  with(details: RefusedDetails): Refused {
    const own: RefusedDetails = { steps: this.steps, sent: this.sent };
    const step = this.step === undefined ? {} : { step: this.step };
    const status = this.status === undefined ? {} : { status: this.status };
    return new Refused(this.code, { ...own, ...step, ...status, ...details });
  }
}

/** A problem document (RFC 9457) from inside the seal: the enclave itself said so. */
export class Problem extends Error {
  /** The HTTP status inside the seal. */
  readonly status: number;
  /** Stable, such as `session.refused`. */
  readonly code: string;
  /** Seconds after which it is worth to try again, where the enclave said so. */
  readonly retryAfter?: number;

  constructor(status: number, code: string, title: string, retryAfter?: number) {
    super(title);
    this.name = "Problem";
    this.status = status;
    this.code = code;
    if (retryAfter !== undefined) this.retryAfter = retryAfter;
  }

  /** The problem in an answer, or undefined where its status is below 400. */
  static of(answer: OpenedAnswer): Problem | undefined {
    if (answer.status < FAILED) return undefined;
    const found = problemIn(answer.body);
    const code = found?.code ?? "client.status";
    const after = Number.parseInt(answer.headers["retry-after"] ?? "", 10);
    return new Problem(
      answer.status,
      code,
      found?.title ?? sentence(code),
      Number.isNaN(after) ? undefined : after,
    );
  }
}

/** The lowest status that says that something failed. */
const FAILED = 400;
/** Longest problem document that is looked at. */
const PROBLEM_BYTES_MAX = 64 * 1024;
/** Longest code; ours have under 40 characters. */
const CODE_CHARS_MAX = 64;
/** Longest sentence that is taken over from an enclave. */
const TITLE_CHARS_MAX = 300;
const CODE = /^[a-z0-9_]+(\.[a-z0-9_]+)+$/;

/**
 * Code and sentence of a problem document; undefined if it is none.
 *
 * @internal
 */
export function problemIn(body: Uint8Array): { code: string; title: string } | undefined {
  if (body.length > PROBLEM_BYTES_MAX) return undefined;
  try {
    const value: unknown = JSON.parse(text(body));
    if (typeof value !== "object" || value === null) return undefined;
    const { code, title, error } = value as Record<string, unknown>;
    if (typeof code !== "string" || code.length > CODE_CHARS_MAX || !CODE.test(code)) return undefined;
    const said = title ?? error;
    return { code, title: typeof said === "string" ? said.slice(0, TITLE_CHARS_MAX) : sentence(code) };
  } catch {
    return undefined;
  }
}

/**
 * Refuses, with a stable code.
 *
 * @internal
 */
export function refuse(code: string): never {
  throw new Refused(code);
}

/**
 * Refuses unless `holds`.
 *
 * @internal
 */
export function need(holds: boolean, code: string): asserts holds {
  if (!holds) throw new Refused(code);
}
