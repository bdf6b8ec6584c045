// JSON from outside, read member by member. It belongs to every parser of this package.
// What is missing or of another type is refused under the reader's code; nothing is guessed.

import { refuse } from "./refused.js";

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** An object of JSON and the code under which whatever is wrong with it is refused. */
export class Members {
  readonly value: Readonly<Record<string, unknown>>;
  readonly #code: string;

  constructor(value: unknown, code: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) refuse(code);
    this.value = value as Record<string, unknown>;
    this.#code = code;
  }

  /** Reads a JSON text that holds an object. */
  static parse(json: string, code: string): Members {
    return new Members(parseJson(json, code), code);
  }

  /** Refuses members that are not named. */
  only(...names: readonly string[]): this {
    if (!Object.keys(this.value).every((name) => names.includes(name))) refuse(this.#code);
    return this;
  }

  /** Whether there is such a member. */
  has(name: string): boolean {
    return Object.hasOwn(this.value, name) && this.value[name] !== undefined;
  }

  /** A member as it is. */
  raw(name: string): unknown {
    return this.has(name) ? this.value[name] : refuse(this.#code);
  }

  /** A text. */
  text(name: string): string {
    const value = this.raw(name);
    return typeof value === "string" ? value : refuse(this.#code);
  }

  /** A text, where there is one. */
  optionalText(name: string): string | undefined {
    return this.has(name) ? this.text(name) : undefined;
  }

  /** A digest, `sha256:` and 64 hex digits. */
  digest(name: string): string {
    const value = this.text(name);
    return DIGEST.test(value) ? value : refuse(this.#code);
  }

  /** A whole number that is not negative. */
  integer(name: string): number {
    const value = this.raw(name);
    return typeof value === "number" && Number.isSafeInteger(value) && value >= 0
      ? value
      : refuse(this.#code);
  }

  /** A truth value. */
  flag(name: string): boolean {
    const value = this.raw(name);
    return typeof value === "boolean" ? value : refuse(this.#code);
  }

  /** A list. */
  list(name: string): readonly unknown[] {
    const value = this.raw(name);
    return Array.isArray(value) ? (value as unknown[]) : refuse(this.#code);
  }

  /** A list of texts. */
  texts(name: string): readonly string[] {
    const texts = this.list(name).filter((one) => typeof one === "string");
    return texts.length === this.list(name).length ? texts : refuse(this.#code);
  }

  /** An object within. */
  members(name: string): Members {
    return new Members(this.raw(name), this.#code);
  }
}

/** The value of a JSON text. */
export function parseJson(json: string, code: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return refuse(code);
  }
}
