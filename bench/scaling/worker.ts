// Measures at one point of an axis: in a process that has so much memory, so many mounts, so many namespaces beside it.
import { type Child, type NamespaceType, spawn } from '../../lib/index.ts';
import { readContext } from '../measure/context.ts';
import { addMounts } from '../measure/many-mounts.ts';
import { measureRounds, type Series } from '../measure/rounds.ts';
import { seededRandom } from '../statistics/random.ts';
import type { AxisName } from './axis.ts';
import { type ScalingCases, scalingSamplers } from './cases.ts';

/** Which point a worker stands for. */
export interface ScalingPoint extends ScalingCases {
  readonly axis: AxisName;
  readonly value: number;
  /** A directory upon which mounts may lie. */
  readonly dir: string;
}

/** What the parent asks of a worker: so many rounds more, or to end those that it is in. */
export type ScalingRequest =
  | { readonly iterations: number; readonly warmup: number; readonly seed: number }
  | { readonly stop: true };

/** What it answers: whole rounds, none when it is ready for the first request; or an error's message. */
export type ScalingReply =
  | { readonly rounds: number; readonly series: readonly (readonly [string, Series])[] }
  | { readonly failed: string };

const CHUNK_BYTES = 64 * 1024 * 1024;

/** Memory that a fork would have to copy the page tables of: written to, so that it is really there. */
const touchedBuffers = (bytes: number): readonly Buffer[] => {
  const buffers: Buffer[] = [];
  for (let left = bytes; left > 0; left -= CHUNK_BYTES) buffers.push(Buffer.alloc(Math.min(left, CHUNK_BYTES), 1));
  return buffers;
};

/** Processes that wait in namespaces of their own. */
const startAlive = async (
  count: number,
  namespaces: readonly NamespaceType[],
  backend: 'ffi' | 'shell',
): Promise<readonly Child[]> => {
  const children: Child[] = [];
  for (let index = 0; index < count; index += 1) {
    const mapRootUser = namespaces.includes('user');
    const child = await spawn('/bin/sleep', ['86400'], {
      ...{ namespaces, stdio: 'ignore', backend, mapRootUser },
      // They must not outlive this process, however it ends.
      parentDeathSignal: 'SIGKILL',
    });
    if (child.isErr()) throw new Error(child.error.message);
    child.value.unref();
    children.push(child.value);
  }
  return children;
};

const point = JSON.parse(process.argv[2] ?? '') as ScalingPoint;
const { axis, value, dir } = point;
const stopping = new AbortController();

const reply = (message: ScalingReply): void => {
  process.send?.(message);
};

const serve = async (): Promise<void> => {
  const { privileged } = readContext([]);
  const ballast = axis === 'rss' ? touchedBuffers(value) : [];
  if (axis === 'mounts') addMounts(value, dir);
  const types: readonly NamespaceType[] = privileged ? ['uts', 'ipc', 'net'] : ['user', 'uts', 'ipc', 'net'];
  const alive = axis === 'alive' ? await startAlive(value, types, point.backends[0]?.name ?? 'ffi') : [];
  process.once('exit', () => {
    for (const child of alive) child.kill('SIGKILL').unwrapOr(undefined);
  });
  const samplers = scalingSamplers(axis, value, point);
  process.on('message', async (request: ScalingRequest) => {
    if ('stop' in request) return stopping.abort();
    const { iterations, warmup, seed } = request;
    const { rounds, series } = await measureRounds(samplers, {
      ...{ iterations, warmup, mostMs: null, random: seededRandom(seed) },
      ...{ stop: stopping.signal, onRound: () => undefined },
    });
    // Reading it here keeps the memory from being collected before.
    if (ballast.some((chunk) => chunk[0] !== 1)) throw new Error('The buffers have changed');
    reply({ rounds, series: [...series] });
  });
};

// Ctrl-C reaches all processes of a terminal; when this one ends is its parent's to say.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
process.on('disconnect', () => process.exit(0));
serve().then(
  () => reply({ rounds: 0, series: [] }),
  (error: Error) => {
    process.on('message', () => undefined);
    reply({ failed: error.message });
  },
);
