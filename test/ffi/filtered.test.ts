import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { watchLeaks } from '../leaks.ts';

watchLeaks(t);

const fixture = fileURLToPath(new URL('fixtures/filtered.js', import.meta.url));
const MEMFD = 'a sealed memfd';

const behind = (...rules: string[]): unknown => {
  const env = { ...process.env, XDG_RUNTIME_DIR: '' };
  const done = spawnSync(process.execPath, [fixture, ...rules], { env, encoding: 'utf8' });
  return done.status === 0
    ? JSON.parse(done.stdout)
    : { status: done.status, signal: done.signal, stderr: done.stderr };
};

// pid 1, and no fds but stdin, stdout, stderr and the one that ls reads the directory through.
const outputs = ['1\n4\n', '1\n4\n'];

for (const [what, rules, host] of [
  ['clone3 that is missing', ['clone3=ENOSYS'], MEMFD],
  ['clone3 that is forbidden', ['clone3=EPERM'], MEMFD],
  ['close_range that is missing', ['close_range=ENOSYS'], MEMFD],
  ['pidfd_open that is missing', ['pidfd_open=ENOSYS'], MEMFD],
  ['memfd_create that is missing', ['memfd_create=ENOSYS'], `a file in ${tmpdir()}`],
  ['memfd_create that is forbidden', ['memfd_create=EPERM'], `a file in ${tmpdir()}`],
  ['execveat that is missing', ['execveat=ENOSYS'], 'no carrier: the vfork child itself'],
  ['execveat that is forbidden', ['execveat=EACCES'], 'no carrier: the vfork child itself'],
  ['all of them missing', ['clone3=ENOSYS', 'close_range=ENOSYS', 'memfd_create=ENOSYS'], `a file in ${tmpdir()}`],
] as const) {
  t.test(`spawn() does without ${what}`, async (t) => {
    t.same(behind(...rules), { filter: 0, host, outputs });
  });
}
