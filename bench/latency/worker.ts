import { readContext } from '../measure/context.ts';
import { measureRounds, type Series } from '../measure/rounds.ts';
import { seededRandom } from '../statistics/random.ts';
import { latencySamplers, type Side } from './cases.ts';

/** What the parent asks of a worker. */
export interface BlockRequest {
  readonly iterations: number;
  readonly warmup: number;
  readonly seed: number;
}

/** What the worker answers: series by id. */
export type BlockReply = readonly (readonly [string, Series])[];

const CHUNK_BYTES = 64 * 1024 * 1024;

/** Memory that a fork would have to copy the page tables of: written to, so that it is really there. */
const touchedBuffers = (mebibytes: number): readonly Buffer[] =>
  Array.from({ length: Math.ceil((mebibytes * 1024 * 1024) / CHUNK_BYTES) }, () => Buffer.alloc(CHUNK_BYTES, 1));

const ballast = touchedBuffers(Number(process.argv[2]));
const samplers = latencySamplers(process.argv[3] as Side, readContext([]).privileged);

process.on('message', async ({ iterations, warmup, seed }: BlockRequest) => {
  const { series } = await measureRounds(samplers, {
    iterations,
    warmup,
    mostMs: null,
    random: seededRandom(seed),
    stop: new AbortController().signal,
    onRound: () => undefined,
  });
  // Reading it here keeps the memory from being collected before.
  if (ballast.some((chunk) => chunk[0] !== 1)) throw new Error('The buffers have changed');
  process.send?.([...series] satisfies BlockReply);
});
process.on('disconnect', () => process.exit(0));
