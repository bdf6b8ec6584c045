// Canonical JSON, thumbprints and text forms against the examples of their RFCs.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { base64, bigEndian, fromB64url, fromBase64, hex, utf8 } from "../../src/bytes.js";
import { canonical } from "../../src/jcs.js";
import { parseKey, sealingKeyId, thumbprint } from "../../src/jwk.js";
import { problemIn, Refused } from "../../src/refused.js";
import { sentence } from "../../src/sentences.js";
import { varint, Cursor } from "../../src/varint.js";
import { code } from "../helpers/refusals.js";

test("the example of RFC 8785, section 3.2.4", () => {
  const value: unknown = JSON.parse(
    '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],' +
      '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
  );
  const expected =
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
    '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}';
  assert.equal(canonical(value), expected);
});

test("members are sorted by UTF-16 code units (RFC 8785, section 3.2.3)", () => {
  const value = { "\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\ud83d\ude00": 5, "\u0080": 6, "\u00f6": 7 };
  const numbers = canonical(value).match(/:\d/g)?.join("");
  assert.equal(numbers, ":2:4:6:7:1:5:3");
});

test("what has no canonical form throws", () => {
  for (const bad of [Number.NaN, Infinity, "\ud800", { "\udc00": 1 }, () => 1, undefined, [undefined]]) {
    assert.throws(() => canonical(bad), TypeError);
  }
  let deep: unknown = 1;
  for (let depth = 0; depth < 100; depth += 1) deep = [deep];
  assert.throws(() => canonical(deep), TypeError);
  assert.equal(canonical({ one: 1.0, minus: -0, big: 1e21 }), '{"big":1e+21,"minus":0,"one":1}');
});

test("thumbprints of RFC 8037, appendix A.3, and RFC 9449, section 6.1", async () => {
  const ed = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
  assert.equal(await thumbprint(parseKey(ed, "x")), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  const ec = {
    kty: "EC",
    crv: "P-256",
    x: "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
    y: "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
  };
  assert.equal(await thumbprint(parseKey(ec, "x")), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
});

test("what is no public key of ours is refused", async () => {
  const zero = "A".repeat(43);
  const good = { kty: "OKP", crv: "X25519", x: zero, use: "enc", kid: "2" };
  assert.equal(sealingKeyId(parseKey(good, "x")), 2);
  const bad = [
    { ...good, d: zero },
    { ...good, crv: "X448" },
    { ...good, x: "AAAA" },
    { ...good, x: zero + "=" },
    { ...good, use: "both" },
    { ...good, kid: "k".repeat(200) },
    { kty: "oct", k: zero },
    { kty: "RSA", n: "AQAB", e: "AQAB" },
    { kty: "AKP", alg: "X-Wing", pub: zero },
    { kty: "EC", crv: "P-256", alg: "HS256", x: zero, y: zero },
    null,
    "key",
    [],
  ];
  for (const one of bad) assert.equal(await code(() => parseKey(one, "key.bad")), "key.bad");
  for (const kid of ["02", "256", "+2", "x", "1.0", ""])
    assert.equal(sealingKeyId(parseKey({ ...good, kid }, "x")), undefined);
});

test("base64 has one spelling", () => {
  assert.equal(base64(new Uint8Array([251, 255])), "+/8=");
  for (const bad of ["+/8", "+/9=", "-_8=", "+/8=\n", " "]) assert.equal(fromBase64(bad), undefined);
  for (const bad of ["-_8=", "-_9", "+/8", "a", "-_8\n"]) assert.equal(fromB64url(bad), undefined);
  assert.deepEqual(fromB64url("-_8"), new Uint8Array([251, 255]));
});

test("the integers of RFC 9000, appendix A.1", async () => {
  const examples: [string, number][] = [
    ["25", 37],
    ["7bbd", 15_293],
    ["9d7f3e7d", 494_878_333],
  ];
  for (const [text, value] of examples) {
    assert.equal(hex(varint(value)), text);
    assert.equal(new Cursor(new Uint8Array(Buffer.from(text, "hex"))).varint(), value);
  }
  // The longest example is more than a length can be here.
  assert.equal(
    await code(() => new Cursor(new Uint8Array(Buffer.from("c2197c5eff14e88c", "hex"))).varint()),
    "seal.malformed",
  );
  assert.equal(await code(() => new Cursor(new Uint8Array(8).fill(255)).varint()), "seal.malformed");
  assert.equal(hex(bigEndian(0x0102, 4)), "00000102");
});

test("a problem from outside brings a code and never more than a bounded sentence", () => {
  const problem = (value: unknown): unknown => problemIn(utf8(JSON.stringify(value)));
  assert.deepEqual(problem({ code: "session.refused", title: "No." }), {
    code: "session.refused",
    title: "No.",
  });
  for (const bad of [{}, { code: "x" }, { code: "<b>.c" }, { code: "a." + "b".repeat(80) }, "text", null])
    assert.equal(problem(bad), undefined);
});

test("every code has a sentence of its own, and no text from outside gets into one", () => {
  const folder = join(process.cwd(), "src");
  const files = readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".ts") && !name.endsWith("types.ts"));
  const sources = files.map((name) => readFileSync(join(folder, name), "utf8")).join("\n");
  const steps = [
    "attestor.evidence",
    "attestor.manifest",
    "peer.evidence",
    "peer.token",
    "peer.measurement",
    "peer.keys",
    "receipt.result",
    "receipt.image",
    "ledger.inclusion",
    "ledger.line",
  ];
  const areas = /"((?:attestor|client|evidence|http|ledger|manifest|peer|receipt|seal|token)\.[a-z_]+)"/g;
  const codes = new Set(
    [...sources.matchAll(areas)].map(([, found]) => found ?? "").filter((found) => !steps.includes(found)),
  );
  assert.ok(codes.size > 80);
  for (const found of codes) assert.notEqual(sentence(found), sentence("x.y"), found);
  for (const odd of ["constructor", "__proto__", "x<b>"])
    assert.equal(new Refused(odd).message, sentence("x.y"));
});
