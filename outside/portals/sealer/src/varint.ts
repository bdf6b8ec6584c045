// QUIC's integers of variable length (RFC 9000, section 16) and a reader over bytes.
// They belong to binary HTTP and to the chunks of Oblivious HTTP.
// A reader never gives more than there is: what ends early is `seal.truncated`.

import { bigEndian, type Bytes } from "./bytes.js";
import { need, refuse } from "./refused.js";

/** A number as a variable-length integer. */
export function varint(value: number): Bytes {
  const power = value < 2 ** 6 ? 0 : value < 2 ** 14 ? 1 : value < 2 ** 30 ? 2 : 3;
  const bytes = bigEndian(value, 2 ** power);
  bytes[0] = (bytes[0] ?? 0) | (power << 6);
  return bytes;
}

/** Reads a message from its beginning. */
export class Cursor {
  readonly #bytes: Bytes;
  #at = 0;

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** The next bytes. */
  take(length: number): Bytes {
    need(length <= this.left, "seal.truncated");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** All that is left. */
  rest(): Bytes {
    return this.take(this.left);
  }

  /** The next variable-length integer. */
  varint(): number {
    const first = this.take(1)[0] ?? 0;
    const more = this.take(2 ** (first >> 6) - 1);
    const value = more.reduce((sum, byte) => sum * 256 + byte, first & 0x3f);
    return Number.isSafeInteger(value) ? value : refuse("seal.malformed");
  }

  /** The next bytes after their length. */
  string(): Bytes {
    return this.take(this.varint());
  }
}
