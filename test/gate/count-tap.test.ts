import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';

/** What the counter prints, and its exit code. */
const count = (tap: string, ...args: readonly string[]): { lines: readonly string[]; code: number | null } => {
  const dir = mkdtempSync(join(tmpdir(), 'ns-tap-'));
  try {
    writeFileSync(join(dir, 'tap'), tap);
    const { stdout, status } = spawnSync(process.execPath, ['.ci/count-tap.mjs', join(dir, 'tap'), ...args], {
      encoding: 'utf8',
    });
    return { lines: stdout.trimEnd().split('\n'), code: status };
  } finally {
    rmSync(dir, { recursive: true });
  }
};

const last = (tap: string, ...args: readonly string[]): string | undefined => count(tap, ...args).lines.at(-1);

t.test('count-tap counts leaves and not the lines that close subtests', async (t) => {
  const tap = `
added 3 packages
TAP version 14
# Subtest: a.js
    # Subtest: deep
        ok 1 - one
        ok 2 - two
        1..2
    ok 1 - deep # time=3ms
    ok 2 - beside
    1..2
ok 1 - a.js # time=4ms
ok 2 - flat
1..2
`;
  t.equal(last(tap), '4 passed, 0 failed, 0 skipped');
  t.equal(count(tap).code, 0);
});

t.test('count-tap names a failure by its path and shows its diagnostics', async (t) => {
  const tap = `
# Subtest: a.js
    # Subtest: deep
        not ok 1 - wrong
          ---
          wanted: 2
          ...
        1..1
    not ok 1 - deep # time=3ms
    1..1
not ok 1 - a.js # time=4ms
1..1
`;
  const { lines, code } = count(tap);
  t.same(lines, ['not ok - a.js > deep > wrong', '          wanted: 2', '0 passed, 1 failed, 0 skipped']);
  t.equal(code, 1);
});

t.test('count-tap counts a file that fails although each of its assertions passed', async (t) => {
  const tap = '# Subtest: a.js\n    ok 1 - fine\n    1..1\nnot ok 1 - a.js\n  ---\n  exitCode: 1\n  ...\n1..1\n';
  t.equal(last(tap), '1 passed, 1 failed, 0 skipped');
});

t.test('count-tap counts a failure once, whatever comes after it', async (t) => {
  const tap = '# Subtest: a.js\n    not ok 1 - no\n    ok 2 - yes\n    1..2\nnot ok 1 - a.js\n1..1\n';
  t.equal(last(tap), '1 passed, 1 failed, 0 skipped');
});

t.test('count-tap counts skipped and todo points, whole files, too', async (t) => {
  const tap = `
# Subtest: a.js
    ok 1 - needs root # SKIP not root
    not ok 2 - some day # TODO
    ok 3 - fine
    1..3
ok 1 - a.js
# Subtest: b.js
    1..0 # SKIP no tool
ok 2 - b.js # SKIP no tool
1..2
`;
  t.equal(last(tap), '1 passed, 0 failed, 3 skipped');
});

t.test('count-tap fails when nothing ran, on a bail out, and when something failed before', async (t) => {
  t.match(count('npm error nothing here\n'), { lines: ['0 passed, 0 failed, 0 skipped'], code: 1 });
  t.equal(last('ok 1 - a\nBail out! no more\n'), '1 passed, 1 failed, 0 skipped');
  t.match(count('ok 1 - a\n1..1\n', '1'), { lines: ['1 passed, 1 failed, 0 skipped'], code: 1 });
});
