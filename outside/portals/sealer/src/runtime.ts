// The runtime object: the nonce and the public keys that evidence vouches for.
// Each enclave makes its own; its digest is the `report_data` of every kind of TEE.
// An object without exactly one signing key, or with two keys under one name, is refused.

import { concat, fromB64url, sha256, utf8, type Bytes } from "./bytes.js";
import { canonical } from "./jcs.js";
import { isNamedSigningKey, parseKey, sealingKeyId, type Key } from "./jwk.js";
import { Members } from "./members.js";
import { need } from "./refused.js";

/** Keys in one object: signing, ledger, sealing keys of two kinds in two versions, with room. */
const KEYS_MAX = 8;
export const NONCE_BYTES = 32;
const REPORT_DATA_BYTES = 64;
const LEDGER_KID = "ledger";

/** A runtime object, taken apart. */
export interface Runtime {
  readonly nonce: string;
  readonly keys: readonly Key[];
  /** The digest of the key set that an attestor signs tokens with. */
  readonly jwks: string | undefined;
  readonly signing: Key;
}

/** Reads a runtime object. */
export async function parseRuntime(value: unknown, code: string): Promise<Runtime> {
  const wire = new Members(value, code).only("nonce", "keys", "jwks");
  const nonce = wire.text("nonce");
  const keys = wire.list("keys").map((key) => parseKey(key, code));
  const names = new Set(keys.map((key) => key.jwk.kid).filter((kid) => kid !== undefined));
  need(
    fromB64url(nonce)?.length === NONCE_BYTES && keys.length <= KEYS_MAX && names.size === keys.length,
    code,
  );
  const named = await Promise.all(keys.map(isNamedSigningKey));
  const [signing, another] = keys.filter((_, at) => named[at]);
  need(signing !== undefined && another === undefined, code);
  return { nonce, keys, jwks: wire.has("jwks") ? wire.digest("jwks") : undefined, signing };
}

/** The one spelling of a runtime object. */
export function runtimeText(runtime: Runtime): string {
  const { nonce, jwks } = runtime;
  return canonical({ nonce, jwks, keys: runtime.keys.map((key) => key.jwk) });
}

/** What the TEE signs: SHA-256 of the canonical object, left-aligned, zero-padded. */
export async function reportData(runtime: Runtime): Promise<Bytes> {
  const digest = await sha256(utf8(runtimeText(runtime)));
  return concat(digest, new Uint8Array(REPORT_DATA_BYTES - digest.length));
}

/** A key that requests are sealed to, with its OHTTP key id. */
export interface SealingKey {
  readonly id: number;
  readonly kind: "X-Wing" | "X25519";
  readonly public: Bytes;
}

/** The best sealing key: X-Wing before X25519. */
export function bestSealingKey(runtime: Runtime): SealingKey | undefined {
  const all = runtime.keys.flatMap((key): SealingKey[] => {
    const id = sealingKeyId(key);
    if (id === undefined || (key.kind !== "X-Wing" && key.kind !== "X25519")) return [];
    return [{ id, kind: key.kind, public: key.material }];
  });
  return all.find((key) => key.kind === "X-Wing") ?? all[0];
}

/** The Ed25519 key of the enclave's ledger. */
export function ledgerKey(runtime: Runtime): Bytes | undefined {
  return runtime.keys.find((key) => key.kind === "Ed25519" && key.jwk.kid === LEDGER_KID)?.material;
}
