import { fileURLToPath } from 'node:url';
import t from 'tap';
import { withoutRunner } from '../without-runner.ts';

// What mounts promise is promised on older kernels, too, and where a filter forbids the younger system calls.

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const FILTERS = ['openat2=ENOSYS', 'open_tree=EPERM', 'mount_setattr=ENOSYS', 'move_mount=ENOSYS'] as const;
const isRoot = process.getuid?.() === 0;
const TIMEOUT_MS = 60_000;

t.setTimeout(4 * TIMEOUT_MS);

for (const [who, dropped] of [
  ['root', []],
  ['an ordinary user', isRoot ? [file('../contract/as-ordinary-user.js')] : []],
] as const) {
  for (const room of ['mounts', 'root']) {
    const title = `the contract of ${room} by paths, as ${who}`;
    if (who === 'root' && !isRoot) {
      t.test(title, { skip: 'needs root' }, () => {});
      continue;
    }
    const set = [`NS_TEST_FILTER=${FILTERS.join(' ')}`, `NS_CONTRACT_VARIANT=path`];
    // The filter comes with the suite's own Node.js, not with the one that drops to another user.
    const options = `NODE_OPTIONS=--import=${file('fixtures/filter-first.js')}`;
    const suite = [file('../contract/suite.js'), 'ffi', room];
    const command = dropped.length === 0 ? [process.execPath, ...suite] : [process.execPath, ...dropped, ...suite];
    const [env = '', ...args] = withoutRunner(...set, options, ...command);
    await t.spawn(env, args, { timeout: TIMEOUT_MS }, title);
  }
}
