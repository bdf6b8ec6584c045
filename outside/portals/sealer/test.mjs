// Runs the tests: bundles each file of tests/unit (or tests/demo, with a running demo's folder)
// and hands them to Node's own runner.
//
//     node test.mjs            unit tests
//     node test.mjs demo       against a demo; AUTOCLAVE_DEMO, AUTOCLAVE_BINARIES name the folders
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const home = dirname(fileURLToPath(import.meta.url));
const kind = process.argv[2] ?? 'unit';
const folder = join(home, 'tests', kind);
const out = join(home, 'node_modules/.tests', kind);

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const files = readdirSync(folder).filter((name) => name.endsWith('.test.ts'));
await build({
  absWorkingDir: home,
  entryPoints: files.map((name) => join(folder, name)),
  outdir: out,
  bundle: true,
  format: 'esm',
  platform: 'node',
  packages: 'external',
  sourcemap: 'inline',
  outExtension: { '.js': '.mjs' },
});
const built = files.map((name) => join(out, name.replace(/\.ts$/, '.mjs')));
const { status } = spawnSync(process.execPath, ['--enable-source-maps', '--test', ...built], { stdio: 'inherit', cwd: home });
process.exit(status ?? 1);
