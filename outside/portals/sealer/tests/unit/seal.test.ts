// Sealing against the vectors of protocol/seal: everything is opened and produced byte for byte,
// and everything that must fail fails with its code.
import assert from "node:assert/strict";
import { test } from "node:test";

import { readResponse, writeRequest, type Field } from "../../src/bhttp.js";
import { concat, hex, type Bytes } from "../../src/bytes.js";
import { answerCipher, encapsulate, openAnswer, sealChunk, sealedLength, suiteOf } from "../../src/ohttp.js";
import { Sealing } from "../../src/sealing.js";
import { json } from "../helpers/files.js";
import { readRequest, Recipient, writeResponse } from "../helpers/recipient.js";
import { code } from "../helpers/refusals.js";

interface Chunk {
  aad: string;
  framed: string;
  plaintext: string;
}
interface Case {
  code: string;
  encapsulated: string;
  why: string;
}
interface Vector {
  key_id: number;
  kem: "X-Wing" | "X25519";
  recipient: { private_key: string; public_key: string };
  request: {
    ekm: string;
    enc: string;
    encapsulated: string;
    bhttp: string;
    chunks: Chunk[];
    opened: { method: string; path: string; headers: Field[]; body: string; date: number };
  };
  response: {
    nonce: string;
    encapsulated: string;
    exported_secret: string;
    bhttp: string;
    chunks: Chunk[];
    opened: { status: number; headers: Field[]; body: string };
  };
  wrap: { ekm: string; enc: string; info: string; aad: string; ct: string; secret: string };
  must_fail: { requests: Case[]; responses: Case[] };
}

const bytes = (text: string): Bytes => new Uint8Array(Buffer.from(text, "hex"));

for (const name of ["x-wing", "x25519"]) {
  const vector = json<Vector>(`protocol/seal/vectors/${name}.json`);
  const { request, response } = vector;
  const kind = vector.kem;
  const key = { id: vector.key_id, kind, public: bytes(vector.recipient.public_key) };
  const secret = bytes(vector.recipient.private_key);
  const recipient = await Recipient.of(kind, key.id, { secret, public: key.public });

  test(`${name}: the request is produced byte for byte`, async () => {
    const ours = await encapsulate(key, bytes(request.ekm));
    const chunks: Bytes[] = [];
    for (const chunk of request.chunks) {
      chunks.push(await sealChunk(ours.seal, bytes(chunk.plaintext), chunk.aad !== ""));
    }
    assert.equal(hex(ours.enc), request.enc);
    assert.equal(hex(concat(ours.head, ...chunks)), request.encapsulated);
    assert.equal(hex(await ours.exported()), response.exported_secret);
  });

  test(`${name}: the request is opened and says what was said`, async () => {
    const { plaintext } = await recipient.open(bytes(request.encapsulated));
    assert.equal(hex(plaintext), request.bhttp);
    const opened = readRequest(plaintext);
    const { method, path, headers, body } = request.opened;
    assert.deepEqual({ ...opened, body: hex(opened.body) }, { method, path, headers, body });
  });

  test(`${name}: the answer is opened, and produced byte for byte`, async () => {
    const exported = bytes(response.exported_secret);
    const enc = bytes(request.enc);
    const plaintext = await openAnswer(exported, enc, bytes(response.encapsulated));
    assert.equal(hex(plaintext), response.bhttp);
    const { status, fields, body } = readResponse(plaintext);
    assert.deepEqual({ status, headers: fields, body: hex(body) }, response.opened);
    const cipher = await answerCipher(exported, concat(enc, bytes(response.nonce)), "encrypt");
    const chunks: Bytes[] = [bytes(response.nonce)];
    for (const chunk of response.chunks) {
      chunks.push(await sealChunk(cipher, bytes(chunk.plaintext), chunk.aad !== ""));
    }
    assert.equal(hex(concat(...chunks)), response.encapsulated);
  });

  test(`${name}: a wrapped secret is produced byte for byte`, async () => {
    const { wrap } = vector;
    const suite = suiteOf(kind);
    const recipientPublicKey = await suite.kem.deserializePublicKey(key.public);
    const params = { recipientPublicKey, info: bytes(wrap.info), ekm: bytes(wrap.ekm) };
    const context = await suite.createSenderContext(params);
    const sealed = await context.seal(bytes(wrap.secret), bytes(wrap.aad));
    assert.deepEqual([hex(new Uint8Array(context.enc)), hex(new Uint8Array(sealed))], [wrap.enc, wrap.ct]);
  });

  for (const one of vector.must_fail.requests) {
    test(`${name}: a request is refused: ${one.why}`, async () => {
      const open = async (): Promise<unknown> =>
        readRequest((await recipient.open(bytes(one.encapsulated))).plaintext);
      assert.equal(await code(open), one.code);
    });
  }

  for (const one of vector.must_fail.responses) {
    test(`${name}: an answer is refused: ${one.why}`, async () => {
      const exported = bytes(response.exported_secret);
      const open = async (): Promise<unknown> =>
        readResponse(await openAnswer(exported, bytes(request.enc), bytes(one.encapsulated)));
      assert.equal(await code(open), one.code);
    });
  }
}

async function collected(sealing: Sealing): Promise<Bytes> {
  const chunks: Bytes[] = [];
  for await (const chunk of sealing.chunks()) chunks.push(chunk);
  return concat(...chunks);
}

const SIZES = [0, 1, 100, 16_000, 16_383, 16_384, 16_385, 100_000, 1_048_576, 3_000_001];

test("bodies of any size arrive whole, from memory and from a file, and their length is known before", async () => {
  const recipient = await Recipient.of("X-Wing", 7);
  for (const size of SIZES) {
    const body = Uint8Array.from({ length: size }, (_, at) => at * 31);
    for (const source of [body, new Blob([body])]) {
      const request = {
        method: "POST",
        path: "/intake?x=1",
        headers: { "Content-Type": "image/png" },
        body: source,
      };
      const sealing = await Sealing.of(request, recipient.key, 1_790_000_000);
      const sealed = await collected(sealing);
      assert.equal(sealed.length, sealing.length);
      const opened = readRequest((await recipient.open(sealed)).plaintext);
      assert.deepEqual(opened.headers, [
        ["date", "Mon, 21 Sep 2026 14:13:20 GMT"],
        ["content-type", "image/png"],
      ]);
      assert.ok(Buffer.compare(opened.body, body) === 0);
    }
  }
});

test("an answer cut anywhere is refused, and so is one with any bit flipped", async () => {
  const recipient = await Recipient.of("X-Wing", 7);
  const sealing = await Sealing.of({ method: "GET", path: "/" }, recipient.key, 0);
  const { answer } = await recipient.open(await collected(sealing));
  const body = new Uint8Array(2500).fill(7);
  const sealed = await answer(writeResponse(200, [["content-type", "text/plain"]], body));
  assert.deepEqual((await sealing.open(sealed)).body, body);
  for (let length = 0; length < sealed.length; length += 1) {
    const found = await code(() => sealing.open(sealed.slice(0, length)));
    assert.ok(found === "seal.truncated" || found === "seal.broken", `${length}: ${found}`);
  }
  for (let at = 0; at < sealed.length; at += 1) {
    const flipped = sealed.slice();
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    assert.match((await code(() => sealing.open(flipped))) ?? "opened", /^seal\./);
  }
});

test("an answer to another request, and swapped chunks, are refused", async () => {
  const recipient = await Recipient.of("X25519", 7);
  const [one, other] = await Promise.all(
    [1, 2].map(() => Sealing.of({ method: "GET", path: "/" }, recipient.key, 0)),
  );
  assert.ok(one && other);
  const { answer } = await recipient.open(await collected(one));
  const sealed = await answer(writeResponse(200, [], new Uint8Array(3000)));
  assert.equal(await code(() => other.open(sealed)), "seal.broken");
  const chunk = 2 + 1000 + 16;
  const [nonce, first, second, rest] = [
    sealed.slice(0, 16),
    sealed.slice(16, 16 + chunk),
    sealed.slice(16 + chunk, 16 + 2 * chunk),
    sealed.slice(16 + 2 * chunk),
  ];
  assert.equal(await code(() => one.open(concat(nonce, second, first, rest))), "seal.broken");
  assert.equal((await one.open(concat(nonce, first, second, rest))).status, 200);
});

test("what cannot stand in a head is not sent", async () => {
  const good = ["GET", "/", []] as const;
  assert.equal(await code(() => writeRequest(...good, 0)), undefined);
  const bad: [string, string, Field[]][] = [
    ["get", "/", []],
    ["GET", "x", []],
    ["GET", "/a b", []],
    ["GET", "/\r\n", []],
    ["GET", "/", [["connection", "close"]]],
    ["GET", "/", [["Upper", "x"]]],
    ["GET", "/", [["a b", "x"]]],
    ["GET", "/", [["x", "a\r\nb: c"]]],
    ["GET", "/", [["x", "y".repeat(70_000)]]],
    ["GET", "/", Array.from({ length: 129 }, (): Field => ["x", "y"])],
  ];
  for (const one of bad) assert.equal(await code(() => writeRequest(...one, 0)), "seal.head_unsendable");
  assert.equal(sealedLength(0), 17);
});

test("answers of known length are read as well, and interim ones passed over", () => {
  const known = new Uint8Array([1, 0x40, 100, 0, 0x40, 200, 4, 1, 97, 1, 98, 2, 104, 105, 0, 0, 0]);
  assert.deepEqual(readResponse(known), {
    status: 200,
    fields: [["a", "b"]],
    body: new Uint8Array([104, 105]),
  });
});
