// Public keys as JSON Web Keys (RFC 7517) and their thumbprints (RFC 7638).
// Every party names keys this way; it belongs to all parsers here.
// Private members are refused, and no key is believed because it is well formed.

import { b64url, concat, fromB64url, sha256, utf8, type Bytes } from "./bytes.js";
import { canonical } from "./jcs.js";
import { Members } from "./members.js";
import { refuse } from "./refused.js";
import type { Jwk } from "./types.js";

/** The kinds of key that we speak. */
export type KeyKind = "P-256" | "X25519" | "Ed25519" | "X-Wing";

/** A public key, taken apart. */
export interface Key {
  readonly kind: KeyKind;
  /** Raw bytes; for P-256 the two coordinates. */
  readonly material: Bytes;
  /** The key as it is written again: the members that we know and no others. */
  readonly jwk: Jwk;
}

const KID_CHARS_MAX = 128;
/** ML-KEM-768 (1184) and X25519 (32). */
const XWING_PUBLIC_BYTES = 1216;
const COORDINATE_BYTES = 32;

/** Reads a key; anything that is not one of ours is refused with `code`. */
export function parseKey(value: unknown, code: string): Key {
  const wire = new Members(value, code);
  if (["d", "k", "priv"].some((name) => wire.has(name))) refuse(code);
  const { kind, names, alg } = form(wire, code);
  const parts = names.map((name) => member(wire, name, kind, code));
  const kid = wire.optionalText("kid");
  const use = wire.optionalText("use");
  if ((kid?.length ?? 0) > KID_CHARS_MAX || (use !== undefined && use !== "sig" && use !== "enc"))
    refuse(code);
  const crv = kind === "X-Wing" ? {} : { crv: kind };
  const texts = Object.fromEntries(names.map((name) => [name, wire.text(name)]));
  const named = {
    ...(alg === undefined ? {} : { alg }),
    ...(use === undefined ? {} : { use }),
    ...(kid === undefined ? {} : { kid }),
  };
  return { kind, material: concat(...parts), jwk: { kty: wire.text("kty"), ...crv, ...texts, ...named } };
}

function form(wire: Members, code: string): { kind: KeyKind; names: string[]; alg?: string } {
  const [kty, crv, alg] = [wire.text("kty"), wire.optionalText("crv"), wire.optionalText("alg")];
  if (kty === "EC" && crv === "P-256" && (alg ?? "ES256") === "ES256")
    return { kind: crv, names: ["x", "y"], alg: "ES256" };
  if (kty === "OKP" && crv === "X25519") return { kind: crv, names: ["x"] };
  if (kty === "OKP" && crv === "Ed25519" && [undefined, "EdDSA", "Ed25519"].includes(alg))
    return { kind: crv, names: ["x"] };
  if (kty === "AKP" && crv === undefined && alg === "X-Wing") return { kind: alg, names: ["pub"], alg };
  return refuse(code);
}

function member(wire: Members, name: string, kind: KeyKind, code: string): Bytes {
  const bytes = fromB64url(wire.text(name));
  const length = kind === "X-Wing" ? XWING_PUBLIC_BYTES : COORDINATE_BYTES;
  return bytes?.length === length ? bytes : refuse(code);
}

/** The RFC 7638 thumbprint: of the key material alone, not of its name or use. */
export async function thumbprint(key: Key): Promise<string> {
  const { kty, crv, x, y, pub } = key.jwk;
  const alg = key.kind === "X-Wing" ? key.kind : undefined;
  return b64url(await sha256(utf8(canonical({ alg, crv, kty, pub, x, y }))));
}

/** Whether the key is an ES256 key for signatures under its own thumbprint. */
export async function isNamedSigningKey(key: Key): Promise<boolean> {
  return key.kind === "P-256" && key.jwk.use === "sig" && key.jwk.kid === (await thumbprint(key));
}

/** The OHTTP key id of a sealing key: `kid` as a decimal number of one byte. */
export function sealingKeyId(key: Key): number | undefined {
  const id = Number(key.jwk.kid);
  const good = Number.isInteger(id) && id >= 0 && id <= 255 && String(id) === key.jwk.kid;
  return good && key.jwk.use === "enc" ? id : undefined;
}

/** Whether two keys are the same in every member. */
export function sameKey(one: Key, other: Key): boolean {
  return canonical(one.jwk) === canonical(other.jwk);
}
