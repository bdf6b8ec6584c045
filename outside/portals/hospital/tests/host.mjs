// Another host for the page: any static host, with the parties behind it. Tests put it between
// browser and edge, to count what is sent, and to alter, drop or hold it as an attacker would.

import { createServer, request } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

/**
 * Serves the page, and passes everything else on to `edge`.
 * `rules.trust` replaces the trust file; `rules.answer(path, body)` may change an answer in clear;
 * `rules.down` refuses all connections of the line; `rules.hold(path)` may wait.
 */
export async function host(edge, rules = {}) {
  const seen = [];
  const server = createServer((incoming, outgoing) => {
    serve(incoming, outgoing).catch(() => outgoing.destroy());
  });

  async function serve(incoming, outgoing) {
    const path = incoming.url.split("?")[0];
    if (path === "/trust.json" && rules.trust) return send(outgoing, "application/json", JSON.stringify(rules.trust));
    if (path === "/" || path.startsWith("/assets/")) return file(path, outgoing);
    seen.push(`${incoming.method} ${path}`);
    if (rules.down) return incoming.socket.destroy();
    await rules.hold?.(path);
    return pass(incoming, outgoing, path);
  }

  function pass(incoming, outgoing, path) {
    return new Promise((resolve, reject) => {
      const { host: _host, ...headers } = incoming.headers;
      const onward = request(`${edge}${path}`, { method: incoming.method, headers }, async (answer) => {
        try {
          const chunks = [];
          for await (const chunk of answer) chunks.push(chunk);
          const body = Buffer.concat(chunks);
          if (rules.dropAnswer?.(path)) {
            incoming.socket.destroy();
            return resolve();
          }
          const changed = rules.answer?.(path, body) ?? body;
          const { "content-length": _length, "transfer-encoding": _coding, ...rest } = answer.headers;
          outgoing.writeHead(answer.statusCode, rest);
          outgoing.end(changed);
          resolve();
        } catch (error) {
          reject(error);
        }
      });
      onward.on("error", reject);
      incoming.on("error", reject);
      incoming.pipe(onward);
    });
  }

  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    rules,
    seen,
    sealed: () => seen.filter((line) => line.endsWith("/sealed")).length,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

async function file(path, outgoing) {
  const name = path === "/" ? "index.html" : normalize(path).replace(/^(\.\.[/\\])+/, "");
  try {
    const bytes = await readFile(join(DIST, name));
    send(outgoing, TYPES[extname(name)] ?? "application/octet-stream", bytes);
  } catch {
    outgoing.writeHead(404);
    outgoing.end();
  }
}

function send(outgoing, type, body) {
  outgoing.writeHead(200, { "content-type": type, "cache-control": "no-store" });
  outgoing.end(body);
}
