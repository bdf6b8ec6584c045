// Checking a diagnosis with all that stands behind it: attestor, token, receipt, result, line.
// It belongs to whoever holds the answer, years later and without a network.
// Nothing is believed because the answer says so; only the trust anchors are.

import { parseTranscript, Steps, verifyTranscript, type VerifiedAttestor } from "./attestor.js";
import { digestOf, text, utf8 } from "./bytes.js";
import { canonical, canonicalDigest } from "./jcs.js";
import { JwsRefusal, parseJws, verifyJws, type UnverifiedJws } from "./jws.js";
import { parseProof, verifyProof } from "./ledger.js";
import { Members } from "./members.js";
import { need, refuse, Refused } from "./refused.js";
import { ledgerKey } from "./runtime.js";
import { PASSPORT, parseKeySet, verifyToken, type Token } from "./token.js";
import { readTrust, type Trust } from "./trust.js";
import type { Receipt, ReceiptCheck, ReceiptStep, ReceiptStepId, TrustAnchors } from "./types.js";

const TYP = "autoclave-receipt+jwt";
const MALFORMED = "receipt.malformed";
const WORKLOAD = "diagnosis";
const INFERENCE = "inference";
const NOT_CHECKED = "receipt.not_checked";
const ALL: readonly ReceiptStepId[] = [
  "attestor.evidence",
  "attestor.manifest",
  "attestor.keys",
  "token",
  "receipt.signature",
  "receipt.result",
  "receipt.image",
  "ledger.inclusion",
  "ledger.line",
];

/** What was found so far. */
interface Findings {
  readonly steps: Map<ReceiptStepId, ReceiptStep>;
  token?: Token;
  receipt?: Receipt;
  ledgerSize?: number;
}

/** `sha256:` and 64 hex digits of some bytes, as receipts name images. */
export async function digest(bytes: Uint8Array | Blob): Promise<string> {
  return digestOf(bytes instanceof Uint8Array ? bytes : new Uint8Array(await bytes.arrayBuffer()));
}

/**
 * Checks what the clinic answers to `POST /imaging-studies/ID/diagnosis`, as of the time of the
 * receipt, from `trust` alone. Never throws for a receipt that does not hold; throws `Refused`
 * (`client.trust`) where the trust anchors are no such.
 *
 * @param imageDigest the `digest` of the image as it was sent at intake.
 */
export async function verifyDiagnosis(
  answer: unknown,
  trust: TrustAnchors,
  imageDigest: string,
): Promise<ReceiptCheck> {
  const findings: Findings = { steps: new Map() };
  const ready = readTrust(trust);
  try {
    await check(findings, answer, ready, imageDigest);
  } catch (cause) {
    if (!(cause instanceof Refused)) throw cause;
  }
  return summary(findings);
}

function summary(findings: Findings): ReceiptCheck {
  const steps = ALL.map((id) => findings.steps.get(id) ?? { id, ok: false, code: NOT_CHECKED });
  const failed =
    steps.find((step) => !step.ok && step.code !== NOT_CHECKED) ?? steps.find((step) => !step.ok);
  const { token, receipt, ledgerSize } = findings;
  const code = failed?.code === undefined ? {} : { code: failed.code };
  const claims = token?.claims;
  const enclave = claims && { kind: claims.kind, hwBacked: claims.hwBacked, measurement: claims.measurement };
  return {
    ok: failed === undefined,
    ...code,
    steps,
    ...(receipt ? { receipt } : {}),
    ...(enclave ? { enclave } : {}),
    ...(ledgerSize === undefined ? {} : { ledgerSize }),
  };
}

/** Each check needs those before it, up to the signature; what follows stands side by side. */
async function check(findings: Findings, value: unknown, trust: Trust, imageDigest: string): Promise<void> {
  const answer = await step(findings, "attestor.evidence", () => new Members(value, MALFORMED));
  const attestor = await believed(findings, answer, trust);
  const jws = await step(findings, "receipt.signature", () => peek(answer));
  findings.steps.delete("receipt.signature"); // it was only read so far
  const token = await step(findings, "token", () => passport(answer, jws, attestor, trust));
  findings.token = token;
  const receipt = await step(findings, "receipt.signature", () => signed(jws, token));
  findings.receipt = receipt;
  const rest: Promise<unknown>[] = [
    step(findings, "receipt.result", () => sameResult(answer, receipt)),
    step(findings, "receipt.image", () => need(receipt.request === imageDigest, "receipt.request")),
    step(findings, "ledger.inclusion", () => included(answer, receipt, token)).then(
      async ({ line, size, index }) => {
        findings.ledgerSize = size;
        await step(findings, "ledger.line", () => about(receipt, line, index));
      },
    ),
  ];
  await Promise.allSettled(rest);
}

async function step<T>(findings: Findings, id: ReceiptStepId, action: () => Promise<T> | T): Promise<T> {
  try {
    const value = await action();
    findings.steps.set(id, { id, ok: true });
    return value;
  } catch (cause) {
    const code = cause instanceof Refused ? cause.code : MALFORMED;
    findings.steps.set(id, { id, ok: false, code });
    throw cause instanceof Refused ? cause : new Refused(code);
  }
}

async function believed(findings: Findings, answer: Members, trust: Trust): Promise<VerifiedAttestor> {
  const transcript = await step(findings, "attestor.evidence", () => {
    need(answer.has("attestor"), "receipt.no_attestor");
    return parseTranscript(answer.raw("attestor"), "attestor.malformed");
  });
  const steps = new Steps();
  findings.steps.delete("attestor.evidence");
  try {
    const attestor = await verifyTranscript(transcript, trust, steps);
    await steps.run("attestor.keys", async () => {
      const beside = await parseKeySet(answer.raw("jwks"), "receipt.keys");
      need(beside.digest === transcript.jwks.digest, "receipt.keys");
    });
    return attestor;
  } finally {
    for (const { id, ...outcome } of steps.done) {
      const mine = ALL.find((one) => one === id);
      if (mine) findings.steps.set(mine, { id: mine, ...outcome });
    }
  }
}

function peek(answer: Members): UnverifiedJws {
  return jws(() => parseJws(answer.text("receipt"), TYP));
}

function jws<T>(parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (!(cause instanceof JwsRefusal)) throw cause;
    return refuse(MALFORMED);
  }
}

/** The token that the diagnosis enclave carried, as of the receipt's time. */
function passport(
  answer: Members,
  receipt: UnverifiedJws,
  attestor: VerifiedAttestor,
  trust: Trust,
): Promise<Token> {
  const at = Members.parse(text(receipt.payload), MALFORMED).integer("iat");
  const { issuer, hardwareRequired } = trust;
  const expected = {
    issuer,
    audience: PASSPORT,
    workload: WORKLOAD,
    hardwareRequired,
    manifest: attestor.manifest,
  };
  return verifyToken(answer.text("token"), attestor.keys, expected, at);
}

/** That the token's holder signed the receipt, about itself. */
async function signed(receipt: UnverifiedJws, token: Token): Promise<Receipt> {
  const payload = await verifyJws(receipt, token.runtime.signing).catch(() => refuse("receipt.signature"));
  const read = parseReceipt(payload);
  const own = read.token === (await digestOf(utf8(token.raw))) && read.iss === token.workload;
  need(own && read.sub === INFERENCE, "receipt.binding");
  return read;
}

function parseReceipt(payload: string): Receipt {
  const wire = Members.parse(payload, MALFORMED);
  wire.only(
    "iss",
    "sub",
    "iat",
    "jti",
    "model",
    "engine",
    "request",
    "response",
    "token",
    "policy",
    "chain",
    "line",
  );
  const model = wire.members("model").only("name", "version", "digest");
  const line = wire.members("line").only("origin", "index");
  return {
    iss: wire.text("iss"),
    sub: wire.text("sub"),
    iat: wire.integer("iat"),
    jti: wire.text("jti"),
    engine: wire.text("engine"),
    model: { name: model.text("name"), version: model.text("version"), digest: model.digest("digest") },
    request: wire.digest("request"),
    response: wire.digest("response"),
    token: wire.digest("token"),
    policy: wire.digest("policy"),
    chain: wire.texts("chain"),
    line: { origin: line.text("origin"), index: line.integer("index") },
  };
}

async function sameResult(answer: Members, receipt: Receipt): Promise<void> {
  const result = answer.members("result");
  need((await canonicalDigest(result.value)) === receipt.response, "receipt.response");
  need(canonical(result.raw("model")) === canonical(receipt.model), "receipt.response");
}

async function included(
  answer: Members,
  receipt: Receipt,
  token: Token,
): Promise<{ line: Members; size: number; index: number }> {
  need(answer.has("ledger"), "receipt.proof_malformed");
  const proof = parseProof(answer.raw("ledger"));
  const key = ledgerKey(token.runtime) ?? refuse("receipt.no_ledger_key");
  const line = await verifyProof(proof, receipt.line.origin, key);
  return { line, size: proof.size, index: proof.index };
}

/** Whether the proven line is the one that the receipt names, and says the same. */
function about(receipt: Receipt, line: Members, index: number): void {
  const { model, request, response, token } = receipt;
  const wanted: Readonly<Record<string, string>> = {
    event: "result",
    model: model.name,
    model_digest: model.digest,
    request,
    response,
    token,
  };
  const same = Object.entries(wanted).every(([name, value]) => line.value[name] === value);
  need(same && index === receipt.line.index, "receipt.line");
}
