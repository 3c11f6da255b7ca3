import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { watchLeaks } from '../leaks.ts';
import { unmet } from './caller.ts';

watchLeaks(t);

const program = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

const NEEDS = ['root', 'id-ranges', 'user-namespaces', 'tool:newuidmap', 'tool:newgidmap', 'tool:unshare'] as const;
const skip = NEEDS.map(unmet).find((reason) => reason !== null) ?? false;

/** Runs the fixture as uid 65534, in a mount namespace in which that user has ids of its own. */
const ask = (backend: string): Record<string, unknown> => {
  const dir = mkdtempSync(join(tmpdir(), 'ns-subordinate-'));
  try {
    writeFileSync(join(dir, 'subuid'), 'root:500000:10\n65534:200000:1000\nnobody:900000:5\n');
    writeFileSync(join(dir, 'subgid'), '65534:300000:500\n');
    const script =
      'for file in subuid subgid; do [ -e "/etc/$file" ] || : > "/etc/$file"; mount --bind "$1/$file" "/etc/$file" || exit; done; shift; exec "$@"';
    const command = [process.execPath, program('as-ordinary-user'), program('fixtures/subordinate'), backend];
    const { stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', script, 'sh', dir, ...command], {
      encoding: 'utf8',
    });
    if (stdout.startsWith('1..0')) return { skipped: stdout };
    return stdout === '' ? { stderr } : JSON.parse(stdout);
  } finally {
    rmSync(dir, { recursive: true });
  }
};

for (const backend of ['ffi', 'shell']) {
  t.test(`uidMap and gidMap take the ids of an ordinary user from /etc/subuid, on ${backend}`, { skip }, async (t) => {
    const seen = ask(backend);
    if ('skipped' in seen) return t.pass('skipped', { skip: String(seen['skipped']) });
    t.strictSame(seen['auto'], ['0', '0', 'allow', '0 200000 1000', '0 300000 500']);
    t.strictSame(seen['rootAndAuto'], ['0', '0', 'allow', '0 65534 1', '1 200000 999', '0 65534 1', '1 300000 499']);
    t.strictSame(seen['subids'], [
      '65534',
      '65534',
      'allow',
      '65534 65534 1',
      '200000 200000 1000',
      '65534 65534 1',
      '300000 300000 500',
    ]);
    t.strictSame(seen['usersOnly'], ['0', '0', 'deny', '0 65534 1', '1 200000 999', '0 65534 1']);
    t.match(seen['foreign'], {
      step: 'id-map',
      errno: 'EPERM',
      syscall: 'newuidmap(1)',
      call: /^newuidmap PID 0 5 3: uid range \[0-3\) -> \[5-8\) not allowed$/,
    });
    return undefined;
  });
}
