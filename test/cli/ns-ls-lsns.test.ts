import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { PRIVILEGED, toolPath, unmet } from '../contract/caller.ts';

const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const TIMEOUT_MS = 130_000;

// The test runner adds to the environment of every child that Node starts.
const env = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !name.startsWith('NODE_') && !name.startsWith('_TAPJS') && !name.startsWith('TAP'),
  ),
);

/** A release that shows trees, and with them owners and parents, is what ns-ls is compared with. */
const whyNot = (): string | null => {
  for (const tool of ['lsns', 'unshare']) if (toolPath(tool) === null) return `there is no ${tool} in PATH`;
  // Since 2.41 the columns are a list of their own.
  const told = ['--help', '--list-columns'].map((option) => spawnSync('lsns', [option], { encoding: 'utf8' }).stdout);
  if (!told.join().includes('ONS')) return 'the installed lsns does not know owners';
  return unmet('namespaces') ?? unmet('user-namespaces');
};

const reason = whyNot();
if (reason !== null) {
  t.pass('ns-ls beside lsns', { skip: reason });
} else {
  const apart = ['-p', '-f', '-m', '--mount-proc', '--kill-child', process.execPath, program('./lsns-side-by-side.js')];
  const as = (title: string, words: readonly string[]) =>
    t.spawn('unshare', [...words], { env, timeout: TIMEOUT_MS }, title);
  if (PRIVILEGED) await as('ns-ls beside lsns, as root', apart);
  else await as('ns-ls beside lsns, as an ordinary user', ['-U', '-r', ...apart]);
}
