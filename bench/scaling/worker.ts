// Measures at one point of an axis: in a process that has so much memory, so many mounts, so many namespaces beside it.
import { type Child, type NamespaceType, spawn } from '../../lib/index.ts';
import { readContext } from '../measure/context.ts';
import { addMounts } from '../measure/many-mounts.ts';
import { measureRounds, type Series } from '../measure/rounds.ts';
import { seededRandom } from '../statistics/random.ts';
import type { AxisName } from './axis.ts';
import { scalingSamplers } from './cases.ts';

/** What the parent asks of a worker: so many rounds more. */
export interface ScalingRequest {
  readonly iterations: number;
  readonly warmup: number;
  readonly seed: number;
}

/** What it answers; null when it is ready for the first request, or an error's message. */
export type ScalingReply = { readonly series: readonly (readonly [string, Series])[] } | { readonly failed: string };

const CHUNK_BYTES = 64 * 1024 * 1024;

/** Memory that a fork would have to copy the page tables of: written to, so that it is really there. */
const touchedBuffers = (bytes: number): readonly Buffer[] => {
  const buffers: Buffer[] = [];
  for (let left = bytes; left > 0; left -= CHUNK_BYTES) buffers.push(Buffer.alloc(Math.min(left, CHUNK_BYTES), 1));
  return buffers;
};

/** Processes that wait in namespaces of their own. */
const startAlive = async (count: number, namespaces: readonly NamespaceType[]): Promise<readonly Child[]> => {
  const children: Child[] = [];
  for (let index = 0; index < count; index += 1) {
    const mapRootUser = namespaces.includes('user');
    const child = await spawn('/bin/sleep', ['86400'], {
      ...{ namespaces, stdio: 'ignore', backend: 'ffi', mapRootUser },
      // They must not outlive this process, however it ends.
      parentDeathSignal: 'SIGKILL',
    });
    if (child.isErr()) throw new Error(child.error.message);
    child.value.unref();
    children.push(child.value);
  }
  return children;
};

const [, , axis, point, flags, command] = process.argv as [string, string, AxisName, string, string, string];
const value = Number(point);
const sets = JSON.parse(flags) as readonly (readonly NamespaceType[])[];

const reply = (message: ScalingReply): void => {
  process.send?.(message);
};

const serve = async (): Promise<void> => {
  const { privileged } = readContext([]);
  const ballast = axis === 'rss' ? touchedBuffers(value) : [];
  if (axis === 'mounts') addMounts(value);
  const types: readonly NamespaceType[] = privileged ? ['uts', 'ipc', 'net'] : ['user', 'uts', 'ipc', 'net'];
  const alive = axis === 'alive' ? await startAlive(value, types) : [];
  process.once('exit', () => {
    for (const child of alive) child.kill('SIGKILL').unwrapOr(undefined);
  });
  const samplers = scalingSamplers(axis, value, sets, command);
  process.on('message', async ({ iterations, warmup, seed }: ScalingRequest) => {
    const { series } = await measureRounds(samplers, {
      ...{ iterations, warmup, mostMs: null, random: seededRandom(seed) },
      ...{ stop: new AbortController().signal, onRound: () => undefined },
    });
    // Reading it here keeps the memory from being collected before.
    if (ballast.some((chunk) => chunk[0] !== 1)) throw new Error('The buffers have changed');
    reply({ series: [...series] });
  });
};

process.on('disconnect', () => process.exit(0));
serve().then(
  () => reply({ series: [] }),
  (error: Error) => {
    process.on('message', () => undefined);
    reply({ failed: error.message });
  },
);
