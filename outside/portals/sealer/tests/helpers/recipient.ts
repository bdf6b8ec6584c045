// The enclave's side of sealing, for tests: opens requests and seals answers. It is written from
// the same description as the client's side and shares its chunks and keys.
import type { CipherSuite, RecipientContext } from "@hpke/core";

import { concat, text, utf8, type Bytes } from "../../src/bytes.js";
import {
  answerCipher,
  answerSecret,
  openChunks,
  requestHeader,
  requestInfo,
  sealChunk,
  suiteOf,
} from "../../src/ohttp.js";
import { need } from "../../src/refused.js";
import type { SealingKey } from "../../src/runtime.js";
import { Cursor, varint } from "../../src/varint.js";

const HEADER_BYTES = 7;
const CONNECTION = ["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

export interface OpenedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Bytes;
}

/** Reads a request of indeterminate length. */
export function readRequest(bytes: Bytes): OpenedRequest {
  const cursor = new Cursor(bytes);
  need(cursor.varint() === 2, "seal.malformed");
  const [method, , , path] = [1, 2, 3, 4].map(() => text(cursor.string()));
  const headers: [string, string][] = [];
  for (let length = cursor.varint(); length > 0; length = cursor.varint()) {
    const [name, value] = [text(cursor.take(length)), text(cursor.string())];
    need(name === name.toLowerCase() && !CONNECTION.includes(name), "seal.malformed");
    headers.push([name, value]);
  }
  const pieces: Bytes[] = [];
  for (let length = cursor.varint(); length > 0; length = cursor.varint()) pieces.push(cursor.take(length));
  need(cursor.varint() === 0 && cursor.rest().every((byte) => byte === 0), "seal.malformed");
  return { method: method ?? "", path: path ?? "", headers, body: concat(...pieces) };
}

/** A response of indeterminate length. */
export function writeResponse(
  status: number,
  headers: readonly (readonly [string, string])[],
  body: Bytes,
): Bytes {
  const packed = (value: string): Bytes => concat(varint(utf8(value).length), utf8(value));
  const fields = headers.flatMap(([name, value]) => [packed(name), packed(value)]);
  const content = body.length > 0 ? concat(varint(body.length), body) : new Uint8Array(0);
  return concat(varint(3), varint(status), ...fields, varint(0), content, varint(0), varint(0));
}

/** Whoever holds a sealing key. */
export class Recipient {
  readonly #suite: CipherSuite;
  readonly #keys: CryptoKeyPair;
  readonly key: SealingKey;

  private constructor(suite: CipherSuite, keys: CryptoKeyPair, key: SealingKey) {
    [this.#suite, this.#keys, this.key] = [suite, keys, key];
  }

  /** A new key, or that of a vector. */
  static async of(
    kind: SealingKey["kind"],
    id: number,
    given?: { secret: Bytes; public: Bytes },
  ): Promise<Recipient> {
    const suite = suiteOf(kind);
    const keys = given
      ? {
          privateKey: await suite.kem.deserializePrivateKey(given.secret),
          publicKey: await suite.kem.deserializePublicKey(given.public),
        }
      : await suite.kem.generateKeyPair();
    const raw = new Uint8Array(await suite.kem.serializePublicKey(keys.publicKey));
    return new Recipient(suite, keys, { id, kind, public: raw });
  }

  /** Opens a sealed request; its context seals the answer. */
  async open(sealed: Bytes): Promise<{ plaintext: Bytes; answer: (plaintext: Bytes) => Promise<Bytes> }> {
    const cursor = new Cursor(sealed);
    const header = cursor.take(HEADER_BYTES);
    need(header[0] === this.key.id, "seal.key_unknown");
    need(header.join() === requestHeader(this.key.id, this.key.kind).join(), "seal.suite");
    const enc = cursor.take(this.#suite.kem.encSize);
    const recipientKey = this.#keys;
    const context: RecipientContext = await this.#suite.createRecipientContext({
      recipientKey,
      enc,
      info: requestInfo(header),
    });
    const open = async (bytes: Bytes, aad: Bytes): Promise<Bytes> =>
      new Uint8Array(await context.open(bytes, aad));
    const plaintext = await openChunks(open, cursor, "seal.key_unknown");
    return { plaintext, answer: async (response) => sealAnswer(await answerSecret(context), enc, response) };
  }
}

/** Seals an answer in chunks of `size` bytes, the final one empty. */
export async function sealAnswer(secret: Bytes, enc: Bytes, plaintext: Bytes, size = 1000): Promise<Bytes> {
  const nonce = crypto.getRandomValues(new Uint8Array(16));
  const cipher = await answerCipher(secret, concat(enc, nonce), "encrypt");
  const chunks: Bytes[] = [nonce];
  for (let at = 0; at < plaintext.length; at += size) {
    chunks.push(await sealChunk(cipher, plaintext.slice(at, at + size), false));
  }
  return concat(...chunks, await sealChunk(cipher, new Uint8Array(0), true));
}
