// TPM evidence against the vectors of protocol/attest: what a real swtpm signed, and every case
// that the verifier of the enclaves tells apart, each with the same code.
import assert from "node:assert/strict";
import { test } from "node:test";

import { b64url, digestOf, fromB64url, type Bytes } from "../../src/bytes.js";
import { parseClaims, type Claims } from "../../src/claims.js";
import { verifyEvidence } from "../../src/evidence.js";
import { Certificate } from "../../src/tpm/certificate.js";
import { isSoftware } from "../../src/tpm/manufacturer.js";
import { tpmRoot } from "../../src/tpm/root.js";
import { json } from "../helpers/files.js";
import { code } from "../helpers/refusals.js";
import { signer, type Json } from "../helpers/world.js";

const bytes = (text: unknown): Bytes => fromB64url(String(text)) ?? assert.fail("not base64url");
const NOW = 1_800_000_000;
const captured = json<Json>("protocol/attest/vectors/tpm/captured.json");
const issuer = await signer();
const root = { kind: "tpm", ek_roots: [captured["ek_root"]], ak_issuers: [issuer.jwk], development: true };
const leaf = bytes(captured["ek_certificate"]);
/** Magic, type, a name of 34 bytes and the length before it; then the nonce after its length. */
const NONCE_AT = 4 + 2 + 2 + 34 + 2;
const reportData = new Uint8Array(64);
reportData.set(bytes(captured["quote"]).subarray(NONCE_AT, NONCE_AT + 32));

const ak = async (change: Json = {}, by = issuer): Promise<string> =>
  by.sign("autoclave-tpm-ak+jwt", {
    ak: captured["ak_public"],
    ek: await digestOf(leaf),
    iat: NOW - 10,
    exp: NOW + 1000,
    ...change,
  });

async function judge(change: Json = {}, by: unknown = root, data = reportData): Promise<Claims> {
  const { quote, signature, pcrs, log } = captured;
  const body = {
    quote,
    signature,
    pcrs,
    log,
    ak: await ak(),
    ek: [captured["ek_certificate"], captured["ek_issuer"]],
    ...change,
  };
  const evidence = { kind: "tpm", body: JSON.stringify(body) };
  return verifyEvidence(evidence, [tpmRoot(by)], { reportData: data, now: NOW });
}

test("what a real software TPM signed is believed, and is not hardware", async () => {
  const claims = await judge();
  assert.deepEqual([claims.kind, claims.hwBacked, claims.debug, claims.svn], ["tpm", false, false, 1]);
  assert.equal(new Certificate(leaf).manufacturer(), "id:00001014");
  assert.ok(isSoftware("id:00001014") && isSoftware("id:4d534654") && !isSoftware("id:494E5443"));
  const firmware = [{ pcr: 0, values: [`sha256:${(captured["pcrs"] as string[])[0]}`] }];
  assert.equal((await judge({}, { ...root, development: false, firmware })).hwBacked, false);
});

test("each part of it that is changed has its code", async () => {
  const log = captured["log"] as Json[];
  const pcrs = captured["pcrs"] as string[];
  const changed = (at: number, change: Json): Json => ({
    log: log.map((event, place) => (place === at ? { ...event, ...change } : event)),
  });
  const other = `sha256:${"0".repeat(64)}`;
  const part = (name: string): Json => {
    const { quote, signature } = captured[name] as Json;
    return { quote, signature };
  };
  const loose = captured["unrestricted"] as Json;
  const cases: [Json, string][] = [
    [{ more: 1 }, "evidence.malformed"],
    [{ pcrs: pcrs.slice(1) }, "evidence.malformed"],
    [{ pcrs: pcrs.map((value) => value.toUpperCase()) }, "evidence.malformed"],
    [{ quote: `${String(captured["quote"])}=` }, "evidence.malformed"],
    [changed(0, { event: "toString" }), "evidence.malformed"],
    [changed(0, { pcr: 9 }), "evidence.malformed"],
    [changed(0, { svn: 2 ** 32 }), "evidence.malformed"],
    [changed(0, { more: 1 }), "evidence.malformed"],
    [changed(4, { release_key: "x" }), "evidence.malformed"],
    [{ ak: "a.b.c" }, "evidence.tpm_ak"],
    [{ ak: await ak({ more: 1 }) }, "evidence.tpm_ak"],
    [{ ak: await ak({ ek: other }) }, "evidence.tpm_ak"],
    [{ ak: await ak({ exp: NOW }) }, "evidence.tpm_ak_validity"],
    [{ ak: await ak({ iat: NOW + 31 }) }, "evidence.tpm_ak_validity"],
    [{ ak: await ak({}, await signer()) }, "evidence.root_unknown"],
    [{ ek: [] }, "evidence.tpm_ek"],
    [{ ek: [captured["ek_certificate_ecc"], captured["ek_issuer"]] }, "evidence.tpm_ak"],
    [{ ek: [captured["ek_certificate"]] }, "evidence.root_unknown"],
    [{ ek: Array.from({ length: 5 }, () => captured["ek_certificate"]) }, "evidence.tpm_ek"],
    [{ ...loose, ak_public: undefined, ak: await ak({ ak: loose["ak_public"] }) }, "evidence.tpm_ak_key"],
    [{ ak: await ak({ ak: captured["ek_public"] }) }, "evidence.tpm_ak_key"],
    [{ signature: (captured["time"] as Json)["signature"] }, "evidence.signature"],
    [{ signature: "AAAA" }, "evidence.signature"],
    [part("time"), "evidence.tpm_quote"],
    [part("fewer_registers"), "evidence.tpm_selection"],
    [{ pcrs: pcrs.map((value, at) => (at === 15 ? "1".repeat(64) : value)) }, "evidence.tpm_pcrs"],
    [changed(1, { digest: other }), "evidence.tpm_log"],
    [changed(0, { debug: true }), "evidence.tpm_log"],
    [{ log: log.slice(0, -1) }, "evidence.tpm_log"],
    [{ log: log.slice(1) }, "evidence.tpm_log"],
    [{ log: [...log, log[3]] }, "evidence.tpm_log"],
    [{ log: [...log.slice(0, 4), log[3], log[4]] }, "evidence.tpm_log"],
    [{ log: Array.from({ length: 40 }, () => log[3]) }, "evidence.tpm_log"],
  ];
  for (const [at, [change, wanted]] of cases.entries()) {
    const { ak_public: _, ...body } = change;
    assert.equal(await code(() => judge(body)), wanted, `case ${at}`);
  }
  const rest = reportData.slice();
  rest[40] = 1;
  for (const data of [new Uint8Array(64), rest])
    assert.equal(await code(() => judge({}, root, data)), "evidence.report_data");
  const firmware = [{ pcr: 0, values: [other] }];
  assert.equal(await code(() => judge({}, { ...root, firmware })), "evidence.tpm_firmware");
});

test("a root says what it is for", async () => {
  const bad = [
    { ...root, ak_issuers: [] },
    { ...root, ek_roots: [] },
    { ...root, ek_roots: ["AAAA"] },
    { ...root, ek_roots: [captured["ek_certificate"]] },
    { ...root, development: "yes" },
    { ...root, more: 1 },
    { ...root, development: false },
    { ...root, firmware: [{ pcr: 8, values: ["sha256:0"] }] },
    { ...root, firmware: [{ pcr: 0, values: [] }] },
  ];
  for (const one of bad) assert.equal(await code(() => tpmRoot(one)), "client.trust");
});

test("a token's claims of a TPM go together", async () => {
  const { measurement } = await judge();
  const [, executable, configuration, library] = captured["log"] as Json[];
  const parts = {
    executable: executable?.["digest"],
    configuration: configuration?.["digest"],
    libraries: { onnxruntime: library?.["digest"] },
  };
  const tpm = { manufacturer: "id:494E5443", ek: await digestOf(leaf), launcher: measurement };
  const claims = { kind: "tpm", hw_backed: true, debug: false, measurement, ...parts, svn: 1, tpm };
  assert.equal((await parseClaims(claims, "x")).hwBacked, true);
  const bad = [
    { ...claims, tpm: undefined },
    { ...claims, tpm: { ...tpm, manufacturer: "id:00001014" } },
    { ...claims, kind: "software" },
    { ...claims, tpm: { ...tpm, ek: b64url(leaf) } },
  ];
  for (const one of bad) assert.equal(await code(() => parseClaims(one, "claims.bad")), "claims.bad");
});

interface Case {
  name: string;
  root: number;
  body: string;
  change: Json;
  report_data: string;
  claims?: Json;
  refused?: string;
}
interface Vectors {
  now: number;
  roots: unknown[];
  bodies: Record<string, Json>;
  cases: Case[];
}

test("every case of the other verifier is judged alike", async () => {
  const { now, roots, bodies, cases } = json<Vectors>("protocol/attest/vectors/tpm/evidence.json");
  for (const one of cases) {
    const members = Object.entries({ ...bodies[one.body], ...one.change }).filter(
      ([, member]) => member !== null,
    );
    const evidence = { kind: "tpm", body: JSON.stringify(Object.fromEntries(members)) };
    const context = { reportData: bytes(one.report_data), now };
    const found = await code(async () => {
      const { measurement, hwBacked, debug, svn } = await verifyEvidence(
        evidence,
        [tpmRoot(roots[one.root])],
        context,
      );
      const wanted = ["measurement", "hw_backed", "debug", "svn"].map((name) => one.claims?.[name]);
      assert.deepEqual([measurement, hwBacked, debug, svn], wanted, one.name);
    });
    assert.equal(found, one.refused, one.name);
  }
  assert.ok(cases.length > 100);
});
