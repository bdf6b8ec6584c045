// Every member of what a client is shown, replaced by things that it should not be: nothing is
// ever believed for it, and every refusal has a code.
import assert from "node:assert/strict";
import { test } from "node:test";

import { text, utf8 } from "../../src/bytes.js";
import { Connection } from "../../src/connection.js";
import { verifyDiagnosis } from "../../src/receipt.js";
import { Refused } from "../../src/refused.js";
import type { TrustAnchors } from "../../src/types.js";
import { json } from "../helpers/files.js";
import { World, type Json } from "../helpers/world.js";

const ODD: unknown[] = [
  null,
  true,
  -1,
  1.5,
  2 ** 60,
  "",
  "\ud800",
  "x".repeat(100_000),
  [],
  [[]],
  {},
  { a: { b: 1 } },
  "__proto__",
];
const CODE = /^[a-z_]+\.[a-z_]+$/;

type Path = readonly (string | number)[];

/** All members of a value, at any depth. */
function paths(value: unknown, at: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [at];
  return [
    ...(at.length > 0 ? [at] : []),
    ...Object.entries(value).flatMap(([name, member]) => paths(member, [...at, name])),
  ];
}

function replaced(value: unknown, [name, ...rest]: Path, by: unknown): unknown {
  if (name === undefined) return by;
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...(value as Json) }) as Record<
    string | number,
    unknown
  >;
  copy[name] = replaced(copy[name], rest, by);
  return copy;
}

function removed(value: unknown, path: Path): unknown {
  return JSON.parse(JSON.stringify(replaced(value, path, undefined))) as unknown;
}

test("no member of an answer can be replaced or left out", async () => {
  const trust = json<TrustAnchors>("outside/client/tests/fixtures/trust.json");
  const answer = json<Json>("outside/client/tests/fixtures/receipt.json");
  // The digest beside the answer is for whoever has no answer; the page has one.
  const { response: _, ...shown } = answer;
  const image = (await verifyDiagnosis(shown, trust, "")).receipt?.request ?? "";
  assert.ok((await verifyDiagnosis(shown, trust, image)).ok);
  let tried = 0;
  for (const [place, path] of paths(shown).entries()) {
    // A key without `alg` is the same key.
    const left = path.at(-1) === "alg" ? [] : [removed(shown, path)];
    // Some of the odd things for each member, all of them over the whole.
    const odd = ODD.filter((_, at) => (at + place) % 4 === 0);
    for (const value of [...odd.map((one) => replaced(shown, path, one)), ...left]) {
      if (JSON.stringify(value) === JSON.stringify(shown)) continue;
      const found = await verifyDiagnosis(value, trust, image);
      assert.ok(!found.ok && CODE.test(found.code ?? ""), `${path.join(".")}: ${found.code}`);
      tried += 1;
    }
  }
  assert.ok(tried > 200);
});

test("no answer of a handshake can have a member replaced", async () => {
  const world = await World.make();
  const believed = async (): Promise<string> => {
    const connection = new Connection({
      base: "",
      trust: world.trust,
      fetch: world.fetch,
      now: () => world.now * 1000,
    });
    try {
      return (await connection.verify("clinic")).workload;
    } catch (cause) {
      assert.ok(cause instanceof Refused && cause.step !== undefined, String(cause));
      return cause.code;
    }
  };
  const seen = new Map<string, Json>();
  world.hooks = {
    answer: (party, path, body) => {
      if (!path.endsWith("manifest")) seen.set(party + path, JSON.parse(text(body)) as Json);
      return body;
    },
  };
  assert.equal(await believed(), "clinic");
  for (const [place, shape] of seen) {
    for (const path of paths(shape).filter(([name]) => name !== "expires_at")) {
      const odd = ODD[path.join().length % ODD.length];
      const change = (
        party: string,
        route: string,
        body: Uint8Array<ArrayBuffer>,
      ): Uint8Array<ArrayBuffer> =>
        party + route === place ? utf8(JSON.stringify(replaced(JSON.parse(text(body)), path, odd))) : body;
      world.hooks = { answer: change };
      assert.match(await believed(), CODE, `${place} ${path.join(".")}`);
    }
    for (const bytes of [
      new Uint8Array([0xff, 0xfe]),
      utf8(""),
      utf8("null"),
      utf8("[]"),
      utf8('{"a":'),
      utf8(`${"[".repeat(50_000)}`),
    ]) {
      world.hooks = { answer: (party, route, body) => (party + route === place ? bytes : body) };
      assert.match(await believed(), CODE, place);
    }
  }
});
