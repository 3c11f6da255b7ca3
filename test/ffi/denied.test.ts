import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { unmet } from '../contract/caller.ts';
import { watchLeaks } from '../leaks.ts';

watchLeaks(t);
t.setTimeout(120_000);

const fixture = fileURLToPath(new URL('fixtures/denied.js', import.meta.url));

/**
 * System calls of the steps about mounts, the root, the terminal and the init, and the step that each fails. Without ioctl,
 * Node.js itself cannot go on.
 */
const STEPS = {
  socketpair: 'prepare',
  sendmsg: 'pty',
  mount: 'propagation',
  umask: 'mount',
  move_mount: 'mount',
  mkdirat: 'mount',
  mknodat: 'mount',
  symlinkat: 'mount',
  fchdir: 'mount',
  fallocate: 'mount',
  fchmod: 'mount',
  umount2: 'mount',
  pivot_root: 'root',
  clone: 'init',
  setsid: 'session',
  chdir: 'root',
} as const;

const why = unmet('user-namespaces') ?? false;

for (const [syscall, step] of Object.entries(STEPS)) {
  t.test(`a denied ${syscall} fails the step ${step}, and nothing is left`, { skip: why }, async (t) => {
    const done = spawnSync(process.execPath, [fixture, `${syscall}=EPERM`], { encoding: 'utf8' });
    const told = done.status === 0 ? JSON.parse(done.stdout) : { status: done.status, stderr: done.stderr };
    t.strictSame(told, { step, syscall, errno: 'EPERM', left: [] });
  });
}
