// Writes the package into the folder that is named: one module, its declarations, and licences.
// The same sources and the same package-lock.json give the same bytes.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const home = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(home, "dist"));

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const { metafile } = await build({
  metafile: true,
  absWorkingDir: home,
  entryPoints: ["src/sealer.ts"],
  outfile: join(out, "sealer.js"),
  bundle: true,
  format: "esm",
  platform: "neutral",
  mainFields: ["module", "main"],
  conditions: ["browser", "import"],
  // Libraries name Node's module for machines without WebCrypto; none of ours is one.
  external: ["crypto"],
  target: "es2022",
  minify: true,
  legalComments: "inline",
  charset: "ascii",
});

// What is inside of others' work, with the licences that ask to be passed on.
const packages = Object.keys(metafile.inputs).flatMap(
  (path) => path.match(/^.*node_modules\/(@[^/]+\/)?[^/]+/)?.[0] ?? [],
);
const licences = [...new Set(packages)].sort().map((path) => {
  const { name, version } = JSON.parse(readFileSync(join(home, path, "package.json"), "utf8"));
  const file = readdirSync(join(home, path)).find((entry) => /^licen[cs]e/i.test(entry));
  if (!file) throw new Error(`${name} has no licence`);
  return `${name} ${version}\n\n${readFileSync(join(home, path, file), "utf8").trim()}\n`;
});
writeFileSync(join(out, "LICENSES.txt"), licences.join(`\n${"-".repeat(72)}\n\n`));

const types = join(out, "types");
const tsc = fileURLToPath(new URL("./bin/tsc", import.meta.resolve("typescript/package.json")));
const declarations = [
  "--noEmit",
  "false",
  "--declaration",
  "--emitDeclarationOnly",
  "--stripInternal",
  "--outDir",
  types,
];
execFileSync(process.execPath, [tsc, "-p", join(home, "tsconfig.build.json"), ...declarations], {
  stdio: "inherit",
});
// One file of declarations: those of the public modules, without their imports of each other.
const parts = ["types", "refused", "sentences", "connection", "staff", "receipt"].map((name) => {
  const text = readFileSync(join(types, `${name}.d.ts`), "utf8");
  return text.replaceAll(/^import .*\n/gm, "").replaceAll(/^export \{\};\n/gm, "");
});
writeFileSync(join(out, "sealer.d.ts"), parts.join("\n"));
rmSync(types, { recursive: true });
