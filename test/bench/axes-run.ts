import type { Rounds, Series } from '../../bench/measure/rounds.ts';
import type { BenchRun } from '../../bench/run.ts';
import { scalingRows } from '../../bench/scaling/scaling.ts';
import { seededRandom } from '../../bench/statistics/random.ts';
import { fixedRun } from './fixed-run.ts';

const MEBIBYTE = 1024 ** 2;

/** Forty made-up rounds at two sizes and three counts; copying memory takes longer where there is more of it. */
export const axesRun = (): BenchRun => {
  const run = fixedRun();
  const random = seededRandom(17);
  const around = (floorNs: number): number[] =>
    Array.from({ length: 40 }, () => floorNs * (1 - 0.05 * Math.log(1 - random())));
  const point = (series: readonly (readonly [string, Series['samples']])[]): Rounds => ({
    ...{ rounds: 40, ended: 'complete' },
    series: new Map(series.map(([id, samples]) => [id, { samples, refused: null }])),
  });
  const sizes = [50 * MEBIBYTE, 1024 * MEBIBYTE];
  const bySize = sizes.map((size) =>
    point([
      ['ffi program|none', { cloneNs: around(130_000), totalNs: around(600_000) }],
      ['ffi spawn|pid+mnt', { blockedNs: around(280_000), exitKnownNs: around(1_000_000) }],
      ['child_process|none', { blockedNs: around(size / 25), exitKnownNs: around(size / 25 + 500_000) }],
    ]),
  );
  const counts = [1, 4, 16];
  const byCount = counts.map((count) =>
    point([
      ['ffi spawn|none', { perChildNs: around(900_000 / Math.sqrt(count)) }],
      ['child_process|none', { perChildNs: around(1_400_000) }],
    ]),
  );
  const refusal = { type: 'setup-failed', message: 'ENOSPC: no more of them here' };
  return {
    ...{ ...run, cases: [], tables: [], rounds: { rounds: 40, ended: 'complete', series: new Map() } },
    options: { ...run.options, axes: [{ name: 'rss', values: sizes }] },
    scaling: [
      { axis: 'rss', values: sizes, rows: scalingRows(bySize, seededRandom(1)), refused: [] },
      {
        ...{ axis: 'jobs', values: counts, rows: scalingRows(byCount, seededRandom(2)) },
        refused: [{ value: 16, what: 'ffi spawn|net', refusal }],
      },
    ],
  };
};
