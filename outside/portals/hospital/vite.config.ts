// The build: one script, one style sheet, named by their content, and pinned by the page
// with their digests. The same sources give the same bytes on every machine.
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

/** Subresource integrity for every script and style sheet of the page, as they were written. */
function integrity(): Plugin {
  return {
    name: "integrity",
    apply: "build",
    writeBundle: {
      order: "post",
      async handler({ dir = "dist" }) {
        const page = join(dir, "index.html");
        const html = await readFile(page, "utf8");
        await writeFile(page, await pinned(html, dir));
      },
    },
  };
}

async function pinned(html: string, dir: string): Promise<string> {
  let done = html;
  for (const [named, name] of html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+\.(?:js|css))"/g)) {
    const digest = createHash("sha384").update(await readFile(join(dir, name ?? ""))).digest("base64");
    done = done.replace(named, `${named} integrity="sha384-${digest}"`);
  }
  return done;
}

/** Node's cryptography, which the ciphers ask for where a browser has none; here it never is. */
const absent = fileURLToPath(new URL("src/absent.ts", import.meta.url));

export default defineConfig({
  base: "./",
  resolve: { alias: { crypto: absent } },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    sourcemap: false,
    rolldownOptions: { output: { codeSplitting: false } },
  },
  plugins: [integrity()],
});
