import { release } from 'node:os';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { PRIVILEGED, toolPath, unmet } from '../contract/caller.ts';

const suite = fileURLToPath(new URL('./pid-reuse-suite.js', import.meta.url));

// The test runner adds to the environment of every child that Node starts.
const env = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !name.startsWith('NODE_') && !name.startsWith('_TAPJS') && !name.startsWith('TAP'),
  ),
);

const [major = 0, minor = 0] = release().split('.').map(Number);

const whyNot = (): string | null => {
  if (toolPath('unshare') === null) return 'there is no unshare in PATH';
  // Before, the machine has one pid_max, which is nobody's to change for a test.
  if (major < 6 || (major === 6 && minor < 14)) return 'pid_max belongs to a pid namespace since Linux 6.14';
  return unmet('namespaces');
};

const reason = whyNot();
if (reason !== null) {
  t.pass('a pid that is used again', { skip: reason });
} else {
  const apart = ['-p', '-f', '-m', '--mount-proc', '--kill-child', ...(PRIVILEGED ? [] : ['-U', '-r'])];
  await t.spawn('unshare', [...apart, process.execPath, suite], { env, timeout: 60_000 }, 'a pid that is used again');
}
