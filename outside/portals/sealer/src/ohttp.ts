// Chunked Oblivious HTTP (RFC 9458 and its chunked extension) over HPKE (RFC 9180): keys, heads,
// chunks. It belongs to sealing; the formats are in ARCHITECTURE.md, section 4.
// No message is ever whole before its final chunk has opened.

import { Aes128Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256, type SenderContext } from "@hpke/core";
import { XWing } from "@hpke/hybridkem-x-wing";

import { bigEndian, concat, utf8, type Bytes } from "./bytes.js";
import { need, Refused } from "./refused.js";
import type { SealingKey } from "./runtime.js";
import { Cursor, varint } from "./varint.js";

/** Plaintext in one chunk. */
export const CHUNK_BYTES_MAX = 16 * 1024;
export const TAG_BYTES = 16;
const AEAD_KEY_BYTES = 16;
const AEAD_NONCE_BYTES = 12;
/** Before the chunks of an answer: the larger of key and nonce of the AEAD. */
const ANSWER_NONCE_BYTES = 16;
const KEM_IDS = { "X-Wing": 0x647a, X25519: 0x0020 } as const;
/** HKDF-SHA256 and AES-128-GCM. */
const KDF_AND_AEAD = [1, 1] as const;
const REQUEST = "message/bhttp chunked request";
const RESPONSE = "message/bhttp chunked response";
const FINAL = utf8("final");
const NO_AAD = new Uint8Array(0);

/** Seals or opens the next chunk of one direction. */
export type ChunkCipher = (bytes: Bytes, aad: Bytes) => Promise<Bytes>;

/** The suite of a key mechanism. */
export function suiteOf(kind: SealingKey["kind"]): CipherSuite {
  const kem = kind === "X-Wing" ? new XWing() : new DhkemX25519HkdfSha256();
  return new CipherSuite({ kem, kdf: new HkdfSha256(), aead: new Aes128Gcm() });
}

/** Key id and suite, as they stand before `enc`. */
export function requestHeader(id: number, kind: SealingKey["kind"]): Bytes {
  return concat(bigEndian(id, 1), ...[KEM_IDS[kind], ...KDF_AND_AEAD].map((number) => bigEndian(number, 2)));
}

/** HPKE's `info` of a request with this header. */
export function requestInfo(header: Bytes): Bytes {
  return concat(utf8(REQUEST), new Uint8Array(1), header);
}

/** A request on its way: what precedes its chunks, and what opens its answer. */
export interface Encapsulated {
  readonly head: Bytes;
  readonly enc: Bytes;
  readonly seal: ChunkCipher;
  readonly exported: () => Promise<Bytes>;
}

/** Begins a request to a key. `ekm` fixes the randomness, for vectors alone. */
export async function encapsulate(key: SealingKey, ekm?: Bytes): Promise<Encapsulated> {
  const header = requestHeader(key.id, key.kind);
  const context = await sender(key, header, ekm);
  const enc = new Uint8Array(context.enc);
  const seal: ChunkCipher = async (bytes, aad) => new Uint8Array(await context.seal(bytes, aad));
  return { head: concat(header, enc), enc, seal, exported: () => answerSecret(context) };
}

async function sender(key: SealingKey, header: Bytes, ekm?: Bytes): Promise<SenderContext> {
  try {
    const suite = suiteOf(key.kind);
    const recipientPublicKey = await suite.kem.deserializePublicKey(key.public);
    const fixed = ekm === undefined ? {} : { ekm };
    return await suite.createSenderContext({ recipientPublicKey, info: requestInfo(header), ...fixed });
  } catch {
    throw new Refused("seal.key_invalid");
  }
}

/** The secret that the answer's keys follow from. */
export async function answerSecret(context: Pick<SenderContext, "export">): Promise<Bytes> {
  return new Uint8Array(await context.export(utf8(RESPONSE), ANSWER_NONCE_BYTES));
}

/** One chunk as sent. */
export async function sealChunk(seal: ChunkCipher, plaintext: Bytes, final: boolean): Promise<Bytes> {
  const sealed = await seal(plaintext, final ? FINAL : NO_AAD);
  return concat(varint(final ? 0 : sealed.length), sealed);
}

/** How long a message of so many plaintext bytes is, without its head. */
export function sealedLength(plaintext: number): number {
  const whole = Math.max(Math.ceil(plaintext / CHUNK_BYTES_MAX) - 1, 0);
  const last = plaintext - whole * CHUNK_BYTES_MAX + TAG_BYTES;
  const full = CHUNK_BYTES_MAX + TAG_BYTES;
  return whole * (varint(full).length + full) + varint(0).length + last;
}

/** Opens all chunks of a message up to its final one; `first` is the code for the first. */
export async function openChunks(open: ChunkCipher, cursor: Cursor, first = "seal.broken"): Promise<Bytes> {
  const found: Bytes[] = [];
  for (let final = false; !final;) {
    const length = cursor.varint();
    final = length === 0;
    need(length <= CHUNK_BYTES_MAX + TAG_BYTES, "seal.chunk_too_large");
    const sealed = final ? cursor.rest() : cursor.take(length);
    need(sealed.length >= TAG_BYTES, "seal.truncated");
    found.push(await opened(open, sealed, final, found.length === 0 ? first : "seal.broken"));
  }
  return concat(...found);
}

async function opened(open: ChunkCipher, sealed: Bytes, final: boolean, code: string): Promise<Bytes> {
  try {
    return await open(sealed, final ? FINAL : NO_AAD);
  } catch {
    throw new Refused(code);
  }
}

/** Opens an answer to the request with this `enc`. */
export async function openAnswer(secret: Bytes, enc: Bytes, answer: Bytes): Promise<Bytes> {
  const cursor = new Cursor(answer);
  const nonce = cursor.take(ANSWER_NONCE_BYTES);
  return openChunks(await answerCipher(secret, concat(enc, nonce), "decrypt"), cursor);
}

/** AES-128-GCM under the answer's key; the nonce of chunk n is XORed with n. */
export async function answerCipher(
  secret: Bytes,
  salt: Bytes,
  use: "encrypt" | "decrypt",
): Promise<ChunkCipher> {
  const material = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  const derive = async (info: string, length: number): Promise<Bytes> => {
    const how = { name: "HKDF", hash: "SHA-256", salt, info: utf8(info) };
    return new Uint8Array(await crypto.subtle.deriveBits(how, material, length * 8));
  };
  const key = await crypto.subtle.importKey("raw", await derive("key", AEAD_KEY_BYTES), "AES-GCM", false, [
    use,
  ]);
  const base = await derive("nonce", AEAD_NONCE_BYTES);
  let count = 0;
  return async (bytes, additionalData) => {
    const iv = base.map((byte, at) => byte ^ (bigEndian(count, AEAD_NONCE_BYTES)[at] ?? 0));
    count += 1;
    return new Uint8Array(await crypto.subtle[use]({ name: "AES-GCM", iv, additionalData }, key, bytes));
  };
}
