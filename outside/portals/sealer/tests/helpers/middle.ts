// Whoever sits between a client and the edge: a proxy that reads, alters, drops, repeats and swaps.
// It belongs to tests of what such a man in the middle can bring about.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A message on its way; `path` is the edge's. */
export interface Passing {
  readonly method: string;
  readonly path: string;
  readonly contentType: string;
  readonly body: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

/** What is done with a message: passed on by `forward`, once or more or never. */
export type Attack = (
  passing: Passing,
  forward: (passing: Passing) => Promise<Answer>,
) => Promise<Answer | "drop">;

export class Middle {
  attack: Attack | undefined;
  readonly #server: Server;
  readonly #edge: string;

  private constructor(edge: string) {
    this.#edge = edge;
    this.#server = createServer((request, response) => void this.#relay(request, response));
  }

  static async before(edge: string): Promise<Middle> {
    const middle = new Middle(edge);
    await new Promise<void>((resolve) => middle.#server.listen(0, "127.0.0.1", resolve));
    return middle;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #relay(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const { method = "GET", url = "/", headers } = request;
    const passing = {
      method,
      path: url,
      contentType: headers["content-type"] ?? "",
      body: Buffer.concat(parts),
    };
    const forward = (one: Passing): Promise<Answer> => this.#forward(one);
    const answer = await (this.attack ? this.attack(passing, forward) : forward(passing));
    if (answer === "drop") {
      request.socket.destroy();
      return;
    }
    response.writeHead(answer.status, {
      "content-type": answer.contentType,
      "content-length": answer.body.length,
    });
    response.end(answer.body);
  }

  async #forward({ method, path, contentType, body }: Passing): Promise<Answer> {
    const sent =
      method === "GET" ? {} : { headers: { "content-type": contentType }, body: new Uint8Array(body) };
    const answer = await fetch(this.#edge + path, { method, ...sent });
    const read = Buffer.from(await answer.arrayBuffer());
    return { status: answer.status, contentType: answer.headers.get("content-type") ?? "", body: read };
  }
}

/** The same bytes with one bit flipped; a negative place counts from the end. */
export function flipped(body: Buffer, place: number): Buffer {
  const copy = Buffer.from(body);
  const at = place < 0 ? copy.length + place : place;
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
