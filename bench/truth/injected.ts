import type { KernelOperation } from '../../lib/index.ts';
import { operationSampler } from '../measure/operation-sampler.ts';
import { measureRounds } from '../measure/rounds.ts';
import type { Sampler } from '../measure/sample.ts';
import { bootstrapMedians } from '../statistics/bootstrap.ts';
import { isDistinct, medianDifference } from '../statistics/difference.ts';
import { mannWhitney } from '../statistics/mann-whitney.ts';
import { seededRandom } from '../statistics/random.ts';
import { summarize } from '../statistics/summary.ts';

/** What twenty runs found of a delay that was there, and of one that was not. */
export interface Injected {
  readonly runs: number;
  /** The delay as it was measured, nanoseconds. */
  readonly delayNs: number;
  /** In how many runs it was found. */
  readonly found: number;
  /** In how many runs two equal things were called different. */
  readonly claimed: number;
}

const RUNS = 20;
const ROUNDS = 150;
const RESAMPLES = 500;
const WANTED_NS = 20_000;
/** A difference is one when its interval is without 0 and its ranks are as unlikely as this by accident. */
const CERTAIN = 0.05;
const CALIBRATION_CALLS = 1000;

const clone = (delayCalls: number): KernelOperation => ({
  ...{ type: 'clone', namespaces: ['uts'], call: 'clone3', caller: 'small', memory: 'shared', command: null },
  delayCalls,
});

const rounds = async (samplers: ReadonlyMap<string, Sampler>, iterations: number, seed: number) => {
  const { series } = await measureRounds(samplers, {
    ...{ iterations, warmup: 2, mostMs: null, random: seededRandom(seed) },
    ...{ stop: new AbortController().signal, onRound: () => undefined },
  });
  return (id: string): readonly number[] => series.get(id)?.samples['reaped'] ?? [];
};

const median = (samples: readonly number[]): number => summarize(samples)?.p50 ?? Number.NaN;

/** How many calls of getppid(2) take twenty microseconds here. */
const calibrate = async (): Promise<number> => {
  const samplers = new Map(
    [0, CALIBRATION_CALLS].map((calls) => [String(calls), operationSampler(clone(calls), 'ffi')]),
  );
  const of = await rounds(samplers, ROUNDS, 1);
  const perCall = (median(of(String(CALIBRATION_CALLS))) - median(of('0'))) / CALIBRATION_CALLS;
  return Math.max(1, Math.min(2000, Math.round(WANTED_NS / Math.max(1, perCall))));
};

/** Measures two equal things and a delayed one beside each other, twenty times. */
export const findInjected = async (): Promise<Injected> => {
  const calls = await calibrate();
  const samplers = new Map([
    ['a', operationSampler(clone(0), 'ffi')],
    ['b', operationSampler(clone(0), 'ffi')],
    ['delayed', operationSampler(clone(calls), 'ffi')],
  ]);
  let [found, claimed, delay] = [0, 0, 0];
  for (let run = 0; run < RUNS; run += 1) {
    const of = await rounds(samplers, ROUNDS, 100 + run);
    const lists = ['a', 'b', 'delayed'].map(of);
    const medians = bootstrapMedians(lists, RESAMPLES, seededRandom(run));
    const [a, b, delayed] = lists.map((list, index) => ({
      median: median(list),
      resampled: medians[index] ?? new Float64Array(),
      samples: list,
    }));
    if (a === undefined || b === undefined || delayed === undefined) continue;
    const differs = (other: typeof a): boolean =>
      isDistinct(medianDifference(other, a)) && (mannWhitney(other.samples, a.samples)?.p ?? 1) < CERTAIN;
    const difference = medianDifference(delayed, a);
    if (differs(delayed) && difference.value > 0) found += 1;
    if (differs(b)) claimed += 1;
    delay += difference.value / RUNS;
  }
  return { runs: RUNS, delayNs: delay, found, claimed };
};
