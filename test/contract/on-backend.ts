import { fileURLToPath } from 'node:url';
import t from 'tap';
import { withoutRunner } from '../without-runner.ts';
import type { BackendName } from './claim.ts';

const program = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

/** A whole suite is one subtest; the suite itself waits for nothing this long. */
const TIMEOUT_MS = 240_000;

/** Runs the contract suite on a backend, and on a host of the ffi backend when one is named, as root or as an ordinary user. */
export const contract = async (
  backend: BackendName,
  who: 'root' | 'user',
  host?: 'memfd' | 'file' | 'straight',
): Promise<void> => {
  const isRoot = process.getuid?.() === 0;
  const title = `the contract on ${backend}${host === undefined ? '' : `, host ${host}`}, as ${who === 'root' ? 'root' : 'an ordinary user'}`;
  if (who === 'root' && !isRoot) {
    t.test(title, { skip: 'needs root' }, () => {});
    return;
  }
  const dropped = who === 'user' && isRoot ? [program('as-ordinary-user')] : [];
  const command = [process.execPath, ...dropped, program('suite'), backend];
  const set = host === undefined ? [] : [`NS_FFI_HOST=${host}`];
  const [env = '', ...args] = withoutRunner(...set, ...command);
  t.setTimeout(2 * TIMEOUT_MS);
  await t.spawn(env, args, { timeout: TIMEOUT_MS }, title);
};
