// Tokens: the vectors of protocol/attest, and one wrong thing after the other in the order of
// ARCHITECTURE.md, section 3.
import assert from "node:assert/strict";
import { test } from "node:test";

import { b64url } from "../../src/bytes.js";
import { policyHashOf, verifyManifest } from "../../src/manifest.js";
import { parseKey, thumbprint } from "../../src/jwk.js";
import { parseRuntime, reportData } from "../../src/runtime.js";
import { parseKeySet, verifyToken, type Expected } from "../../src/token.js";
import { json } from "../helpers/files.js";
import { code } from "../helpers/refusals.js";
import { ISSUER, NOW, signer, World, type Json } from "../helpers/world.js";

interface Vector {
  now: number;
  issuer: string;
  audience: string;
  workload: string;
  nonce: string;
  hardware_required: boolean;
  jwks: Json;
  jwks_digest: string;
  token: string;
  tokens_of_hardware: string[];
  claims: Json;
  report_data: string;
  signing_key_thumbprint: string;
  refused: { code: string; token: string }[];
}

test("the vectors of other implementations", async () => {
  const vector = json<Vector>("protocol/attest/vectors/token.json");
  const { issuer, audience, workload, nonce, now } = vector;
  const keys = await parseKeySet(vector.jwks, "x");
  assert.equal(keys.digest, vector.jwks_digest);
  const expected: Expected = {
    issuer,
    audience,
    workload,
    nonce,
    hardwareRequired: vector.hardware_required,
    manifest: undefined,
  };
  const token = await verifyToken(vector.token, keys, expected, now);
  assert.equal(await thumbprint(token.runtime.signing), vector.signing_key_thumbprint);
  assert.equal(
    b64url(await reportData(await parseRuntime(vector.claims["x-ms-runtime"], "x"))),
    vector.report_data,
  );
  for (const one of vector.tokens_of_hardware) {
    const { claims } = await verifyToken(one, keys, expected, now);
    assert.ok(claims.hwBacked, claims.kind);
  }
  for (const one of vector.refused) {
    assert.equal(await code(() => verifyToken(one.token, keys, expected, now)), one.code);
  }
});

const world = await World.make();
const keys = await parseKeySet(world.jwks, "x");
const manifest = await verifyManifest(await world.manifest(), [parseKey(world.release.jwk, "x")], 0, NOW);
const nonce = b64url(new Uint8Array(32).fill(9));
const runtime = await world.runtime("clinic", nonce);
const signingKey = world.get("clinic").signing.kid;
const good: Expected = {
  issuer: ISSUER,
  audience: "us",
  workload: "clinic",
  hardwareRequired: false,
  manifest,
  nonce,
  signingKey,
};

const verify = async (
  change: (claims: Json) => Json,
  expected = good,
  now = NOW,
): Promise<string | undefined> => {
  const token = await world.tokens.sign("JWT", change(await world.claims("clinic", runtime, "us")));
  return code(() => verifyToken(token, keys, expected, now));
};
const set =
  (name: string, value: unknown) =>
  (claims: Json): Json => ({ ...claims, [name]: value });
const without =
  (name: string) =>
  (claims: Json): Json =>
    Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name));
const cpu0 =
  (change: (unit: Json) => Json) =>
  (claims: Json): Json => {
    const submods = claims["submods"] as Record<string, Json>;
    return { ...claims, submods: { cpu0: change(submods["cpu0"] ?? {}) } };
  };
const evidence = (change: (said: Json) => Json) =>
  cpu0((unit) => {
    const { software } = unit["ear.veraison.annotated-evidence"] as Record<string, Json>;
    return { ...unit, "ear.veraison.annotated-evidence": { software: change(software ?? {}) } };
  });
const other = `sha256:${"0".repeat(64)}`;
const stranger = (await signer()).jwk;
const keysOf = (claims: Json): Json[] => (claims["x-ms-runtime"] as { keys: Json[] }).keys;

test("a good token is taken, up to the last second", async () => {
  assert.equal(await verify((claims) => claims), undefined);
  assert.equal(await verify((claims) => claims, good, NOW + 599), undefined);
  assert.equal(await verify((claims) => claims, good, NOW - 30), undefined);
});

test("a token that contradicts itself is malformed", async () => {
  const changes = [
    set("eat_profile", "tag:other"),
    set("eat_nonce", b64url(new Uint8Array(32))),
    set("cnf", { jwk: stranger }),
    set("measurement", other),
    set("hw_backed", true),
    set("x-ms-attestation-type", "tpm"),
    set("dbgstat", "enabled"),
    set("dbgstat", "maybe"),
    set("x-ms-policy-hash", "AAAA"),
    set("iat", "1"),
    set("exp", -1),
    set("nbf", 1.5),
    set("sub", 7),
    evidence((said) => ({ ...said, measurement: other })),
    evidence((said) => ({ ...said, executable: other })),
    evidence((said) => ({ ...said, hw_backed: true })),
    evidence((said) => ({ ...said, debug: true })),
    evidence((said) => ({ ...said, kind: "tpm" })),
    evidence((said) => ({ ...said, svn: "1" })),
    (claims: Json) => set("hw_backed", true)(evidence((said) => ({ ...said, hw_backed: true }))(claims)),
    cpu0((unit) => ({ ...unit, "ear.veraison.annotated-evidence": {} })),
  ];
  for (const [at, change] of changes.entries())
    assert.equal(await verify(change), "token.malformed", `change ${at}`);
  for (const name of Object.keys(await world.claims("clinic", runtime, "us"))) {
    assert.equal(await verify(without(name)), "token.malformed", name);
  }
});

test("runtime objects that are none make a token malformed", async () => {
  const change =
    (keysChanged: (keys: Json[]) => Json[]) =>
    (claims: Json): Json => ({
      ...claims,
      "x-ms-runtime": { ...(claims["x-ms-runtime"] as Json), keys: keysChanged(keysOf(claims)) },
    });
  const changes = [
    change((all) => all.slice(1)),
    change((all) => [...all, stranger as unknown as Json]),
    change((all) => [...all, all[1] ?? {}]),
    change((all) => all.map((key) => ({ ...key, d: "AAAA" }))),
    change((all) => all.map((key) => ({ ...key, kid: "x" }))),
    set("x-ms-runtime", { ...runtime, more: 1 }),
    set("x-ms-runtime", { ...runtime, nonce: "AAAA" }),
  ];
  for (const [at, one] of changes.entries())
    assert.equal(await verify(one), "token.malformed", `change ${at}`);
});

test("each expectation has its code", async () => {
  assert.equal(await verify(set("iss", "http://other.test")), "token.issuer");
  assert.equal(await verify(set("aud", "them")), "token.audience");
  assert.equal(await verify(set("nbf", NOW + 31)), "token.not_yet_valid");
  assert.equal(await verify(set("iat", NOW + 31)), "token.not_yet_valid");
  assert.equal(await verify((claims) => claims, good, NOW + 600), "token.expired");
  assert.equal(
    await verify((claims) => claims, { ...good, nonce: b64url(new Uint8Array(32)) }),
    "token.nonce",
  );
  assert.equal(await verify((claims) => claims, { ...good, signingKey: "x" }), "token.key_binding");
  const debugging = (claims: Json): Json =>
    set("dbgstat", "enabled")(evidence((said) => ({ ...said, debug: true }))(claims));
  assert.equal(await verify(debugging), "token.debug");
  assert.equal(
    await verify((claims) => claims, { ...good, hardwareRequired: true }),
    "token.hardware_required",
  );
  assert.equal(await verify((claims) => claims, { ...good, workload: "broker" }), "token.measurement");
  assert.equal(
    await verify((claims) => claims, { ...good, manifest: { ...manifest, releases: [] } }),
    "token.measurement",
  );
  assert.equal(await verify(evidence((said) => ({ ...said, svn: 0 }))), "token.measurement");
  assert.equal(
    await verify(cpu0((unit) => ({ ...unit, "ear.status": "contraindicated" }))),
    "token.not_affirming",
  );
  assert.equal(await verify(set("sub", "diagnosis")), "token.workload");
  assert.equal(await verify(set("x-ms-policy-hash", b64url(new Uint8Array(32)))), "token.policy");
});

test("governed rules stand in the policy's name and in its hash", async () => {
  const named = (id: string) => cpu0((unit) => ({ ...unit, "ear.appraisal-policy-id": id }));
  const rules = `autoclave-1+sha256:${"0b".repeat(32)}`;
  const hash = (await policyHashOf(manifest, rules)) ?? "";
  const governed = (claims: Json): Json => set("x-ms-policy-hash", hash)(named(rules)(claims));
  assert.equal(await verify(governed), undefined);
  assert.equal(await verify(named(rules)), "token.policy");
  assert.equal(await verify(set("x-ms-policy-hash", hash)), "token.policy");
  for (const other of ["autoclave-2", "autoclave-1+", "autoclave-1+sha256:00", "autoclave-11"]) {
    assert.equal(await verify(named(other)), "token.policy");
  }
});

test("the first that fails gives the code", async () => {
  const all = (claims: Json): Json => ({ ...claims, iss: "x", aud: "x", exp: 0, sub: "x" });
  assert.equal(await verify(all), "token.issuer");
  assert.equal(await verify((claims) => ({ ...all(claims), iss: ISSUER })), "token.audience");
  assert.equal(await verify((claims) => ({ ...all(claims), iss: ISSUER, aud: "us" })), "token.expired");
});

test("form, algorithm, key and signature come before everything", async () => {
  const token = await world.token("clinic", runtime, "us");
  const [header = "", payload = "", signature = ""] = token.split(".");
  const forged = (change: Json): string =>
    `${b64url(new TextEncoder().encode(JSON.stringify({ alg: "ES256", typ: "JWT", kid: world.tokens.kid, ...change })))}.${payload}.${signature}`;
  const expect = async (raw: string, wanted: string): Promise<void> =>
    assert.equal(await code(() => verifyToken(raw, keys, good, NOW)), wanted, raw.slice(0, 60));
  for (const bad of [
    "",
    "a.b",
    `${token}.x`,
    `${header}.${payload}`,
    `${header}.${payload}=.${signature}`,
    "x".repeat(70_000),
  ])
    await expect(bad, "token.malformed");
  for (const alg of ["none", "HS256", "RS256", "ES384", "es256"])
    await expect(forged({ alg }), "token.alg_not_allowed");
  await expect(forged({ typ: "autoclave-receipt+jwt" }), "token.malformed");
  await expect(forged({ crit: ["b64"], b64: false }), "token.malformed");
  await expect(forged({ kid: stranger.kid }), "token.key_unknown");
  await expect(forged({ kid: undefined }), "token.key_unknown");
  await expect(forged({ jwk: stranger }), "token.signature");
  await expect(`${header}.${payload}.${b64url(new Uint8Array(64).fill(1))}`, "token.signature");
  await expect(`${header}.${payload}.${b64url(new Uint8Array(63))}`, "token.signature");
  const own = await signer();
  await expect(
    await own.sign("JWT", await world.claims("clinic", runtime, "us"), { jwk: own.jwk }),
    "token.key_unknown",
  );
  await expect(
    await own.sign("JWT", await world.claims("clinic", runtime, "us"), {
      kid: world.tokens.kid,
      jwk: own.jwk,
    }),
    "token.signature",
  );
});

test("key sets are refused as a whole", async () => {
  const [key] = (world.jwks as { keys: Json[] }).keys;
  const bad = [
    {},
    { keys: [] },
    { keys: [key, { ...key, kid: "x" }] },
    { keys: [{ ...key, use: "enc" }] },
    { keys: Array.from({ length: 17 }, () => key) },
  ];
  for (const one of bad) assert.equal(await code(() => parseKeySet(one, "keys.bad")), "keys.bad");
});
