// The attestation token: an EAR as a JWT, bound to keys. The attestor signs it.
// It is checked in the order that ARCHITECTURE.md gives (section 3); the first that fails names
// the code. No claim of a token counts before `verifyToken` has returned.

import { fromB64url, text } from "./bytes.js";
import { parseClaims, type Claims } from "./claims.js";
import { canonicalDigest } from "./jcs.js";
import { isNamedSigningKey, parseKey, sameKey, thumbprint, type Key } from "./jwk.js";
import { JwsRefusal, parseJws, verifyJws } from "./jws.js";
import { findRelease, policyHashOf, type Manifest } from "./manifest.js";
import { Members, parseJson } from "./members.js";
import { need, refuse } from "./refused.js";
import { parseRuntime, type Runtime } from "./runtime.js";
import { SKEW_S } from "./times.js";

/** `aud` of tokens that enclaves show each other. */
export const PASSPORT = "autoclave";
const TYP = "JWT";
const PROFILE = "tag:autoclave.health,2026:ear";
const MALFORMED = "token.malformed";
/** Keys in one set: the current one and those whose tokens still live. */
const KEYS_MAX = 16;
/** Longest key set that is looked at. */
const KEYSET_CHARS_MAX = 16 * 1024;
const POLICY_BYTES = 32;

/** The attestor's keys, each under its thumbprint, and the digest that its evidence vouches for. */
export interface KeySet {
  readonly keys: readonly Key[];
  readonly digest: string;
}

/** Reads a key set; one with a key of another kind is refused as a whole. */
export async function parseKeySet(value: unknown, code: string): Promise<KeySet> {
  const keys = new Members(value, code).list("keys").map((key) => parseKey(key, code));
  const good = await Promise.all(keys.map(isNamedSigningKey));
  need(keys.length > 0 && keys.length <= KEYS_MAX && good.every(Boolean), code);
  return { keys, digest: await canonicalDigest({ keys: keys.map((key) => key.jwk) }) };
}

/** Reads a JWKS document. */
export async function readKeySet(json: Uint8Array, code: string): Promise<KeySet> {
  need(json.length <= KEYSET_CHARS_MAX, code);
  return parseKeySet(parseJson(text(json), code), code);
}

/** What a token must say. */
export interface Expected {
  readonly issuer: string;
  readonly audience: string;
  readonly workload: string;
  readonly hardwareRequired: boolean;
  /** Undefined in tests alone: then any measurement and policy will do. */
  readonly manifest: Manifest | undefined;
  /** Ours, where we gave one. */
  readonly nonce?: string;
  /** The thumbprint of the key that the peer showed. */
  readonly signingKey?: string;
}

/** A token that was verified. */
export interface Token {
  readonly raw: string;
  readonly workload: string;
  readonly claims: Claims;
  readonly runtime: Runtime;
  readonly policyHash: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** Checks a token at the time `now`. */
export async function verifyToken(
  raw: string,
  keys: KeySet,
  expected: Expected,
  now: number,
): Promise<Token> {
  const payload = await open(raw, keys);
  const wire = Members.parse(payload, MALFORMED);
  const claims = await annotated(wire);
  const runtime = await parseRuntime(wire.raw("x-ms-runtime"), MALFORMED);
  consistent(wire, claims, runtime);
  need(wire.text("iss") === expected.issuer, "token.issuer");
  need(wire.text("aud") === expected.audience, "token.audience");
  times(wire, now);
  need(expected.nonce === undefined || expected.nonce === wire.text("eat_nonce"), "token.nonce");
  const signing = await thumbprint(runtime.signing);
  need(expected.signingKey === undefined || expected.signingKey === signing, "token.key_binding");
  await verdict(wire, claims, expected);
  const [issuedAt, expiresAt] = [wire.integer("iat"), wire.integer("exp")];
  return {
    raw,
    workload: wire.text("sub"),
    claims,
    runtime,
    policyHash: wire.text("x-ms-policy-hash"),
    issuedAt,
    expiresAt,
  };
}

async function open(raw: string, keys: KeySet): Promise<string> {
  try {
    const jws = parseJws(raw, TYP);
    const key = keys.keys.find((one) => one.jwk.kid === jws.kid);
    return await verifyJws(jws, key ?? refuse("token.key_unknown"));
  } catch (cause) {
    if (!(cause instanceof JwsRefusal)) throw cause;
    if (cause.fault === "alg") return refuse("token.alg_not_allowed");
    return refuse(cause.fault === "signature" ? "token.signature" : MALFORMED);
  }
}

/** The claims of the evidence, under the name of its kind. */
async function annotated(wire: Members): Promise<Claims> {
  const evidence = wire.members("submods").members("cpu0").members("ear.veraison.annotated-evidence");
  const [kind, another] = Object.keys(evidence.value);
  need(kind !== undefined && another === undefined, MALFORMED);
  const claims = await parseClaims(evidence.raw(kind), MALFORMED);
  need(claims.kind === kind, MALFORMED);
  return claims;
}

/** What stands twice in a token must be the same twice: readers may look at either. */
function consistent(wire: Members, claims: Claims, runtime: Runtime): void {
  const confirmed = parseKey(wire.members("cnf").raw("jwk"), MALFORMED);
  const same =
    wire.text("eat_profile") === PROFILE &&
    wire.text("eat_nonce") === runtime.nonce &&
    sameKey(confirmed, runtime.signing) &&
    wire.digest("measurement") === claims.measurement &&
    wire.flag("hw_backed") === claims.hwBacked &&
    wire.text("x-ms-attestation-type") === claims.kind &&
    wire.text("dbgstat") === (claims.debug ? "enabled" : "disabled");
  const policy = fromB64url(wire.text("x-ms-policy-hash"));
  need(same && policy?.length === POLICY_BYTES && wire.text("jti").length > 0, MALFORMED);
}

function times(wire: Members, now: number): void {
  const latest = now + SKEW_S;
  need(wire.integer("nbf") <= latest && wire.integer("iat") <= latest, "token.not_yet_valid");
  need(now < wire.integer("exp"), "token.expired");
}

async function verdict(wire: Members, claims: Claims, expected: Expected): Promise<void> {
  const { manifest, workload } = expected;
  need(!claims.debug, "token.debug");
  need(claims.hwBacked || !expected.hardwareRequired, "token.hardware_required");
  const release = manifest && findRelease(manifest, claims.measurement, claims.kind, claims.svn);
  need(!manifest || release?.name === workload, "token.measurement");
  const cpu0 = wire.members("submods").members("cpu0");
  need(cpu0.text("ear.status") === "affirming", "token.not_affirming");
  need(wire.text("sub") === workload, "token.workload");
  if (!manifest) return;
  const policyHash = await policyHashOf(manifest, cpu0.text("ear.appraisal-policy-id"));
  need(wire.text("x-ms-policy-hash") === policyHash, "token.policy");
}
