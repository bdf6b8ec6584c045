// Evidence: what a TEE says about the code inside it and the bytes that code handed in.
// Each kind has a verifier; the relying party chooses by naming roots.
// Evidence that did not verify says nothing.

import { b64url, type Bytes } from "./bytes.js";
import { measurementOf, parseMeasured, type Claims } from "./claims.js";
import { parseKey, thumbprint, type Key } from "./jwk.js";
import { JwsRefusal, parseJws, verifyJws } from "./jws.js";
import { Members } from "./members.js";
import { need, refuse } from "./refused.js";
import { freshness } from "./times.js";
import type { SoftwareRoot } from "./types.js";

/** Longest evidence that is looked at. */
const EVIDENCE_CHARS_MAX = 64 * 1024;
const SOFTWARE_TYP = "autoclave-software-evidence+jwt";

/** Evidence as it travels. */
export interface Evidence {
  readonly kind: string;
  readonly body: string;
}

/** What evidence is checked against. */
export interface EvidenceContext {
  /** The 64 bytes that it must vouch for. */
  readonly reportData: Bytes;
  readonly now: number;
}

/** Verifies evidence under one root; undefined where the root is not the one it names. */
export type Verifier = (evidence: Evidence, context: EvidenceContext) => Promise<Claims | undefined>;

/** The verifiers that a party trusts, by kind. */
export interface TrustedRoot {
  readonly kind: string;
  /** Whether hardware stands behind it. */
  readonly hardware: boolean;
  readonly verify: Verifier;
}

/** Reads evidence. */
export function parseEvidence(value: unknown, code: string): Evidence {
  const wire = new Members(value, code).only("kind", "body");
  return { kind: wire.text("kind"), body: wire.text("body") };
}

/** Verifies evidence by the first verifier that knows its root. */
export async function verifyEvidence(
  evidence: Evidence,
  roots: readonly TrustedRoot[],
  context: EvidenceContext,
): Promise<Claims> {
  need(evidence.body.length <= EVIDENCE_CHARS_MAX, "evidence.too_large");
  const able = roots.filter((root) => root.kind === evidence.kind);
  need(able.length > 0, "evidence.kind_not_accepted");
  for (const root of able) {
    const claims = await root.verify(evidence, context);
    if (claims) return claims;
  }
  return refuse("evidence.root_unknown");
}

/** Trusts a development root: it signs what a TEE would, and keeps nothing confidential. */
export function softwareRoot(root: SoftwareRoot): TrustedRoot {
  const key = parseKey(root.jwk, "client.trust");
  need(key.kind === "P-256", "client.trust");
  return {
    kind: "software",
    hardware: false,
    verify: (evidence, context) => software(evidence, key, context),
  };
}

async function software(
  evidence: Evidence,
  root: Key,
  context: EvidenceContext,
): Promise<Claims | undefined> {
  const payload = await open(evidence.body, root);
  if (payload === undefined) return undefined;
  const quote = Members.parse(payload, "evidence.malformed");
  const measured = parseMeasured(quote, "evidence.malformed");
  const [debug, svn, made] = [quote.flag("debug"), quote.integer("svn"), quote.integer("iat")];
  need(quote.text("report_data") === b64url(context.reportData), "evidence.report_data");
  const stale = freshness(made, context.now);
  if (stale) refuse(stale);
  return { kind: "software", hwBacked: false, debug, measurement: await measurementOf(measured), svn };
}

async function open(body: string, root: Key): Promise<string | undefined> {
  try {
    const jws = parseJws(body, SOFTWARE_TYP);
    return jws.kid === (await thumbprint(root)) ? await verifyJws(jws, root) : undefined;
  } catch (cause) {
    return evidenceJws(cause);
  }
}

/** The refusal of evidence whose JWS is refused. */
export function evidenceJws(cause: unknown): never {
  if (!(cause instanceof JwsRefusal)) throw cause;
  if (cause.fault === "too_large") return refuse("evidence.too_large");
  return refuse(cause.fault === "signature" ? "evidence.signature" : "evidence.malformed");
}
