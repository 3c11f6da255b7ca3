import type { Series } from '../measure/rounds.ts';
import { summarize } from '../statistics/summary.ts';

/** One promise about two medians. */
export interface TruthBar {
  readonly what: string;
  readonly flags: string;
  readonly oursNs: number;
  readonly theirs: string;
  readonly theirsNs: number;
  readonly ratio: number;
  readonly atMost: string;
  readonly held: boolean;
}

/** The stopwatch is true when its medians are within so much of C's: a part, or nanoseconds. */
const TRUE_WITHIN = { part: 0.05, ns: 2000 };

/** A spawn may take so much longer than C's: with nothing to set up, and with namespaces. */
const SPAWN_NONE = 1.25;
const SPAWN_SETS = 1.1;
const SPAWN_GO = 1.1;

type AllSeries = ReadonlyMap<string, Series>;

const median = (series: AllSeries, id: string, name: string): number =>
  summarize(series.get(id)?.samples[name] ?? [])?.p50 ?? Number.NaN;

/** What our stopwatch says of a clone beside what a C program says of the same. */
export const stopwatchBars = (series: AllSeries, flags: string): readonly TruthBar[] =>
  (
    [
      ['clone returned', 'cloneNs'],
      ['reaped', 'totalNs'],
    ] as const
  ).map(([ours, theirs]) => {
    const [oursNs, theirsNs] = [median(series, `stopwatch:${flags}`, ours), median(series, `c-exit:${flags}`, theirs)];
    const away = Math.abs(oursNs - theirsNs);
    return {
      ...{ what: `stopwatch, ${ours}`, flags, oursNs, theirs: 'C clone3', theirsNs, ratio: oursNs / theirsNs },
      atMost: '±5% or 2 µs',
      held: away <= TRUE_WITHIN.ns || away <= TRUE_WITHIN.part * theirsNs,
    };
  });

/** A whole spawn beside C's, and beside Go's where it was measured. */
export const spawnBars = (series: AllSeries, flags: string): readonly TruthBar[] => {
  const oursNs = median(series, `spawn:${flags}`, 'totalNs');
  const against = [
    {
      theirs: 'C clone3',
      theirsNs: median(series, `c-exec:${flags}`, 'totalNs'),
      most: flags === 'none' ? SPAWN_NONE : SPAWN_SETS,
    },
    { theirs: 'Go os/exec', theirsNs: median(series, `go:${flags}`, 'exitKnownNs'), most: SPAWN_GO },
  ];
  return against
    .filter(({ theirsNs }) => Number.isFinite(theirsNs))
    .map(({ theirs, theirsNs, most }) => {
      const ratio = oursNs / theirsNs;
      const what = 'spawn, execve, wait';
      return { what, flags, oursNs, theirs, theirsNs, ratio, atMost: most.toFixed(2), held: ratio <= most };
    });
};
