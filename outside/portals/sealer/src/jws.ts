// Compact JSON Web Signatures (RFC 7515) with ES256 and nothing else, told apart by `typ`.
// All signed objects of the protocol are of this form.
// A key that a header brings along is never used, and no other algorithm can be asked for.

import { compactVerify, errors, importJWK } from "jose";

import { fromB64url, text, type Bytes } from "./bytes.js";
import type { Key } from "./jwk.js";

/** Longest JWS that is looked at: a manifest of some hundred releases. */
export const JWS_CHARS_MAX = 64 * 1024;
const SIGNATURE_BYTES = 64;

/** Why a JWS is refused; each caller has codes of its own for it. */
export type JwsFault = "too_large" | "malformed" | "alg" | "crit" | "typ" | "signature";

/** The refusal, before a caller gives it a code. */
export class JwsRefusal extends Error {
  readonly fault: JwsFault;

  constructor(fault: JwsFault) {
    super(`the signed object is refused: ${fault}`);
    this.fault = fault;
  }
}

/** A JWS of the right type and algorithm whose signature is not checked yet. */
export interface UnverifiedJws {
  readonly raw: string;
  readonly kid: string | undefined;
  /** Helps to find the key, and must not be believed. */
  readonly payload: Bytes;
}

/** Takes a JWS apart, and checks its size, algorithm and type. */
export function parseJws(raw: string, typ: string): UnverifiedJws {
  if (raw.length > JWS_CHARS_MAX) throw new JwsRefusal("too_large");
  const parts = raw.split(".");
  const [header, payload, signature] = parts.map(fromB64url);
  if (parts.length !== 3 || !header || !payload) throw new JwsRefusal("malformed");
  const kid = checkHeader(header, typ);
  if (!signature) throw new JwsRefusal("malformed");
  if (signature.length !== SIGNATURE_BYTES) throw new JwsRefusal("signature");
  return { raw, kid, payload };
}

function checkHeader(bytes: Bytes, typ: string): string | undefined {
  const header = object(bytes);
  if (!header || typeof header["alg"] !== "string") throw new JwsRefusal("malformed");
  if (header["alg"] !== "ES256") throw new JwsRefusal("alg");
  if (header["crit"] !== undefined && header["crit"] !== null) throw new JwsRefusal("crit");
  // Media types compare without case (RFC 7515, section 4.1.9).
  const found = header["typ"];
  if (typeof found !== "string" || found.toLowerCase() !== typ.toLowerCase()) throw new JwsRefusal("typ");
  const kid = header["kid"] ?? undefined;
  if (kid !== undefined && typeof kid !== "string") throw new JwsRefusal("malformed");
  return kid;
}

function object(bytes: Bytes): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text(bytes));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Checks the signature and gives up the payload's text. */
export async function verifyJws(jws: UnverifiedJws, key: Key): Promise<string> {
  try {
    const imported = await importJWK({ ...key.jwk, kty: "EC", alg: "ES256" }, "ES256");
    const { payload } = await compactVerify(jws.raw, imported, { algorithms: ["ES256"] });
    return text(payload);
  } catch (cause) {
    throw new JwsRefusal(cause instanceof errors.JWSInvalid ? "malformed" : "signature");
  }
}
