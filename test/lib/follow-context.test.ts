import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { PRIVILEGED, toolPath } from '../contract/caller.ts';
import { withoutRunner } from '../without-runner.ts';

const suite = fileURLToPath(new URL('./follow-context-suite.js', import.meta.url));

const whyNot = (): string | null => {
  if (toolPath('unshare') === null) return 'there is no unshare in PATH';
  if (!PRIVILEGED) return 'needs root: a /proc that pretends is a mount over the real one';
  return existsSync('/sys/fs') ? null : 'there is no /sys/fs to mount on';
};

const reason = whyNot();
if (reason !== null) {
  t.pass('followContext', { skip: reason });
} else {
  const [env = '', ...words] = withoutRunner('unshare', '-m', process.execPath, suite);
  await t.spawn(env, words, { timeout: 60_000 }, 'followContext, where /proc pretends that there is SELinux');
}
