// Bytes and their text forms, as the wire has them: UTF-8, hex, base64url without padding.
// It belongs to all of this package.
// No decoder takes two spellings of the same bytes.

/** Bytes in memory of their own, as WebCrypto wants them. */
export type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();

/** UTF-8. */
export function utf8(value: string): Bytes {
  return encoder.encode(value) as Bytes;
}

/** The text of UTF-8 bytes; throws where they are none. */
export function text(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

/** All parts, one after the other. */
export function concat(...parts: readonly Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Whether two byte strings are the same. Nothing secret is compared here. */
export function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/** Lower-case hexadecimal. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Standard base64 with padding. */
export function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** The bytes of standard base64 in its one spelling; undefined for anything else. */
export function fromBase64(value: string): Bytes | undefined {
  try {
    const bytes = Uint8Array.from(atob(value), (char) => char.charCodeAt(0));
    return base64(bytes) === value ? bytes : undefined;
  } catch {
    return undefined;
  }
}

/** base64url without padding. */
export function b64url(bytes: Uint8Array): string {
  return base64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The bytes of base64url without padding in its one spelling; undefined for anything else. */
export function fromB64url(value: string): Bytes | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(value)) return undefined;
  const padded = value
    .replaceAll("-", "+")
    .replaceAll("_", "/")
    .padEnd(Math.ceil(value.length / 4) * 4, "=");
  return fromBase64(padded);
}

/** A number in so many bytes, the highest first. */
export function bigEndian(value: number, length: number): Bytes {
  const bytes = new Uint8Array(length);
  for (let at = length - 1, rest = value; at >= 0; at -= 1, rest = Math.floor(rest / 256)) {
    bytes[at] = rest % 256;
  }
  return bytes;
}

/** SHA-256. */
export async function sha256(...parts: readonly Uint8Array[]): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", concat(...parts)));
}

/** A digest as it stands in JSON. */
export async function digestOf(bytes: Uint8Array): Promise<string> {
  return `sha256:${hex(await sha256(bytes))}`;
}

/** So many random bytes in base64url. */
export function randomText(length: number): string {
  return b64url(crypto.getRandomValues(new Uint8Array(length)));
}
