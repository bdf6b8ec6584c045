// The structures of TPM 2.0 Part 2 that evidence holds, read from bytes that may be anything.
// They belong to TPM evidence. Only the forms that a TPM is asked for are accepted: every length
// is checked, nothing may follow, and no value is guessed.

import { concat, equal, sha256, type Bytes } from "../bytes.js";
import { need } from "../refused.js";

/** `TPM_GENERATED_VALUE`: nothing that a TPM signs for strangers begins so. */
const GENERATED = 0xff544347;
const ATTEST_QUOTE = 0x8018;
const ALG_SHA256 = 0x000b;
const ALG_NULL = 0x0010;
const ALG_ECDSA = 0x0018;
const ALG_ECC = 0x0023;
const CURVE_P256 = 0x0003;
const SCALAR_BYTES = 32;
/** Algorithm and SHA-512. */
const NAME_BYTES_MAX = 66;
const DIGEST_BYTES_MAX = 64;
const STRUCTURE_BYTES_MAX = 512;
/** Clock, reset and restart counts. */
const CLOCK_BYTES = 16;
const FIRMWARE_BYTES = 8;
/** Registers 0 to 15, one bit each. */
const SELECTED = 0xff;
const SELECTION_BYTES = 2;
/** `TPMA_OBJECT` (Part 2, section 8.3): fixedTPM, fixedParent, sensitiveDataOrigin, restricted, sign. */
const ATTRIBUTES_SET = 0x0005_0032;
/** encryptedDuplication, decrypt, x509sign, and the bits that Part 2 reserves. */
const ATTRIBUTES_CLEAR = 0xfffa_fb09;

/** What is left of some bytes; what is not of the form is refused under one code. */
class Reader {
  #bytes: Bytes;
  readonly #code: string;

  constructor(bytes: Bytes, code: string) {
    need(bytes.length <= STRUCTURE_BYTES_MAX, code);
    [this.#bytes, this.#code] = [bytes, code];
  }

  take(length: number): Bytes {
    need(length <= this.#bytes.length, this.#code);
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return taken;
  }

  number(length: number): number {
    return this.take(length).reduce((sum, byte) => sum * 256 + byte, 0);
  }

  /** A `TPM2B`: length and bytes. */
  sized(max: number): Bytes {
    const length = this.number(2);
    need(length <= max, this.#code);
    return this.take(length);
  }

  /** A coordinate or scalar. Some TPMs leave zeros out in front of it; none adds any. */
  scalar(): Bytes {
    const bytes = this.sized(SCALAR_BYTES);
    need(bytes.length === SCALAR_BYTES || (bytes[0] ?? 0) !== 0, this.#code);
    return concat(new Uint8Array(SCALAR_BYTES - bytes.length), bytes);
  }

  constant(length: number, expected: number): void {
    need(this.number(length) === expected, this.#code);
  }

  end(): void {
    need(this.#bytes.length === 0, this.#code);
  }
}

/** A quote: `TPMS_ATTEST` of type `TPM_ST_ATTEST_QUOTE` with one selection. */
export interface Quote {
  readonly extraData: Bytes;
  /** Whether exactly the registers 0 to 15 of the SHA-256 bank are selected. */
  readonly selectsAll: boolean;
  readonly pcrDigest: Bytes;
}

/** Reads a quote. */
export function parseQuote(bytes: Bytes): Quote {
  const reader = new Reader(bytes, "evidence.tpm_quote");
  reader.constant(4, GENERATED);
  reader.constant(2, ATTEST_QUOTE);
  reader.sized(NAME_BYTES_MAX); // the qualified name of the signer
  const extraData = reader.sized(DIGEST_BYTES_MAX);
  reader.take(CLOCK_BYTES);
  need(reader.number(1) <= 1, "evidence.tpm_quote"); // whether the clock is safe
  reader.take(FIRMWARE_BYTES);
  reader.constant(4, 1); // one bank
  const bank = reader.number(2);
  const selection = reader.take(reader.number(1));
  const pcrDigest = reader.sized(DIGEST_BYTES_MAX);
  reader.end();
  const bits =
    selection.length >= SELECTION_BYTES &&
    selection.every((byte, at) => byte === (at < SELECTION_BYTES ? SELECTED : 0));
  return { extraData, selectsAll: bank === ALG_SHA256 && bits, pcrDigest };
}

/** Whether the quote is over these registers: SHA-256 over their concatenation. */
export async function isOver(quote: Quote, registers: readonly Bytes[]): Promise<boolean> {
  return equal(quote.pcrDigest, await sha256(...registers));
}

/** The key of a `TPMT_PUBLIC` that can do nothing but attest: an uncompressed point of P-256. */
export function parseAttestationKey(bytes: Bytes): Bytes {
  const code = "evidence.tpm_ak_key";
  const reader = new Reader(bytes, code);
  reader.constant(2, ALG_ECC);
  reader.constant(2, ALG_SHA256);
  const attributes = reader.number(4);
  reader.sized(DIGEST_BYTES_MAX); // the policy
  // No symmetric algorithm, ECDSA with SHA-256, P-256, no key derivation.
  for (const expected of [ALG_NULL, ALG_ECDSA, ALG_SHA256, CURVE_P256, ALG_NULL])
    reader.constant(2, expected);
  const point = concat(new Uint8Array([4]), reader.scalar(), reader.scalar());
  reader.end();
  const set = (attributes & ATTRIBUTES_SET) === ATTRIBUTES_SET;
  need(set && (attributes & ATTRIBUTES_CLEAR) === 0, code);
  return point;
}

/** Both scalars of a `TPMT_SIGNATURE`: ECDSA with SHA-256 on P-256. */
export function parseSignature(bytes: Bytes): Bytes {
  const reader = new Reader(bytes, "evidence.signature");
  reader.constant(2, ALG_ECDSA);
  reader.constant(2, ALG_SHA256);
  const signature = concat(reader.scalar(), reader.scalar());
  reader.end();
  return signature;
}
