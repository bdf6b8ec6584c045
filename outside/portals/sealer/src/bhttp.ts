// Whole HTTP messages as bytes: binary HTTP (RFC 9292, section 3). It belongs to sealing.
// Requests are written with indeterminate length, scheme `https` and an empty authority.
// Fields about connections are neither sent nor taken: inside a seal there is no connection.

import { concat, utf8, type Bytes } from "./bytes.js";
import { need, refuse } from "./refused.js";
import { Cursor, varint } from "./varint.js";

/** Framing indicators (section 3.3). */
const REQUEST_INDETERMINATE = 2;
const RESPONSE_KNOWN = 1;
const RESPONSE_INDETERMINATE = 3;
/** Method, path and header fields together. */
const HEAD_BYTES_MAX = 64 * 1024;
const FIELDS_MAX = 128;
/** Interim answers (1xx) before the real one; they are passed over. */
const INTERIM_ANSWERS_MAX = 8;
/** Zeros behind a message. */
const PADDING_BYTES_MAX = 1024 * 1024;
/** Fields about a connection (RFC 9110, section 7.6.1). */
const OF_CONNECTIONS: readonly string[] = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
];
const FIELD_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
// Tab, and everything that is no control character.
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\uffff]*$/;
const METHOD = /^[A-Z]+$/;
const PATH = /^\/[\x21-\x7e]*$/;

/** A header field. */
export type Field = readonly [name: string, value: string];

/** The bytes before and behind a request's body of `length` bytes. */
export function writeRequest(
  method: string,
  path: string,
  fields: readonly Field[],
  length: number,
): { head: Bytes; tail: Bytes } {
  need(METHOD.test(method) && PATH.test(path) && fields.length <= FIELDS_MAX, "seal.head_unsendable");
  const line = [method, "https", "", path].map((part) => packed(utf8(part)));
  const section = fields.map(([name, value]) => writeField(name, value));
  const head = concat(varint(REQUEST_INDETERMINATE), ...line, ...section, varint(0));
  need(head.length <= HEAD_BYTES_MAX, "seal.head_unsendable");
  // One piece of content, where there is any; then the end of the content, and no trailers.
  const piece = length > 0 ? varint(length) : new Uint8Array(0);
  return { head: concat(head, piece), tail: concat(varint(0), varint(0)) };
}

function writeField(name: string, value: string): Bytes {
  const good = FIELD_NAME.test(name) && FIELD_VALUE.test(value) && !OF_CONNECTIONS.includes(name);
  need(good, "seal.head_unsendable");
  return concat(packed(utf8(name)), packed(utf8(value)));
}

function packed(bytes: Bytes): Bytes {
  return concat(varint(bytes.length), bytes);
}

/** A response, read. */
export interface Response {
  readonly status: number;
  readonly fields: readonly Field[];
  readonly body: Bytes;
}

/** Reads a whole response. */
export function readResponse(bytes: Bytes): Response {
  const cursor = new Cursor(bytes);
  const framing = cursor.varint();
  need(framing === RESPONSE_KNOWN || framing === RESPONSE_INDETERMINATE, "seal.malformed");
  const known = framing === RESPONSE_KNOWN;
  for (let interim = 0; interim <= INTERIM_ANSWERS_MAX; interim += 1) {
    const status = cursor.varint();
    need(status >= 100 && status < 600, "seal.malformed");
    const fields = readFields(cursor, known);
    if (status >= 200) return { status, fields, body: readRest(cursor, known) };
  }
  return refuse("seal.head_too_large");
}

/** Content, trailers that nobody gets, and zeros up to the end. */
function readRest(cursor: Cursor, known: boolean): Bytes {
  const body = readContent(cursor, known);
  readFields(cursor, known);
  need(cursor.left <= PADDING_BYTES_MAX && cursor.rest().every((byte) => byte === 0), "seal.malformed");
  return body;
}

/** A message may end before its content, but not between two pieces of it (section 3.8). */
function readContent(cursor: Cursor, known: boolean): Bytes {
  if (cursor.left === 0) return new Uint8Array(0);
  if (known) return cursor.string();
  const pieces: Bytes[] = [];
  for (let length = cursor.varint(); length > 0; length = cursor.varint()) pieces.push(cursor.take(length));
  return concat(...pieces);
}

function readFields(cursor: Cursor, known: boolean): readonly Field[] {
  if (cursor.left === 0) return [];
  return known ? readLines(new Cursor(cursor.string()), true) : readLines(cursor, false);
}

function readLines(cursor: Cursor, known: boolean): readonly Field[] {
  const fields: Field[] = [];
  const start = cursor.left;
  while (!(known && cursor.left === 0)) {
    const length = cursor.varint();
    if (length === 0) return known ? refuse("seal.malformed") : fields;
    const name = latin1(cursor.take(length));
    const value = latin1(cursor.string());
    const fits = fields.length < FIELDS_MAX && start - cursor.left <= HEAD_BYTES_MAX;
    need(fits, "seal.head_too_large");
    const good = FIELD_NAME.test(name) && FIELD_VALUE.test(value) && !OF_CONNECTIONS.includes(name);
    need(good, "seal.malformed");
    fields.push([name, value]);
  }
  return fields;
}

/** Field values are bytes (RFC 9110, section 5.5); each becomes one character. */
function latin1(bytes: Bytes): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}
