import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const sideBySide = program('./side-by-side.js');

const isRoot = process.geteuid?.() === 0;
/** The comparing program has a limit of its own below this. */
const TIMEOUT_MS = 250_000;

// The test runner adds to the environment of every child that Node starts, and the lines look at their environment.
const env = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !name.startsWith('NODE_') && !name.startsWith('_TAPJS') && !name.startsWith('TAP'),
  ),
);

const as = (title: string, args: readonly string[]) =>
  t.spawn(process.execPath, [...args], { env, timeout: TIMEOUT_MS }, title);

await as(`ns-run beside unshare, as ${isRoot ? 'root' : 'an ordinary user'}`, [sideBySide]);
if (isRoot) {
  // In a mount namespace of its own, in which that user and root have ids to give away.
  const dir = mkdtempSync(join(tmpdir(), 'ns-subids-'));
  writeFileSync(join(dir, 'subuid'), '0:200000:1000\n65534:200000:1000\n');
  writeFileSync(join(dir, 'subgid'), '0:300000:500\n65534:300000:500\n');
  const bind =
    'if [ -e /etc/subuid ] && [ -e /etc/subgid ]; then mount --bind "$1/subuid" /etc/subuid && mount --bind "$1/subgid" /etc/subgid || exit; fi; shift; exec "$@"';
  const asUser = [process.execPath, program('../contract/as-ordinary-user.js'), sideBySide];
  t.teardown(() => rmSync(dir, { recursive: true }));
  await t.spawn(
    'unshare',
    ['-m', 'sh', '-c', bind, 'sh', dir, ...asUser],
    { env, timeout: TIMEOUT_MS },
    'ns-run beside unshare, as an ordinary user',
  );
}
