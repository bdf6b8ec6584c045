// Receipts: one that an enclave signed must hold, and with anything about it changed it must not,
// each time at the right check and with the right code.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  b64url,
  base64,
  bigEndian,
  concat,
  digestOf,
  fromBase64,
  sha256,
  utf8,
  type Bytes,
} from "../../src/bytes.js";
import { canonical, canonicalDigest } from "../../src/jcs.js";
import { digest, verifyDiagnosis } from "../../src/receipt.js";
import type { ReceiptCheck, TrustAnchors } from "../../src/types.js";
import { json } from "../helpers/files.js";
import { NOW, signer, World, type Json } from "../helpers/world.js";

const FIXTURES = "outside/client/tests/fixtures";
const trust = json<TrustAnchors>(`${FIXTURES}/trust.json`);
const answer = json<Json>(`${FIXTURES}/receipt.json`);
const other = json<Json>(`${FIXTURES}/other_line.json`);
const receipt = payload(String(answer["receipt"]));
const image = String(receipt["request"]);

function payload(jws: string): Json {
  return JSON.parse(Buffer.from(jws.split(".")[1] ?? "", "base64url").toString()) as Json;
}

/** The failed check and its code. */
function failure(check: ReceiptCheck): [string, string] | undefined {
  const failed = check.steps.find((step) => !step.ok && step.code !== "receipt.not_checked");
  assert.equal(check.ok, failed === undefined);
  assert.equal(check.code, failed?.code);
  assert.equal(check.steps.length, 9);
  return failed && [failed.id, failed.code ?? ""];
}

const check = async (value: unknown, by = trust, of = image): Promise<[string, string] | undefined> =>
  failure(await verifyDiagnosis(value, by, of));
const within = (name: string, change: Json): Json => ({
  ...answer,
  [name]: { ...(answer[name] as Json), ...change },
});
const flipped = (jws: string, part: number): string => {
  const parts = jws.split(".");
  const bytes = Buffer.from(parts[part] ?? "", "base64url");
  bytes[10] = (bytes[10] ?? 0) ^ 1;
  parts[part] = bytes.toString("base64url");
  return parts.join(".");
};

test("the clinic's receipt holds, and says what it says", async () => {
  const found = await verifyDiagnosis(answer, trust, image);
  assert.equal(failure(found), undefined);
  assert.ok(found.steps.every(({ ok }) => ok));
  assert.deepEqual({ ...found.receipt }, receipt);
  assert.deepEqual([found.enclave?.kind, found.enclave?.hwBacked, found.ledgerSize], ["software", false, 12]);
});

test("digests of images are those of their bytes", async () => {
  const bytes = utf8("image");
  assert.equal(await digest(bytes), await digest(new Blob([bytes])));
  assert.equal(await digest(bytes), await digestOf(bytes));
});

test("what surrounds a receipt is tampered with", async () => {
  const [attestor, ledger] = [answer["attestor"] as Json, answer["ledger"] as Json];
  const evidence = attestor["evidence"] as Json;
  const wrong = { jwk: (await signer()).jwk };
  const cases: [Json | unknown, [string, string]][] = [
    [null, ["attestor.evidence", "receipt.malformed"]],
    [{}, ["attestor.evidence", "receipt.no_attestor"]],
    [{ ...answer, attestor: undefined }, ["attestor.evidence", "receipt.no_attestor"]],
    [within("attestor", { more: 1 }), ["attestor.evidence", "attestor.malformed"]],
    [
      within("attestor", { evidence: { ...evidence, body: flipped(String(evidence["body"]), 1) } }),
      ["attestor.evidence", "evidence.signature"],
    ],
    [
      within("attestor", { evidence: { ...evidence, kind: "tpm" } }),
      ["attestor.evidence", "evidence.kind_not_accepted"],
    ],
    [
      within("attestor", { verified_at: Number(attestor["verified_at"]) + 301 }),
      ["attestor.evidence", "evidence.stale"],
    ],
    [
      within("attestor", { verified_at: Number(attestor["verified_at"]) - 40 }),
      ["attestor.evidence", "evidence.not_yet_valid"],
    ],
    [
      within("attestor", { runtime: { ...(attestor["runtime"] as Json), jwks: `sha256:${"0".repeat(64)}` } }),
      ["attestor.evidence", "evidence.report_data"],
    ],
    [
      within("attestor", { manifest: flipped(String(attestor["manifest"]), 1) }),
      ["attestor.manifest", "manifest.signature"],
    ],
    [within("attestor", { jwks: { keys: [wrong.jwk] } }), ["attestor.keys", "attestor.keys"]],
    [{ ...answer, jwks: { keys: [wrong.jwk] } }, ["attestor.keys", "receipt.keys"]],
    [{ ...answer, token: flipped(String(answer["token"]), 1) }, ["token", "token.signature"]],
    [{ ...answer, receipt: 7 }, ["receipt.signature", "receipt.malformed"]],
    [{ ...answer, receipt: answer["token"] }, ["receipt.signature", "receipt.malformed"]],
    [
      { ...answer, receipt: flipped(String(answer["receipt"]), 2) },
      ["receipt.signature", "receipt.signature"],
    ],
    [within("result", { more: true }), ["receipt.result", "receipt.response"]],
    [within("result", { findings: { pixels: 0 } }), ["receipt.result", "receipt.response"]],
    [{ ...answer, result: undefined }, ["receipt.result", "receipt.malformed"]],
    [{ ...answer, ledger: undefined }, ["ledger.inclusion", "receipt.proof_malformed"]],
    [within("ledger", { more: 1 }), ["ledger.inclusion", "receipt.proof_malformed"]],
    [within("ledger", { origin: "autoclave.health/other" }), ["ledger.inclusion", "ledger.proof_mismatch"]],
    [within("ledger", { size: Number(ledger["size"]) + 1 }), ["ledger.inclusion", "ledger.proof_mismatch"]],
    [within("ledger", { index: Number(ledger["size"]) }), ["ledger.inclusion", "ledger.proof_range"]],
    [
      within("ledger", { hashes: (ledger["hashes"] as string[]).slice(1) }),
      ["ledger.inclusion", "ledger.proof_length"],
    ],
    [
      within("ledger", { hashes: [...(ledger["hashes"] as string[]), base64(new Uint8Array(32))] }),
      ["ledger.inclusion", "ledger.proof_length"],
    ],
    [within("ledger", { hashes: ["AAAA"] }), ["ledger.inclusion", "receipt.proof_malformed"]],
    [
      within("ledger", { entry: String(ledger["entry"]).replace("clinic", "klinic") }),
      ["ledger.inclusion", "ledger.proof_root"],
    ],
    [
      within("ledger", { checkpoint: String(ledger["checkpoint"]).replace("\n12\n", "\n13\n") }),
      ["ledger.inclusion", "ledger.checkpoint_signature"],
    ],
    [
      within("ledger", { checkpoint: String(ledger["checkpoint"]).trimEnd() }),
      ["ledger.inclusion", "ledger.checkpoint_malformed"],
    ],
    [{ ...answer, ledger: other }, ["ledger.line", "receipt.line"]],
  ];
  for (const [at, [value, wanted]] of cases.entries())
    assert.deepEqual(await check(value), wanted, `case ${at}`);
});

test("another image, and other trust, are refused", async () => {
  assert.deepEqual(await check(answer, trust, `sha256:${"0".repeat(64)}`), [
    "receipt.image",
    "receipt.request",
  ]);
  assert.deepEqual(await check(answer, trust, ""), ["receipt.image", "receipt.request"]);
  const stranger = (await signer()).jwk;
  assert.deepEqual(await check(answer, { ...trust, roots: [{ kind: "software", jwk: stranger }] }), [
    "attestor.evidence",
    "evidence.root_unknown",
  ]);
  assert.deepEqual(await check(answer, { ...trust, release_keys: [stranger] }), [
    "attestor.manifest",
    "manifest.key_unknown",
  ]);
  assert.deepEqual(await check(answer, { ...trust, issuer: "x" }), ["token", "token.issuer"]);
  const later = {
    ...trust,
    manifest_serial_min: Number(payload(String((answer["attestor"] as Json)["manifest"]))["serial"]) + 1,
  };
  assert.deepEqual(await check(answer, later), ["attestor.manifest", "manifest.serial"]);
});

test("checks that need a failed one are not reported as made", async () => {
  const found = await verifyDiagnosis({ ...answer, token: "x" }, trust, image);
  assert.deepEqual(
    found.steps.map(({ ok, code }) => code ?? ok),
    [true, true, true, "token.malformed", ...Array.from({ length: 5 }, () => "receipt.not_checked")],
  );
  const two = await verifyDiagnosis(within("result", { more: 1 }), trust, "sha256:0");
  assert.deepEqual(
    two.steps.filter(({ ok }) => !ok).map(({ id }) => id),
    ["receipt.result", "receipt.image"],
  );
});

// A world of its own, where enclaves lie under their own good signatures.

const world = await World.make();
const ledgerKeys = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
const ledgerPublic = new Uint8Array(await crypto.subtle.exportKey("raw", ledgerKeys.publicKey));
Object.assign(world.get("diagnosis").ledger, { x: b64url(ledgerPublic) });
const ORIGIN = "autoclave.test/diagnosis";

async function proof(entry: string, index: number): Promise<Json> {
  const sibling = await sha256(utf8("sibling"));
  const leaf = await sha256(new Uint8Array([0]), utf8(entry));
  const root = await sha256(new Uint8Array([1]), ...(index % 2 === 0 ? [leaf, sibling] : [sibling, leaf]));
  const note = `${ORIGIN}\n2\n${base64(root)}\n`;
  const id = (await sha256(utf8(`${ORIGIN}\n`), bigEndian(1, 1), ledgerPublic)).slice(0, 4);
  const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", ledgerKeys.privateKey, utf8(note)));
  const checkpoint = `${note}\n\u2014 ${ORIGIN} ${base64(concat(id, signature))}\n`;
  return { origin: ORIGIN, index, size: 2, entry, hashes: [base64(sibling)], checkpoint };
}

interface Lies {
  receipt?: Json;
  line?: Json;
  entry?: (text: string) => string;
  index?: number;
  audience?: string;
  by?: string;
  header?: Json;
}

async function diagnosis(lies: Lies = {}): Promise<Json> {
  const by = lies.by ?? "diagnosis";
  const nonce = b64url(new Uint8Array(32));
  const shown = await world.runtime("attestor", nonce);
  const transcript = {
    evidence: await world.evidence("attestor", shown),
    runtime: shown,
    jwks: world.jwks,
    manifest: await world.manifest(),
    verified_at: NOW,
  };
  const token = await world.token(by, await world.runtime(by, nonce), lies.audience ?? "autoclave");
  const model = { name: "brain-mri", version: "1", digest: `sha256:${"2".repeat(64)}` };
  const result = { model, findings: { pixels: 1.0 }, mask: {} };
  const names = {
    request: image,
    response: await canonicalDigest(result),
    token: await digestOf(utf8(token)),
  };
  const said = {
    iss: "diagnosis",
    sub: "inference",
    iat: NOW,
    jti: "j",
    engine: "rten",
    model,
    ...names,
    policy: image,
    chain: [image],
    line: { origin: ORIGIN, index: 1 },
    ...lies.receipt,
  };
  const line = {
    event: "result",
    time: NOW,
    v: 1,
    caller: "clinic",
    model: model.name,
    model_digest: model.digest,
    ...names,
    ...lies.line,
  };
  const entry = (lies.entry ?? ((text: string): string => text))(canonical(line));
  const signed = await world.get(by).signing.sign("autoclave-receipt+jwt", said, lies.header);
  return {
    result,
    receipt: signed,
    ledger: await proof(entry, lies.index ?? 1),
    token,
    jwks: world.jwks,
    attestor: transcript,
  };
}

test("a receipt under good signatures that lies in one member is refused", async () => {
  assert.equal(await check(await diagnosis(), world.trust), undefined);
  const digestOther = `sha256:${"3".repeat(64)}`;
  const model = { name: "brain-mri", version: "1", digest: `sha256:${"2".repeat(64)}` };
  const cases: [Lies, [string, string]][] = [
    [{ receipt: { iss: "clinic" } }, ["receipt.signature", "receipt.binding"]],
    [{ receipt: { sub: "other" } }, ["receipt.signature", "receipt.binding"]],
    [{ receipt: { token: digestOther } }, ["receipt.signature", "receipt.binding"]],
    [{ receipt: { more: 1 } }, ["receipt.signature", "receipt.malformed"]],
    [{ receipt: { request: "x" } }, ["receipt.signature", "receipt.malformed"]],
    [{ receipt: { request: digestOther } }, ["receipt.image", "receipt.request"]],
    [{ receipt: { response: digestOther } }, ["receipt.result", "receipt.response"]],
    [{ receipt: { model: { ...model, version: "2" } } }, ["receipt.result", "receipt.response"]],
    [{ receipt: { model: { ...model, digest: digestOther } } }, ["receipt.result", "receipt.response"]],
    [{ receipt: { iat: NOW + 600 } }, ["token", "token.expired"]],
    [{ receipt: { iat: NOW - 31 } }, ["token", "token.not_yet_valid"]],
    [{ receipt: { line: { origin: "x y", index: 1 } } }, ["ledger.inclusion", "ledger.key_name"]],
    [
      { receipt: { line: { origin: "autoclave.test/other", index: 1 } } },
      ["ledger.inclusion", "ledger.checkpoint_signature"],
    ],
    [{ receipt: { line: { origin: ORIGIN, index: 0 } } }, ["ledger.line", "receipt.line"]],
    [{ index: 0 }, ["ledger.line", "receipt.line"]],
    [{ audience: "somebody" }, ["token", "token.audience"]],
    [{ by: "clinic" }, ["token", "token.measurement"]],
    [{ header: { typ: "JWT" } }, ["receipt.signature", "receipt.malformed"]],
    [{ line: { v: 2 } }, ["ledger.inclusion", "ledger.entry_version"]],
    [{ entry: (text) => `${text} ` }, ["ledger.inclusion", "ledger.entry_not_canonical"]],
    [{ entry: () => "{" }, ["ledger.inclusion", "ledger.entry_malformed"]],
    [{ line: { event: "release" } }, ["ledger.line", "receipt.line"]],
    ...["model", "model_digest", "request", "response", "token"].map((name): [Lies, [string, string]] => [
      { line: { [name]: digestOther } },
      ["ledger.line", "receipt.line"],
    ]),
  ];
  for (const [at, [lies, wanted]] of cases.entries())
    assert.deepEqual(await check(await diagnosis(lies), world.trust), wanted, `case ${at}`);
});

test("a note counts only under the key of the token, with whole lines", async () => {
  const good = await diagnosis();
  const ledger = good["ledger"] as Json;
  const checkpoint = String(ledger["checkpoint"]);
  const [text = "", lines = ""] = checkpoint.split("\n\n");
  const blob = fromBase64(lines.trim().split(" ")[2] ?? "") ?? (new Uint8Array(0) as Bytes);
  const line = (name: string, bytes: Bytes): string => `\u2014 ${name} ${base64(bytes)}\n`;
  const broken = blob.slice();
  broken[20] = (broken[20] ?? 0) ^ 1;
  const cases: [string, string | undefined][] = [
    [`${text}\n\n${line(ORIGIN, blob)}${line("cosigner.test", blob)}`, undefined],
    [`${text}\n\n${line("cosigner.test", blob)}`, "ledger.checkpoint_signature"],
    [`${text}\n\n${line(ORIGIN, blob)}${line(ORIGIN, broken)}`, "ledger.checkpoint_signature"],
    [`${text}\n\n${line(ORIGIN, blob.slice(0, 40))}`, "ledger.checkpoint_signature"],
    [`${text}\n\n${line(ORIGIN, blob)}rest\n`, "ledger.checkpoint_malformed"],
    [`${text}\n\n`, "ledger.checkpoint_malformed"],
    [text, "ledger.checkpoint_malformed"],
    [`${checkpoint}\u0007\n`, "ledger.checkpoint_malformed"],
  ];
  for (const [note, wanted] of cases) {
    const found = await check({ ...good, ledger: { ...ledger, checkpoint: note } }, world.trust);
    assert.equal(found?.[1], wanted);
  }
});
