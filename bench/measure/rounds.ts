import { setImmediate } from 'node:timers/promises';
import { shuffle } from 'simple-statistics';
import type { Durations, Refusal, Sampler } from './sample.ts';

/** How long to measure, and how to stop. */
export interface RoundsSpec {
  /** Rounds whose times count; in each every case runs once. */
  readonly iterations: number;
  /** Rounds before them whose times do not. */
  readonly warmup: number;
  /** Begins no further round after so many milliseconds, if one has been measured. */
  readonly mostMs: number | null;
  /** Shuffles each round. */
  readonly random: () => number;
  /** Ends the run within the current case; the round that it was in is dropped. */
  readonly stop: AbortSignal;
  /** Hears after each round, warm-up included, how many are done. */
  readonly onRound: (done: number) => void;
}

/** What one case gave. */
export interface Series {
  /** By quantity, in the order of the rounds. */
  readonly samples: Readonly<Partial<Record<string, readonly number[]>>>;
  /** Why it gave nothing, or nothing more. */
  readonly refused: Refusal | null;
}

/** What a run gave. */
export interface Rounds {
  /** Whole rounds that were measured. */
  readonly rounds: number;
  readonly ended: 'complete' | 'interrupted' | 'out-of-time';
  readonly series: ReadonlyMap<string, Series>;
}

type Collected = { samples: Partial<Record<string, number[]>>; refused: Refusal | null };

const keep = (into: Collected, sample: Durations): void => {
  for (const [quantity, value] of Object.entries(sample)) {
    if (value === undefined) continue;
    into.samples[quantity] ??= [];
    into.samples[quantity].push(value);
  }
};

/** One child at a time, which an abort kills. */
const stoppable = async (sampler: Sampler, stop: AbortSignal): ReturnType<Sampler> => {
  let kill: (() => void) | null = null;
  const onStop = (): void => kill?.();
  stop.addEventListener('abort', onStop, { once: true });
  const sampled = await sampler((how) => {
    kill = how;
    if (stop.aborted) how();
  });
  stop.removeEventListener('abort', onStop);
  // What is left of the last child, and a signal that came with it, is dealt with before the next is timed.
  await setImmediate();
  if (sampled.isErr()) await setImmediate();
  return sampled;
};

/**
 * Runs every case once a round, in a new order each round, so that what the machine does meanwhile meets all alike.
 *
 * @param samplers - by the ids of their cases
 * @returns the times of whole rounds; a case that is refused once is not tried again
 */
export const measureRounds = async (
  samplers: ReadonlyMap<string, Sampler>,
  { iterations, warmup, mostMs, random, stop, onRound }: RoundsSpec,
): Promise<Rounds> => {
  const collected = new Map<string, Collected>();
  for (const id of samplers.keys()) collected.set(id, { samples: {}, refused: null });
  const snapshot = (rounds: number, ended: Rounds['ended']): Rounds => ({ rounds, ended, series: collected });
  const start = performance.now();
  for (let round = -warmup; round < iterations; round += 1) {
    if (round > 0 && mostMs !== null && performance.now() - start > mostMs) return snapshot(round, 'out-of-time');
    const results = new Map<Collected, Durations>();
    for (const [id, sampler] of shuffle([...samplers], random)) {
      const into = collected.get(id);
      if (into === undefined || into.refused !== null) continue;
      const sampled = await stoppable(sampler, stop);
      if (stop.aborted) return snapshot(Math.max(0, round), 'interrupted');
      if (sampled.isOk()) results.set(into, sampled.value);
      else into.refused = sampled.error;
    }
    if (round >= 0) for (const [into, sample] of results) keep(into, sample);
    onRound(round + warmup + 1);
  }
  return snapshot(iterations, 'complete');
};
