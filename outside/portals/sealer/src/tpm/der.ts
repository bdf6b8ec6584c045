// DER (X.690, sections 8.1 and 10.1): elements and the few types that certificates hold.
// It belongs to endorsement certificates. Lengths have one spelling, and nothing is guessed.

import { hex, type Bytes } from "../bytes.js";
import { need, refuse } from "../refused.js";

/** Under which everything is refused that is no certificate of the form that is accepted. */
export const REFUSED = "evidence.tpm_ek";
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  nothing: 0x05,
  objectId: 0x06,
  utf8: 0x0c,
  printable: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  version: 0xa0,
  extensions: 0xa3,
  directoryName: 0xa4,
} as const;
/** Longest length of a length: certificates are below 64 KiB. */
const LENGTH_BYTES_MAX = 2;
const YEAR_BORDER = 50;

/** One element: its tag, what is in it, and all of its bytes. */
export interface Element {
  readonly tag: number;
  readonly content: Bytes;
  readonly raw: Bytes;
}

/** The elements of some bytes, one after the other. */
export function elements(bytes: Bytes): readonly Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length;) {
    const [tag, first] = [bytes[at] ?? 0, bytes[at + 1] ?? refuse(REFUSED)];
    const more = first < 0x80 ? 0 : first - 0x80;
    const start = at + 2 + more;
    const length =
      more === 0 ? first : bytes.subarray(at + 2, start).reduce((sum, byte) => sum * 256 + byte, 0);
    const shortest = more === 0 || length >= (more === 1 ? 0x80 : 0x100);
    need(first !== 0x80 && more <= LENGTH_BYTES_MAX && shortest && (tag & 0x1f) !== 0x1f, REFUSED);
    need(start + length <= bytes.length, REFUSED);
    found.push({
      tag,
      content: bytes.subarray(start, start + length),
      raw: bytes.subarray(at, start + length),
    });
    at = start + length;
  }
  return found;
}

/** The one element of some bytes, of this tag; what is in it. */
export function only(bytes: Bytes, tag: number): readonly Element[] {
  const [one, another] = elements(bytes);
  return another === undefined ? within(one, tag) : refuse(REFUSED);
}

/** What is in an element of this tag. */
export function within(element: Element | undefined, tag: number): readonly Element[] {
  return elements(content(element, tag));
}

/** The content of an element of this tag. */
export function content(element: Element | undefined, tag: number): Bytes {
  return element?.tag === tag ? element.content : refuse(REFUSED);
}

/** An object identifier, by its bytes in hexadecimal. */
export function objectId(element: Element | undefined): string {
  return hex(content(element, TAG.objectId));
}

/** The bytes of a bit string without unused bits. */
export function bits(element: Element | undefined): Bytes {
  const bytes = content(element, TAG.bits);
  need(bytes[0] === 0, REFUSED);
  return bytes.subarray(1);
}

/** Whether a boolean is true. */
export function isTrue(element: Element | undefined): boolean {
  const bytes = content(element, TAG.boolean);
  need(bytes.length === 1 && (bytes[0] === 0 || bytes[0] === 0xff), REFUSED);
  return bytes[0] === 0xff;
}

/** Seconds since 1970 of a time (RFC 5280, section 4.1.2.5). */
export function seconds(element: Element | undefined): number {
  const tag = element?.tag === TAG.utcTime ? TAG.utcTime : TAG.generalizedTime;
  const text = Array.from(content(element, tag), (byte) => String.fromCharCode(byte)).join("");
  const short = tag === TAG.utcTime;
  need(short ? /^\d{12}Z$/.test(text) : /^\d{14}Z$/.test(text), REFUSED);
  const whole = short ? `${Number(text.slice(0, 2)) < YEAR_BORDER ? "20" : "19"}${text}` : text;
  const [, year, month, day, hour, minute, second] = /^(....)(..)(..)(..)(..)(..)Z$/.exec(whole) ?? [];
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time) ? refuse(REFUSED) : time / 1000;
}
