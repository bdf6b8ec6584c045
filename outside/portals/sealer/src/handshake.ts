// The handshake: who is asked what, and what must be true of the answers. Attestor and peer may
// lie, and so may whatever lies between. It belongs to connections.
// Nothing is believed before all seven checks have held.

import { Steps, verifyTranscript, type Transcript, type VerifiedAttestor } from "./attestor.js";
import { randomText, text, utf8, type Bytes } from "./bytes.js";
import { parseEvidence, type Evidence } from "./evidence.js";
import { carry, outbound, type Exchange, type Transport } from "./http.js";
import { thumbprint } from "./jwk.js";
import { Members } from "./members.js";
import { need, problemIn, refuse, Refused } from "./refused.js";
import { ledgerKey, NONCE_BYTES, parseRuntime, runtimeText, type Runtime } from "./runtime.js";
import { readKeySet, verifyToken, type Token } from "./token.js";
import type { Trust } from "./trust.js";
import type { CheckId, VerifiedEnclave } from "./types.js";

const EVIDENCE_PATH = "/.well-known/autoclave/evidence";
const JWKS_PATH = "/.well-known/jwks.json";
const MANIFEST_PATH = "/attest/manifest";
const NONCE_PATH = "/attest/nonce";
const ATTEST_PATH = "/attest";
const ATTESTOR = "attestor";
/** Longest answer that is looked at: a token or a manifest, and its JSON. */
const ANSWER_BYTES_MAX = 96 * 1024;
/** The answers are small, and slow hardware quotes within seconds. */
const SILENT_MS_MAX = 30_000;
const AUDIENCE_BYTES = 16;
/** What the attestor's rotation of keys or manifest between two answers looks like. */
const STALE: readonly string[] = ["token.key_unknown", "token.policy", "token.measurement"];

/** What a handshake needs of the world. */
export interface Around {
  readonly base: string;
  readonly trust: Trust;
  readonly send: Transport;
  /** Seconds since 1970. */
  readonly now: () => number;
}

/** A peer that is believed. */
export interface Peer {
  readonly enclave: VerifiedEnclave;
  readonly token: Token;
}

/** The whole handshake: the attestor, then the peer. */
export async function handshake(around: Around, workload: string): Promise<Peer> {
  try {
    return await once(around, workload);
  } catch (cause) {
    // An attestor that rotated meanwhile is checked anew, once.
    if (cause instanceof Refused && STALE.includes(cause.code)) return once(around, workload);
    throw cause;
  }
}

async function once(around: Around, workload: string): Promise<Peer> {
  const steps = new Steps();
  const attestor = await verifyAttestor(around, steps);
  const token = await verifyPeer(around, attestor, workload, steps);
  const { claims, runtime, policyHash, issuedAt, expiresAt } = token;
  const enclave: VerifiedEnclave = {
    workload,
    kind: claims.kind,
    hwBacked: claims.hwBacked,
    measurement: claims.measurement,
    attestorMeasurement: attestor.measurement,
    policyHash,
    manifestSerial: attestor.manifest.serial,
    issuedAt,
    expiresAt,
    verifiedAt: around.now(),
    svn: claims.svn,
    steps: steps.done,
    token: token.raw,
    ledgerKey: ledgerKey(runtime) ?? new Uint8Array(0),
  };
  return { enclave, token };
}

async function verifyAttestor(around: Around, steps: Steps): Promise<VerifiedAttestor> {
  const asked = await steps.run("attestor.evidence", () =>
    evidence(around, ATTESTOR, randomText(NONCE_BYTES)),
  );
  const jwks = await steps.run("attestor.keys", async () =>
    readKeySet(await ask(around, ATTESTOR, "GET", JWKS_PATH), "attestor.malformed"),
  );
  const manifest = await steps.run("attestor.manifest", async () =>
    readText(await ask(around, ATTESTOR, "GET", MANIFEST_PATH), "attestor.malformed"),
  );
  const transcript: Transcript = { ...asked, jwks, manifest, verifiedAt: around.now() };
  const judged = new Steps();
  try {
    return await verifyTranscript(transcript, around.trust, judged);
  } finally {
    steps.done.splice(0, steps.done.length, ...judged.done);
  }
}

async function verifyPeer(
  around: Around,
  attestor: VerifiedAttestor,
  workload: string,
  steps: Steps,
): Promise<Token> {
  const nonce = await steps.run("peer.evidence", () => freshNonce(around));
  const shown = await steps.run("peer.evidence", () => evidence(around, workload, nonce));
  const audience = `autoclave:check:${randomText(AUDIENCE_BYTES)}`;
  const raw = await steps.run("peer.token", () => attest(around, shown, audience));
  const { issuer, hardwareRequired } = around.trust;
  const signingKey = await thumbprint(shown.runtime.signing);
  const expected = {
    issuer,
    audience,
    workload,
    hardwareRequired,
    manifest: attestor.manifest,
    nonce,
    signingKey,
  };
  const token = await judged(steps, () => verifyToken(raw, attestor.keys, expected, around.now()));
  // All keys, not only the signing key: requests are sealed to the others.
  const same = runtimeText(token.runtime) === runtimeText(shown.runtime);
  await steps.run("peer.keys", () => need(same, "token.key_binding"));
  return token;
}

/** What a token says about code, rather than about itself. */
const VERDICTS: readonly string[] = [
  "token.debug",
  "token.hardware_required",
  "token.measurement",
  "token.not_affirming",
  "token.workload",
  "token.policy",
];

async function judged(steps: Steps, verify: () => Promise<Token>): Promise<Token> {
  try {
    const token = await verify();
    await steps.run("peer.token", () => undefined);
    await steps.run("peer.measurement", () => undefined);
    return token;
  } catch (cause) {
    const id: CheckId =
      cause instanceof Refused && VERDICTS.includes(cause.code) ? "peer.measurement" : "peer.token";
    return steps.run<Token>(id, () => Promise.reject(cause));
  }
}

async function freshNonce(around: Around): Promise<string> {
  const answer = await ask(around, ATTESTOR, "POST", NONCE_PATH, {});
  return Members.parse(readText(answer, "attestor.malformed"), "attestor.malformed").text("nonce");
}

async function evidence(
  around: Around,
  party: string,
  nonce: string,
): Promise<{ evidence: Evidence; runtime: Runtime }> {
  const code = party === ATTESTOR ? "attestor.malformed" : "peer.malformed";
  const answer = await ask(around, party, "POST", EVIDENCE_PATH, { nonce });
  const wire = Members.parse(readText(answer, code), code);
  const shown = {
    evidence: parseEvidence(wire.raw("evidence"), code),
    runtime: await parseRuntime(wire.raw("runtime"), code),
  };
  need(shown.runtime.nonce === nonce, "peer.nonce");
  return shown;
}

async function attest(
  around: Around,
  shown: { evidence: Evidence; runtime: Runtime },
  audience: string,
): Promise<string> {
  const runtime: unknown = JSON.parse(runtimeText(shown.runtime));
  const answer = await ask(around, ATTESTOR, "POST", ATTEST_PATH, {
    evidence: shown.evidence,
    runtime,
    audience,
  });
  return Members.parse(readText(answer, "attestor.malformed"), "attestor.malformed").text("token");
}

async function ask(
  around: Around,
  party: string,
  method: "GET" | "POST",
  path: string,
  value?: unknown,
): Promise<Bytes> {
  const sent =
    value === undefined
      ? {}
      : { contentType: "application/json", body: outbound(utf8(JSON.stringify(value))) };
  const exchange: Exchange = {
    method,
    path,
    answerBytesMax: ANSWER_BYTES_MAX,
    silentMsMax: SILENT_MS_MAX,
    ...sent,
  };
  const { status, body } = await carry(around.send, partyUrl(around.base, party, path), exchange);
  if (status === 200) return body;
  const code = problemIn(body)?.code ?? (party === ATTESTOR ? "attestor.status" : "peer.status");
  throw new Refused(code, { status });
}

function readText(bytes: Bytes, code: string): string {
  try {
    return text(bytes);
  } catch {
    return refuse(code);
  }
}

/** Where a party's path is at the edge. */
export function partyUrl(base: string, party: string, path: string): string {
  return `${base}/parties/${party}${path}`;
}
