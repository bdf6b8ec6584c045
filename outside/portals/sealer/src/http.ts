// Bytes over HTTP: what the package needs of a transport, bounded in size and time.
// It belongs to the connection; protection is sealing, so nothing here is trusted.
// In a browser uploads go by XMLHttpRequest, which alone tells how far they are.

import type { Bytes } from "./bytes.js";
import { Refused } from "./refused.js";

/** Bodies up to here are sent whole; longer ones are streamed where that is possible. */
const WHOLE_BYTES_MAX = 1024 * 1024;
/** Pieces of a long body that are joined before the browser is asked to keep them. */
const PIECE_BYTES = 4 * 1024 * 1024;

/** A body whose length is known before its bytes are. */
export interface Outbound {
  readonly length: number;
  chunks(): AsyncIterable<Bytes>;
}

/** A request in clear; what matters in it is sealed. */
export interface Exchange {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly contentType?: string;
  readonly body?: Outbound;
  readonly answerBytesMax: number;
  /** Longest time without any progress until the answer has come. */
  readonly silentMsMax: number;
  readonly onProgress?: ((sent: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An answer as it came. */
export interface PlainAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Bytes;
}

/** Carries one exchange. */
export type Transport = (url: string, exchange: Exchange, signal: AbortSignal) => Promise<PlainAnswer>;

/** The transport of this machine. */
export function transport(custom: typeof fetch | undefined): Transport {
  if (custom === undefined && typeof XMLHttpRequest !== "undefined") return byXhr;
  const send = custom ?? globalThis.fetch.bind(globalThis);
  return (url, exchange, signal) => byFetch(send, url, exchange, signal);
}

/** Carries an exchange within the time allowed; failures below HTTP are refusals. */
export async function carry(send: Transport, url: string, exchange: Exchange): Promise<PlainAnswer> {
  const { signal, silentMsMax } = exchange;
  signal?.throwIfAborted();
  const ending = new AbortController();
  const wait = (): ReturnType<typeof setTimeout> =>
    setTimeout(() => ending.abort(new Refused("http.silent")), silentMsMax);
  let timer = wait();
  const onProgress = (sent: number, total: number): void => {
    clearTimeout(timer);
    timer = wait();
    exchange.onProgress?.(sent, total);
  };
  const stop = (): void => ending.abort(signal?.reason);
  signal?.addEventListener("abort", stop);
  try {
    return await send(url, { ...exchange, onProgress }, ending.signal);
  } catch (cause) {
    if (ending.signal.aborted) throw ending.signal.reason;
    throw cause instanceof Refused ? cause : new Refused("http.unreachable");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

async function byFetch(
  send: typeof fetch,
  url: string,
  exchange: Exchange,
  signal: AbortSignal,
): Promise<PlainAnswer> {
  const { method, contentType, body } = exchange;
  const headers = contentType === undefined ? {} : { "content-type": contentType };
  const fixed: RequestInit = {
    method,
    headers,
    signal,
    redirect: "error",
    credentials: "omit",
    cache: "no-store",
  };
  const response = await send(url, { ...fixed, ...(body ? await fetchBody(body, exchange) : {}) });
  if (body) exchange.onProgress?.(body.length, body.length);
  const bytes = await limited(response, exchange.answerBytesMax);
  return { status: response.status, contentType: response.headers.get("content-type") ?? "", body: bytes };
}

async function fetchBody(body: Outbound, exchange: Exchange): Promise<RequestInit> {
  if (body.length <= WHOLE_BYTES_MAX || !isNode()) {
    const whole = await collect(body);
    return { body: whole };
  }
  const init: RequestInit & { duplex: "half" } = { body: streamed(body, exchange), duplex: "half" };
  return init;
}

function streamed(body: Outbound, exchange: Exchange): ReadableStream<Bytes> {
  const chunks = body.chunks()[Symbol.asyncIterator]();
  let sent = 0;
  return new ReadableStream<Bytes>({
    async pull(controller) {
      const next = await chunks.next();
      if (next.done === true) return controller.close();
      controller.enqueue(next.value);
      exchange.onProgress?.((sent += next.value.length), body.length);
    },
  });
}

/** Joins small pieces, so that a browser can keep a long body outside the page's memory. */
async function collect(body: Outbound): Promise<Blob> {
  const pieces: Blob[] = [];
  let open: Bytes[] = [];
  let size = 0;
  const close = (): void => {
    pieces.push(new Blob(open));
    [open, size] = [[], 0];
  };
  for await (const chunk of body.chunks()) {
    open.push(chunk);
    size += chunk.length;
    if (size >= PIECE_BYTES) close();
  }
  close();
  return new Blob(pieces);
}

async function limited(response: Response, bytesMax: number): Promise<Bytes> {
  const parts: Bytes[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
    size += next.value.length;
    if (size > bytesMax) {
      await reader?.cancel();
      throw new Refused("http.too_large");
    }
    parts.push(new Uint8Array(next.value));
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

function isNode(): boolean {
  const { process } = globalThis as { process?: { versions?: { node?: string } } };
  return process?.versions?.node !== undefined;
}

async function byXhr(url: string, exchange: Exchange, signal: AbortSignal): Promise<PlainAnswer> {
  const body = exchange.body ? await collect(exchange.body) : null;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const fail = (code: string) => (): void => reject(new Refused(code));
    request.open(exchange.method, url);
    request.responseType = "arraybuffer";
    if (exchange.contentType !== undefined) request.setRequestHeader("content-type", exchange.contentType);
    request.upload.onprogress = (event) => exchange.onProgress?.(event.loaded, event.total);
    request.onprogress = (event) => {
      if (event.loaded <= exchange.answerBytesMax) return;
      fail("http.too_large")();
      request.abort();
    };
    request.onerror = fail("http.unreachable");
    request.onabort = fail("http.unreachable");
    request.onload = () => {
      const contentType = request.getResponseHeader("content-type") ?? "";
      resolve({ status: request.status, contentType, body: new Uint8Array(request.response as ArrayBuffer) });
    };
    signal.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}

/** Bytes at hand as a body. */
export function outbound(bytes: Bytes): Outbound {
  return {
    length: bytes.length,
    async *chunks() {
      yield await Promise.resolve(bytes);
    },
  };
}
