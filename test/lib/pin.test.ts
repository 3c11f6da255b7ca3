import { fileURLToPath } from 'node:url';
import t from 'tap';
import { PRIVILEGED, statusField, toolPath, unmet } from '../contract/caller.ts';

const suite = fileURLToPath(new URL('./pin-suite.js', import.meta.url));

// The test runner adds to the environment of every child that Node starts.
const env = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !name.startsWith('NODE_') && !name.startsWith('_TAPJS') && !name.startsWith('TAP'),
  ),
);

const reason = toolPath('unshare') === null ? 'there is no unshare in PATH' : unmet('namespaces');
if (reason !== null) {
  t.pass('pin() and unpin()', { skip: reason });
} else {
  const apart = ['-m', ...(PRIVILEGED ? [] : ['-U', '-r'])];
  // Which mount namespace is younger is sure on one processor only.
  const [cpu = '0'] = /^\d+/.exec(statusField('Cpus_allowed_list')) ?? [];
  const one = toolPath('taskset') === null ? [] : ['taskset', '-c', cpu];
  const [command = '', ...args] = [...one, 'unshare', ...apart, process.execPath, suite];
  await t.spawn(command, args, { env, timeout: 60_000 }, 'pin() and unpin()');
}
