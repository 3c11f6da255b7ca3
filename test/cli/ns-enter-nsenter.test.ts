import { fileURLToPath } from 'node:url';
import t from 'tap';

const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const sideBySide = program('./nsenter-side-by-side.js');

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

await as(`ns-enter beside nsenter, as ${isRoot ? 'root' : 'an ordinary user'}`, [sideBySide]);
if (isRoot) {
  await as('ns-enter beside nsenter, as an ordinary user', [program('../contract/as-ordinary-user.js'), sideBySide]);
}
