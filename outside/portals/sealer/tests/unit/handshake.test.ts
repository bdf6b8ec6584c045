// The handshake against a world that lies in one thing at a time: each is refused with its code and
// its check, and nothing sealed is ever sent to it.
import assert from "node:assert/strict";
import { test } from "node:test";

import { b64url, text, utf8 } from "../../src/bytes.js";
import { Connection } from "../../src/connection.js";
import { connect, refusal } from "../helpers/connect.js";
import { signer, World, type Hooks, type Json } from "../helpers/world.js";

const world = await World.make();

const other = `sha256:${"1".repeat(64)}`;
const stranger = await signer();
const releases =
  (change: (all: Json[]) => Json[]) =>
  (claims: Json): Json => ({ ...claims, workloads: change(claims["workloads"] as Json[]) });
const only =
  (party: string, change: (value: Json) => Json) =>
  (of: string, value: Json): Json =>
    of === party ? change(value) : value;
const at =
  (wanted: string, change: (value: Json) => unknown) =>
  (_: string, path: string, body: Uint8Array<ArrayBuffer>) =>
    path === wanted ? utf8(JSON.stringify(change(JSON.parse(text(body)) as Json))) : body;

/** What is wrong, the check that must fail, and its code. */
const LIES: [string, Hooks, string, string][] = [
  [
    "old evidence",
    { evidence: only("attestor", (said) => ({ ...said, iat: Number(said["iat"]) - 301 })) },
    "attestor.evidence",
    "evidence.stale",
  ],
  [
    "evidence of tomorrow",
    { evidence: only("attestor", (said) => ({ ...said, iat: Number(said["iat"]) + 31 })) },
    "attestor.evidence",
    "evidence.not_yet_valid",
  ],
  [
    "evidence over other keys",
    { evidence: only("attestor", (said) => ({ ...said, report_data: b64url(new Uint8Array(64)) })) },
    "attestor.evidence",
    "evidence.report_data",
  ],
  [
    "another nonce",
    { runtime: only("attestor", (said) => ({ ...said, nonce: b64url(new Uint8Array(32)) })) },
    "attestor.evidence",
    "peer.nonce",
  ],
  [
    "unknown kind",
    {
      answer: at("/.well-known/autoclave/evidence", (said) => ({
        ...said,
        evidence: { kind: "sgx", body: "" },
      })),
    },
    "attestor.evidence",
    "evidence.kind_not_accepted",
  ],
  [
    "a member too many",
    {
      answer: at("/.well-known/autoclave/evidence", (said) => ({
        ...said,
        runtime: { ...(said["runtime"] as Json), x: 1 },
      })),
    },
    "attestor.evidence",
    "attestor.malformed",
  ],
  [
    "unknown code",
    { evidence: only("attestor", (said) => ({ ...said, executable: other })) },
    "attestor.manifest",
    "attestor.not_the_attestor",
  ],
  [
    "debug",
    { evidence: only("attestor", (said) => ({ ...said, debug: true })) },
    "attestor.manifest",
    "attestor.not_the_attestor",
  ],
  [
    "an old version",
    { evidence: only("attestor", (said) => ({ ...said, svn: 0 })) },
    "attestor.manifest",
    "attestor.not_the_attestor",
  ],
  [
    "no attestor on the manifest",
    { manifest: releases((all) => all.filter(({ name }) => name !== "attestor")) },
    "attestor.manifest",
    "attestor.not_the_attestor",
  ],
  [
    "another workload",
    {
      manifest: releases((all) =>
        all.map((one) => (one["name"] === "attestor" ? { ...one, name: "broker" } : one)),
      ),
    },
    "attestor.manifest",
    "attestor.not_the_attestor",
  ],
  [
    "another kind",
    { manifest: releases((all) => all.map((one) => ({ ...one, kinds: ["tpm"] }))) },
    "attestor.manifest",
    "attestor.not_the_attestor",
  ],
  [
    "expired manifest",
    { manifest: (said) => ({ ...said, exp: world.now }) },
    "attestor.manifest",
    "manifest.expired",
  ],
  [
    "manifest of tomorrow",
    { manifest: (said) => ({ ...said, iat: world.now + 31 }) },
    "attestor.manifest",
    "manifest.not_yet_valid",
  ],
  ["old manifest", { manifest: (said) => ({ ...said, serial: 4 }) }, "attestor.manifest", "manifest.serial"],
  [
    "a measurement twice",
    { manifest: releases((all) => [...all, { ...all[0], name: "again" }]) },
    "attestor.manifest",
    "manifest.malformed",
  ],
  [
    "a member too many in the manifest",
    { manifest: (said) => ({ ...said, note: "x" }) },
    "attestor.manifest",
    "manifest.malformed",
  ],
  [
    "other published keys",
    { answer: at("/.well-known/jwks.json", () => ({ keys: [stranger.jwk] })) },
    "attestor.keys",
    "attestor.keys",
  ],
  [
    "no published keys",
    { answer: at("/.well-known/jwks.json", () => ({ keys: [] })) },
    "attestor.keys",
    "attestor.malformed",
  ],
  [
    "evidence over another nonce",
    { runtime: only("clinic", (said) => ({ ...said, nonce: b64url(new Uint8Array(32)) })) },
    "peer.evidence",
    "peer.nonce",
  ],
  ["an old token", { claims: (said) => ({ ...said, exp: world.now }) }, "peer.token", "token.expired"],
  [
    "a token for another audience",
    { claims: (said) => ({ ...said, aud: "autoclave" }) },
    "peer.token",
    "token.audience",
  ],
  ["no token", { answer: at("/attest", () => ({})) }, "peer.token", "attestor.malformed"],
  [
    "a contraindicated token",
    { claims: (said) => JSON.parse(JSON.stringify(said).replace("affirming", "contraindicated")) as Json },
    "peer.measurement",
    "token.not_affirming",
  ],
  [
    "a token for another workload",
    { claims: (said) => ({ ...said, sub: "diagnosis" }) },
    "peer.measurement",
    "token.workload",
  ],
  [
    "another policy",
    { claims: (said) => ({ ...said, "x-ms-policy-hash": b64url(new Uint8Array(32)) }) },
    "peer.measurement",
    "token.policy",
  ],
  ["another sealing key in the token", { claims: (said) => swapped(said) }, "peer.keys", "token.key_binding"],
];

function swapped(claims: Json): Json {
  const runtime = claims["x-ms-runtime"] as { keys: Json[] };
  const keys = runtime.keys.map((key) =>
    key["use"] === "enc" ? { ...key, pub: "A".repeat(String(key["pub"]).length) } : key,
  );
  return { ...claims, "x-ms-runtime": { ...runtime, keys } };
}

for (const [what, hooks, step, code] of LIES) {
  test(`refused, and nothing is sent: ${what}`, async () => {
    world.hooks = hooks;
    world.asked.length = 0;
    const { connection, events } = connect(world);
    const refused = await refusal(() => connection.send("clinic", { method: "GET", path: "/patients" }));
    world.hooks = {};
    assert.deepEqual([refused.code, refused.step, refused.sent], [code, step, false]);
    assert.deepEqual(refused.steps.at(-1), { id: step, ok: false, code });
    assert.ok(world.asked.every(({ path }) => path !== "/sealed"));
    assert.deepEqual(
      events.map(({ type }) => type),
      ["verifying", "refused"],
    );
    assert.equal(connection.current("clinic"), undefined);
  });
}

test("a root, a release key and an issuer that are not ours are refused", async () => {
  const trust = world.trust;
  const changed: [object, string][] = [
    [{ roots: [{ kind: "software", jwk: stranger.jwk }] }, "evidence.root_unknown"],
    [{ release_keys: [stranger.jwk] }, "manifest.key_unknown"],
    [{ issuer: "http://other.test" }, "token.issuer"],
    [{ manifest_serial_min: 6 }, "manifest.serial"],
    [{ roots: [] }, "evidence.kind_not_accepted"],
  ];
  for (const [change, code] of changed) {
    const connection = new Connection({
      base: "",
      trust: { ...trust, ...change },
      fetch: world.fetch,
      now: () => world.now * 1000,
    });
    assert.equal((await refusal(() => connection.verify("clinic"))).code, code);
  }
  const bad = { ...trust, roots: [{ kind: "sgx" }] } as unknown as typeof trust;
  assert.throws(() => new Connection({ base: "", trust: bad }), { code: "client.trust" });
});

test("one enclave is not taken for another, and names are checked", async () => {
  const { connection } = connect(world, (input, init) =>
    world.fetch(String(input).replace("/clinic/", "/diagnosis/"), init),
  );
  const refused = await refusal(() => connection.verify("clinic"));
  assert.deepEqual([refused.step, refused.code], ["peer.measurement", "token.measurement"]);
  for (const name of ["", "../broker", "Clinic", "a/b"]) {
    assert.equal((await refusal(() => connect(world).connection.verify(name))).code, "client.request");
  }
});

test("a failure of a party is named, whatever it says", async () => {
  const answers: [Response, string][] = [
    [new Response("<html>", { status: 502 }), "attestor.status"],
    [new Response('{"code":"edge.rate","title":"<b>"}', { status: 429 }), "edge.rate"],
    [new Response("x".repeat(200_000)), "http.too_large"],
    [new Response("not json"), "attestor.malformed"],
  ];
  for (const [answer, code] of answers) {
    world.hooks = { answer: () => answer };
    const refused = await refusal(() => connect(world).connection.verify("clinic"));
    world.hooks = {};
    assert.equal(refused.code, code);
    assert.doesNotMatch(refused.message, /[<{]/);
  }
  const gone = connect(world, () => Promise.reject(new TypeError("fetch failed")));
  assert.equal((await refusal(() => gone.connection.verify("clinic"))).code, "http.unreachable");
});

test("an attestor that rotates its manifest in between is checked anew, once", async () => {
  let tokens = 0;
  world.hooks = {
    claims: (said) =>
      (tokens += 1) === 1 ? { ...said, "x-ms-policy-hash": b64url(new Uint8Array(32)) } : said,
  };
  const enclave = await connect(world).connection.verify("clinic");
  world.hooks = {};
  assert.equal(tokens, 2);
  assert.ok(enclave.steps.length === 7 && enclave.steps.every(({ ok }) => ok));
});

test("what was verified is said", async () => {
  const { connection, events } = connect(world);
  const enclave = await connection.verify("clinic");
  const { token, ledgerKey, steps, ...said } = enclave;
  assert.equal(connection.current("clinic"), enclave);
  assert.deepEqual(
    steps.map(({ id }) => id),
    [
      "attestor.evidence",
      "attestor.manifest",
      "attestor.keys",
      "peer.evidence",
      "peer.token",
      "peer.measurement",
      "peer.keys",
    ],
  );
  assert.deepEqual(
    [said.workload, said.kind, said.hwBacked, said.manifestSerial, said.svn],
    ["clinic", "software", false, 5, 1],
  );
  assert.deepEqual([said.issuedAt, said.expiresAt, said.verifiedAt], [world.now, world.now + 600, world.now]);
  assert.ok(token.length > 1000 && ledgerKey.length === 32 && said.measurement !== said.attestorMeasurement);
  assert.deepEqual(
    events.map(({ type }) => type),
    ["verifying", "verified"],
  );
});
