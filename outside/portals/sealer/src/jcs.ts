// Canonical JSON (JCS, RFC 8785): one spelling for each value, so that it can be hashed.
// It belongs to all that is compared by digest.
// A value without a canonical form throws; it is never given another one.

import { digestOf, utf8 } from "./bytes.js";

/** Deepest nesting; nothing of ours is deeper than a dozen. */
const DEPTH_MAX = 64;

/** The canonical text of a value that JSON can hold. */
export function canonical(value: unknown, depth = 0): string {
  if (depth > DEPTH_MAX) throw new TypeError("too deep for canonical JSON");
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return quoted(value);
  if (typeof value === "number" && Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((one) => canonical(one, depth + 1)).join(",")}]`;
  if (typeof value === "object") {
    // By UTF-16 code units (section 3.2.3), which is how JavaScript compares texts.
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    members.sort(([one], [other]) => (one < other ? -1 : 1));
    const written = members.map(([name, member]) => `${quoted(name)}:${canonical(member, depth + 1)}`);
    return `{${written.join(",")}}`;
  }
  throw new TypeError("no canonical JSON form");
}

/** Half of a surrogate pair has no UTF-8, hence no canonical form (section 3.2.2.2). */
function quoted(value: string): string {
  if (/[\uD800-\uDFFF]/u.test(value)) throw new TypeError("no canonical JSON form");
  return JSON.stringify(value);
}

/** The digest of the canonical bytes. */
export function canonicalDigest(value: unknown): Promise<string> {
  return digestOf(utf8(canonical(value)));
}
