// Runs the tests: bundles each file of tests/unit or tests/demo and hands them to Node's own runner.
//
//     node test.mjs                                unit tests
//     node test.mjs demo FOLDER BINARIES PORT      against a demo that is laid out in FOLDER
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const home = dirname(fileURLToPath(import.meta.url));
const [kind = "unit", folderOfDemo, binaries, ports] = process.argv.slice(2);
const folder = join(home, "tests", kind);
const out = join(home, "node_modules/.tests", kind);

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const files = readdirSync(folder).filter((name) => name.endsWith(".test.ts"));
await build({
  absWorkingDir: home,
  entryPoints: files.map((name) => join(folder, name)),
  outdir: out,
  bundle: true,
  format: "esm",
  platform: "node",
  packages: "external",
  sourcemap: "inline",
  outExtension: { ".js": ".mjs" },
});
const built = files.map((name) => join(out, name.replace(/\.ts$/, ".mjs")));
const env = {
  ...process.env,
  AUTOCLAVE_DEMO: folderOfDemo,
  AUTOCLAVE_BINARIES: binaries,
  AUTOCLAVE_PORTS: ports,
};
const { status } = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...built], {
  stdio: "inherit",
  cwd: home,
  env,
});
process.exit(status ?? 1);
