// Writes the package into the folder that is named: one module, and its declarations.
// The same sources and the same package-lock.json give the same bytes.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const home = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(home, 'dist'));

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await build({
  absWorkingDir: home,
  entryPoints: ['src/sealer.ts'],
  outfile: join(out, 'sealer.js'),
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  conditions: ['browser', 'import'],
  // Libraries name Node's module for machines without WebCrypto; none of ours is one.
  external: ['crypto'],
  target: 'es2022',
  minify: true,
  legalComments: 'inline',
  charset: 'ascii',
});

const types = join(out, 'types');
const tsc = fileURLToPath(new URL('./bin/tsc', import.meta.resolve('typescript/package.json')));
const declarations = ['--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--stripInternal', '--outDir', types];
execFileSync(process.execPath, [tsc, '-p', join(home, 'tsconfig.build.json'), ...declarations], { stdio: 'inherit' });
// One file of declarations: those of the public modules, without their imports of each other.
const parts = ['types', 'refused', 'connection', 'staff', 'receipt'].map((name) => {
  const text = readFileSync(join(types, `${name}.d.ts`), 'utf8');
  return text.replaceAll(/^import .*\n/gm, '').replaceAll(/^export \{\};\n/gm, '');
});
writeFileSync(join(out, 'sealer.d.ts'), parts.join('\n'));
rmSync(types, { recursive: true });
