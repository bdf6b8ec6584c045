// Connections and staff against a world of the tests' own: who restarts is verified again, who lies
// gets nothing, and what is said outside the seal counts for nothing.
import assert from "node:assert/strict";
import { test } from "node:test";

import { b64url, utf8 } from "../../src/bytes.js";
import { Problem } from "../../src/refused.js";
import { Staff } from "../../src/staff.js";
import { connect, refusal } from "../helpers/connect.js";
import { World, type Json } from "../helpers/world.js";

const world = await World.make();
const other = `sha256:${"1".repeat(64)}`;

test("an enclave that restarted is verified again, and the request sealed anew, once", async () => {
  const own = await World.make();
  const { connection, events } = connect(own);
  await connection.send("clinic", { method: "GET", path: "/one" });
  await own.restart("clinic");
  const answer = await connection.send("clinic", { method: "GET", path: "/two" });
  assert.equal(answer.status, 200);
  assert.deepEqual(
    own.opened.map(({ path }) => path),
    ["/one", "/two"],
  );
  const again = events.find((event) => event.type === "reattested");
  assert.equal(again?.reason, "key_changed");
  assert.deepEqual(
    events.map(({ type }) => type),
    ["verifying", "verified", "verifying", "reattested"],
  );
});

test("another measurement is said, where the manifest names it", async () => {
  const own = await World.make();
  const { connection, events } = connect(own);
  await connection.verify("clinic");
  own.get("clinic").subject.executable = other;
  await own.restart("clinic");
  await connection.send("clinic", { method: "GET", path: "/" });
  const again = events.find((event) => event.type === "reattested");
  assert.equal(again?.reason, "measurement_changed");
  assert.notEqual(again?.previous.measurement, again?.current.measurement);
});

test("after a token has expired the enclave is verified again before anything is sealed", async () => {
  const own = await World.make();
  const { connection, events } = connect(own);
  await connection.send("clinic", { method: "GET", path: "/" });
  own.now += 541;
  await connection.send("clinic", { method: "GET", path: "/" });
  const again = events.find((event) => event.type === "reattested");
  assert.equal(again?.reason, "expired");
  own.now += 600;
  own.hooks = { claims: (said) => ({ ...said, exp: own.now }) };
  const before = own.opened.length;
  const refused = await refusal(() => connection.send("clinic", { method: "GET", path: "/" }));
  assert.deepEqual([refused.code, refused.sent, own.opened.length], ["token.expired", false, before]);
});

test("an enclave that never holds its key is an error after two attempts", async () => {
  const unknown = JSON.stringify({ title: "No.", status: 422, code: "seal.key_unknown" });
  const own = await World.make();
  let sealed = 0;
  const lying: typeof fetch = (input, init) => {
    if (!String(input).endsWith("/sealed")) return own.fetch(input, init);
    sealed += 1;
    return Promise.resolve(new Response(unknown, { status: 422 }));
  };
  const { connection, events } = connect(own, lying);
  const refused = await refusal(() => connection.send("clinic", { method: "GET", path: "/" }));
  assert.deepEqual([refused.code, sealed], ["seal.key_unknown", 2]);
  assert.deepEqual(
    events.map(({ type }) => type),
    ["verifying", "verified", "verifying", "reattested", "refused"],
  );
});

test("where the second verification fails, the request is not sealed anew", async () => {
  const own = await World.make();
  const { connection } = connect(own);
  await connection.verify("clinic");
  await own.restart("clinic");
  own.hooks = { evidence: (party, said) => ({ ...said, debug: party === "attestor" }) };
  const refused = await refusal(() => connection.send("clinic", { method: "GET", path: "/" }));
  assert.deepEqual(
    [refused.code, refused.step, own.opened.length],
    ["attestor.not_the_attestor", "attestor.manifest", 0],
  );
  assert.equal(connection.current("clinic"), undefined);
});

test("only one handshake runs at a time", async () => {
  const own = await World.make();
  const { connection, events } = connect(own);
  await Promise.all(Array.from({ length: 5 }, () => connection.send("clinic", { method: "GET", path: "/" })));
  assert.equal(own.asked.filter(({ path }) => path === "/attest").length, 1);
  assert.equal(own.opened.length, 5);
  await own.restart("clinic");
  events.length = 0;
  await Promise.all(Array.from({ length: 5 }, () => connection.send("clinic", { method: "GET", path: "/" })));
  assert.equal(own.asked.filter(({ path }) => path === "/attest").length, 2);
  assert.deepEqual([own.opened.length, events.map(({ type }) => type)], [10, ["verifying", "reattested"]]);
});

test("what is said outside the seal is a failure and never an answer", async () => {
  const sealed =
    (answer: Response) =>
    (input: Parameters<typeof fetch>[0], init?: RequestInit): Promise<Response> =>
      String(input).endsWith("/sealed") ? Promise.resolve(answer) : world.fetch(input, init);
  const type = { "content-type": "message/ohttp-chunked-res" };
  const cases: [Response, string][] = [
    [new Response('{"patients":[]}', { headers: { "content-type": "application/json" } }), "client.status"],
    [new Response("", { headers: type }), "seal.truncated"],
    [new Response(new Uint8Array(200), { headers: type }), "seal.broken"],
    [new Response('{"code":"edge.upstream","title":"x"}', { status: 502 }), "edge.upstream"],
    [new Response("", { status: 500, headers: type }), "client.status"],
  ];
  for (const [answer, code] of cases) {
    const refused = await refusal(() =>
      connect(world, sealed(answer)).connection.send("clinic", { method: "GET", path: "/" }),
    );
    assert.deepEqual([refused.code, refused.sent], [code, true]);
  }
});

test("a request that is called off is not sent", async () => {
  const own = await World.make();
  const stop = AbortSignal.abort(new Error("enough"));
  await assert.rejects(
    connect(own).connection.send("clinic", { method: "GET", path: "/", signal: stop }),
    /enough/,
  );
  assert.equal(own.opened.length, 0);
});

test("staff sign in with a key of their own, and prove it with each request, once", async () => {
  const own = await World.make();
  const seen: Json[] = [];
  own.handler = (request) => {
    const headers = Object.fromEntries(request.headers);
    const [, payload = ""] = String(headers["dpop"]).split(".");
    seen.push({ headers, proof: JSON.parse(Buffer.from(payload, "base64url").toString()) as Json });
    if (request.path === "/patients?x=1")
      return { status: 403, body: '{"title":"Not allowed.","status":403,"code":"record.denied"}' };
    return { status: 200, body: '{"session":"S","role":"clerk","expires_at":9}' };
  };
  const { connection } = connect(own);
  const staff = await Staff.signIn(connection, { user: "clerk", password: "p", totp: "000000" });
  assert.deepEqual([staff.user, staff.role, staff.expiresAt], ["clerk", "clerk", 9]);
  await own.restart("clinic");
  const problem = await staff
    .send({ method: "GET", path: "/patients?x=1", headers: { "purpose-of-use": "HOPERAT" } })
    .catch((cause: unknown) => cause);
  assert.ok(problem instanceof Problem);
  assert.deepEqual([problem.status, problem.code, problem.message], [403, "record.denied", "Not allowed."]);
  const [signIn, asked] = seen;
  const ath = b64url(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8("S"))));
  const { jti, ...proof } = (asked?.["proof"] ?? {}) as Json;
  assert.deepEqual(proof, { htm: "GET", htu: "/patients", iat: own.now, ath });
  assert.ok(String(jti).length === 22 && !("ath" in (signIn?.["proof"] as Json)));
  const headers = asked?.["headers"] as Json;
  assert.deepEqual([headers["authorization"], headers["purpose-of-use"]], ["DPoP S", "HOPERAT"]);
  await staff.signOut();
  await assert.rejects(staff.send({ method: "GET", path: "/patients" }), { code: "session.refused" });
});
