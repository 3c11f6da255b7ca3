import { fileURLToPath } from 'node:url';
import t from 'tap';
import { withoutRunner } from '../without-runner.ts';

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const suite = fileURLToPath(new URL('./open-namespace-suite.js', import.meta.url));
const isRoot = process.geteuid?.() === 0;
const TIMEOUT_MS = 60_000;

const as = async (title: string, args: readonly string[]): Promise<void> => {
  const [env = '', ...words] = withoutRunner(process.execPath, ...args);
  await t.spawn(env, words, { timeout: TIMEOUT_MS }, title);
};

await as(`openNamespace() as ${isRoot ? 'root' : 'an ordinary user'}`, [suite]);
if (isRoot) await as('openNamespace() as an ordinary user', [file('../contract/as-ordinary-user.js'), suite]);
