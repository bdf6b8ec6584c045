// The transport: bounds in size, calling off, and a browser's XMLHttpRequest, played by a small
// one of the tests' own.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { utf8, type Bytes } from "../../src/bytes.js";
import { carry, outbound, transport, type Exchange } from "../../src/http.js";
import { code } from "../helpers/refusals.js";

const GLOBAL = globalThis as { XMLHttpRequest?: unknown };
const POST = {
  method: "POST",
  path: "/",
  contentType: "text/plain",
  answerBytesMax: 100,
  silentMsMax: 60_000,
} as const;

/** What the fake does with a request once its body has come. */
type Play = (request: FakeXhr, body: Bytes) => void;
let play: Play = () => undefined;
const opened: string[][] = [];

class FakeXhr {
  responseType = "";
  status = 0;
  response: ArrayBuffer = new ArrayBuffer(0);
  readonly upload: { onprogress?: (event: { loaded: number; total: number }) => void } = {};
  onload?: () => void;
  onerror?: () => void;
  onabort?: () => void;
  onprogress?: (event: { loaded: number }) => void;
  readonly #headers: string[] = [];

  open(method: string, url: string): void {
    opened.push([method, url]);
  }

  setRequestHeader(name: string, value: string): void {
    this.#headers.push(`${name}: ${value}`);
  }

  getResponseHeader(name: string): string | null {
    return name === "content-type" ? this.#headers.join() : null;
  }

  abort(): void {
    this.onabort?.();
  }

  send(body: Blob | null): void {
    void (body ?? new Blob([])).arrayBuffer().then((bytes) => play(this, new Uint8Array(bytes)));
  }

  answer(status: number, body: Bytes): void {
    [this.status, this.response] = [status, body.buffer];
    this.onprogress?.({ loaded: body.length });
    this.onload?.();
  }
}

afterEach(() => delete GLOBAL.XMLHttpRequest);

function browser(
  exchange: Partial<Exchange> = {},
): Promise<{ status: number; contentType: string; body: Bytes }> {
  GLOBAL.XMLHttpRequest = FakeXhr;
  return carry(transport(undefined), "/there", { ...POST, body: outbound(utf8("hello")), ...exchange });
}

test("in a browser a body is uploaded with progress", async () => {
  const told: number[][] = [];
  play = (request, body) => {
    request.upload.onprogress?.({ loaded: 2, total: 5 });
    request.upload.onprogress?.({ loaded: 5, total: 5 });
    request.answer(201, body);
  };
  const answer = await browser({ onProgress: (...progress) => told.push(progress) });
  assert.deepEqual(
    [answer.status, answer.contentType, answer.body],
    [201, "content-type: text/plain", utf8("hello")],
  );
  assert.deepEqual(told, [
    [2, 5],
    [5, 5],
  ]);
  assert.deepEqual(opened.at(-1), ["POST", "/there"]);
});

test("in a browser failures are refusals, and calling off is calling off", async () => {
  play = (request) => request.onerror?.();
  assert.equal(await code(() => browser()), "http.unreachable");
  play = (request) => request.answer(200, new Uint8Array(101));
  assert.equal(await code(() => browser()), "http.too_large");
  const stop = new AbortController();
  play = () => stop.abort(new Error("enough"));
  await assert.rejects(browser({ signal: stop.signal }), /enough/);
  await assert.rejects(browser({ signal: AbortSignal.abort(new Error("before")) }), /before/);
});

test("elsewhere answers are bounded too, and calling off ends a request", async () => {
  const by = transport(() => Promise.resolve(new Response(new Uint8Array(101))));
  assert.equal(await code(() => carry(by, "/", POST)), "http.too_large");
  const stop = new AbortController();
  const hanging = transport(
    (_, init) =>
      new Promise((_resolve, reject) =>
        init?.signal?.addEventListener("abort", () => reject(new Error("x"))),
      ),
  );
  const waiting = carry(hanging, "/", { ...POST, signal: stop.signal });
  stop.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
});

test("silence ends a request", async () => {
  const silent = transport(
    (_, init) =>
      new Promise((_resolve, reject) =>
        init?.signal?.addEventListener("abort", () => reject(new Error("x"))),
      ),
  );
  assert.equal(await code(() => carry(silent, "/", { ...POST, silentMsMax: 1 })), "http.silent");
});

test("a long body is streamed in Node, piece by piece", async () => {
  const pieces = Array.from({ length: 20 }, (_, at) => new Uint8Array(100_000).fill(at));
  const body = {
    length: 2_000_000,
    chunks: async function* () {
      for (const piece of pieces) yield await Promise.resolve(piece);
    },
  };
  const told: number[] = [];
  const by = transport(async (_, init) => {
    assert.ok(init?.body instanceof ReadableStream);
    const sent = await new Response(init.body).arrayBuffer();
    return new Response(String(sent.byteLength));
  });
  const answer = await carry(by, "/", { ...POST, body, onProgress: (sent) => told.push(sent) });
  assert.equal(new TextDecoder().decode(answer.body), "2000000");
  assert.deepEqual([told[0], told.at(-1)], [100_000, 2_000_000]);
});
