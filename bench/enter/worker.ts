import { performance } from 'node:perf_hooks';
import { enter } from '../../lib/index.ts';
import { processSampler } from '../measure/peer-sampler.ts';

/** Who enters. */
export type Contender = 'enter' | 'nsenter';

/** What the parent asks of a worker: how often to enter which process. */
export interface EnterRequest {
  readonly pid: number;
  readonly iterations: number;
}

/** Milliseconds until the call returned, and until the command had ended. */
export interface EnterSample {
  readonly blocked: number;
  readonly total: number;
}

/** What a worker has touched of its own, so that a fork would have to copy its page tables. */
const ballast = Buffer.alloc(Number(process.argv[3]) * 1024 * 1024, 1);

const ours = async (pid: number): Promise<EnterSample> => {
  const start = performance.now();
  const asked = enter(pid, '/bin/true', [], { stdio: 'ignore', preserveCredentials: true });
  const blocked = performance.now() - start;
  const child = await asked;
  if (child.isErr()) throw new Error(child.error.message);
  const exit = await child.value.exit;
  if (exit.isErr()) throw new Error(exit.error.message);
  return { blocked, total: performance.now() - start };
};

const theirs = async (pid: number): Promise<EnterSample> => {
  const args = ['-t', String(pid), '-a', '--preserve-credentials', '/bin/true'];
  const sample = await processSampler('nsenter', args)(() => {});
  if (sample.isErr()) throw new Error(sample.error.message);
  const { blockedNs = 0, exitKnownNs = 0 } = sample.value;
  return { blocked: blockedNs / 1e6, total: exitKnownNs / 1e6 };
};

const measure = { enter: ours, nsenter: theirs }[process.argv[2] as Contender];

process.on('message', async ({ pid, iterations }: EnterRequest) => {
  const samples: EnterSample[] = [];
  for (let index = 0; index < iterations; index += 1) samples.push(await measure(pid));
  // Reading it here keeps the memory from being collected before.
  if (ballast.length > 0 && ballast.at(-1) !== 1) throw new Error('The buffer has changed');
  process.send?.(samples);
});
process.on('disconnect', () => process.exit(0));
