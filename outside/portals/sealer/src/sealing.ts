// Sealing a request to an enclave's key and opening the answer to it. It belongs to connections.
// A body of any length is read in pieces and sealed chunk by chunk.
// One sealing is sent once: whoever sends again seals anew.

import { readResponse, writeRequest, type Field } from "./bhttp.js";
import { concat, type Bytes } from "./bytes.js";
import type { Outbound } from "./http.js";
import {
  CHUNK_BYTES_MAX,
  encapsulate,
  openAnswer,
  sealChunk,
  sealedLength,
  type Encapsulated,
} from "./ohttp.js";
import { need, refuse, Refused } from "./refused.js";
import type { SealingKey } from "./runtime.js";
import type { OpenedAnswer, SealedRequest } from "./types.js";

export const REQUEST_MEDIA_TYPE = "message/ohttp-chunked-req";
export const RESPONSE_MEDIA_TYPE = "message/ohttp-chunked-res";
/** The 200 MB that large images take, and room for what wraps them. */
const BODY_BYTES_MAX = 210_000_000;
/** How much of a Blob is read at once. */
const READ_BYTES = 64 * CHUNK_BYTES_MAX;

/** A sealed request, and the only thing that opens the answer to it. */
export class Sealing implements Outbound {
  readonly length: number;
  readonly #sealed: Encapsulated;
  readonly #plaintext: () => AsyncIterable<Bytes>;

  private constructor(sealed: Encapsulated, plaintext: () => AsyncIterable<Bytes>, length: number) {
    this.#sealed = sealed;
    this.#plaintext = plaintext;
    this.length = sealed.head.length + sealedLength(length);
  }

  /** Seals a request at the time `now` (seconds). */
  static async of(request: SealedRequest, key: SealingKey, now: number): Promise<Sealing> {
    const body = request.body ?? new Uint8Array(0);
    const size = body instanceof Uint8Array ? body.length : body.size;
    need(size <= BODY_BYTES_MAX, "seal.body_too_large");
    const { head, tail } = writeRequest(request.method, request.path, fields(request, now), size);
    const plaintext = (): AsyncIterable<Bytes> => pieces(head, body, size, tail);
    return new Sealing(await encapsulate(key), plaintext, head.length + size + tail.length);
  }

  /** What to post, once. */
  async *chunks(): AsyncGenerator<Bytes> {
    yield this.#sealed.head;
    let held: Bytes | undefined;
    for await (const chunk of cut(this.#plaintext())) {
      if (held) yield await sealChunk(this.#sealed.seal, held, false);
      held = chunk;
    }
    yield await sealChunk(this.#sealed.seal, held ?? new Uint8Array(0), true);
  }

  /** Opens the answer; whatever is not authentic and whole is refused. */
  async open(answer: Bytes): Promise<OpenedAnswer> {
    const plaintext = await openAnswer(await this.#sealed.exported(), this.#sealed.enc, answer);
    const { status, fields: found, body } = readResponse(plaintext);
    const headers = new Map<string, string>();
    for (const [name, value] of found)
      headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value);
    return { status, headers: Object.fromEntries(headers), body };
  }
}

function fields(request: SealedRequest, now: number): readonly Field[] {
  const given = Object.entries(request.headers ?? {}).map(([name, value]): Field => [
    name.toLowerCase(),
    value,
  ]);
  return [["date", new Date(now * 1000).toUTCString()], ...given.filter(([name]) => name !== "date")];
}

async function* pieces(
  head: Bytes,
  body: Uint8Array | Blob,
  size: number,
  tail: Bytes,
): AsyncGenerator<Bytes> {
  yield head;
  for (let at = 0; at < size; at += READ_BYTES) yield await read(body, at, Math.min(at + READ_BYTES, size));
  yield tail;
}

async function read(body: Uint8Array | Blob, from: number, to: number): Promise<Bytes> {
  if (body instanceof Uint8Array) return concat(body.subarray(from, to));
  const found = await body
    .slice(from, to)
    .arrayBuffer()
    .catch(() => refuse("seal.body_unreadable"));
  if (found.byteLength !== to - from) throw new Refused("seal.body_unreadable");
  return new Uint8Array(found);
}

/** Cuts a stream of bytes into full chunks; the last one is shorter. */
async function* cut(stream: AsyncIterable<Bytes>): AsyncGenerator<Bytes> {
  let open: Bytes = new Uint8Array(0);
  for await (const piece of stream) {
    const joined = concat(open, piece);
    const whole = joined.length - (joined.length % CHUNK_BYTES_MAX);
    for (let at = 0; at < whole; at += CHUNK_BYTES_MAX) yield joined.subarray(at, at + CHUNK_BYTES_MAX);
    open = joined.subarray(whole);
  }
  if (open.length > 0) yield open;
}
