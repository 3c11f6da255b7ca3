import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import t from 'tap';

const BIOME = resolve('node_modules/.bin/biome');

/** Lints files that each have one import, and tells which of the imports are forbidden. */
const forbidden = (imports: readonly (readonly [file: string, imported: string])[]): Set<number> => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'ns-directions-')));
  try {
    copyFileSync('biome.json', join(root, 'biome.json'));
    copyFileSync('package.json', join(root, 'package.json'));
    symlinkSync(resolve('node_modules'), join(root, 'node_modules'));
    for (const [index, [file, imported]] of imports.entries()) {
      const path = join(root, file.replace('*', `case-${index}`));
      const isOurs = /^(?:lib|backends|cli|bench|test)\//.test(imported);
      const specifier = isOurs ? relative(dirname(path), join(root, imported)) : imported;
      mkdirSync(dirname(path), { recursive: true });
      const line = `import { a${index} } from '${specifier.startsWith('.') || !isOurs ? specifier : `./${specifier}`}';`;
      writeFileSync(path, `${line}\nglobalThis.console.log(a${index});\n`, { flag: 'a' });
    }
    const { stdout } = spawnSync(
      BIOME,
      ['lint', '--only=style/noRestrictedImports', '--reporter=github', '--max-diagnostics=none', '--colors=off', '.'],
      { cwd: root, encoding: 'utf8' },
    );
    const found = new Set<number>();
    for (const [index, [file]] of imports.entries()) {
      if (stdout.includes(`/${file.replace('*', `case-${index}`)},`)) found.add(index);
    }
    return found;
  } finally {
    rmSync(root, { recursive: true });
  }
};

const ALLOWED = [
  ['lib/*.ts', 'neverthrow'],
  ['lib/*.ts', 'lib/errors.ts'],
  ['lib/open.ts', 'backends/index.ts'],
  ['lib/host/*.ts', 'lib/errors.ts'],
  ['lib/host/causes/*.ts', 'lib/namespace.ts'],
  ['backends/index.ts', 'backends/ffi/index.ts'],
  ['backends/ffi/spawn/*.ts', 'lib/plan.ts'],
  ['backends/ffi/spawn/*.ts', 'lib/backend.ts'],
  ['backends/ffi/spawn/*.ts', 'lib/host/diagnose.ts'],
  ['backends/ffi/native.ts', 'ffi-rs'],
  ['backends/shell/run.ts', 'node:child_process'],
  ['backends/shell/run/*.ts', 'node:child_process'],
  ['backends/shell/*.ts', 'lib/errors.ts'],
  ['cli/ns-run/*.ts', 'lib/index.ts'],
  ['cli/ns-run/*.ts', 'commander'],
  ['cli/ns-bench/*.ts', 'bench/analysis.ts'],
  ['bench/measure/*.ts', 'lib/index.ts'],
  ['bench/measure/*.ts', 'node:child_process'],
  ['bench/report/*.ts', 'cli-table3'],
] as const;

const FORBIDDEN = [
  ['lib/*.ts', 'backends/index.ts'],
  ['lib/*.ts', 'backends/ffi/native.ts'],
  ['lib/*.ts', 'cli/ns-run.ts'],
  ['lib/*.ts', 'bench/analysis.ts'],
  ['lib/*.ts', 'ffi-rs'],
  ['lib/*.ts', 'node:child_process'],
  ['lib/*.ts', 'commander'],
  ['lib/open.ts', 'backends/ffi/index.ts'],
  ['lib/errors.ts', 'lib/spawn.ts'],
  ['lib/plan.ts', 'lib/host/diagnose.ts'],
  ['lib/host/*.ts', 'lib/spawn.ts'],
  ['lib/host/causes/*.ts', 'lib/backend.ts'],
  ['backends/index.ts', 'backends/ffi/native.ts'],
  ['backends/ffi/spawn/*.ts', 'lib/spawn.ts'],
  ['backends/ffi/spawn/*.ts', 'lib/index.ts'],
  ['backends/ffi/spawn/*.ts', 'lib/host/causes.ts'],
  ['backends/ffi/spawn/*.ts', 'backends/shell/argv.ts'],
  ['backends/ffi/spawn/*.ts', 'ffi-rs'],
  ['backends/ffi/*.ts', 'node:child_process'],
  ['backends/shell/*.ts', 'backends/ffi/native.ts'],
  ['backends/shell/*.ts', 'node:child_process'],
  ['backends/shell/*.ts', 'ffi-rs'],
  ['cli/ns-run/*.ts', 'lib/spawn.ts'],
  ['cli/ns-run/*.ts', 'backends/index.ts'],
  ['bench/measure/*.ts', 'lib/plan.ts'],
  ['bench/measure/*.ts', 'bench/statistics/summary.ts'],
  ['bench/measure/*.ts', 'commander'],
  ['bench/statistics/*.ts', 'bench/measure/sample.ts'],
  ['bench/*.ts', 'cli/ns-bench.ts'],
  ['test/contract/*.ts', 'lib/spawn.ts'],
  ['test/contract/*.ts', 'backends/ffi/index.ts'],
] as const;

t.test('biome.json lets rooms import what they may', async (t) => {
  const found = forbidden(ALLOWED);
  for (const [index, [file, imported]] of ALLOWED.entries()) t.notOk(found.has(index), `${file} -> ${imported}`);
});

t.test('biome.json forbids imports against the direction', async (t) => {
  // One file an import: the names of some files are fixed, so they are linted one after the other.
  for (const [file, imported] of FORBIDDEN.filter(([file]) => !file.includes('*'))) {
    t.ok(forbidden([[file, imported]]).has(0), `${file} -> ${imported}`);
  }
  const many = FORBIDDEN.filter(([file]) => file.includes('*'));
  const found = forbidden(many);
  for (const [index, [file, imported]] of many.entries()) t.ok(found.has(index), `${file} -> ${imported}`);
});
