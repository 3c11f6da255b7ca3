import type { Series } from '../../bench/measure/rounds.ts';
import { operationsOf } from '../../bench/phases/operations.ts';
import { phasesOf } from '../../bench/phases/phases.ts';
import type { BenchRun } from '../../bench/run.ts';
import { seededRandom } from '../../bench/statistics/random.ts';
import { fixedRun } from './fixed-run.ts';

/** Forty made-up rounds of all operations, of which one is refused. */
export const phasesRun = (): BenchRun => {
  const run = fixedRun();
  const operations = operationsOf([], true, '/bin/true');
  const random = seededRandom(13);
  const around = (floorNs: number): number[] =>
    Array.from({ length: 40 }, () => floorNs * (1 - 0.05 * Math.log(1 - random())));
  const series = new Map(
    operations.map(({ group, name }, index): [string, Series] => {
      const id = `${group}:${name}`;
      if (name === 'unshare user') {
        return [id, { samples: {}, refused: { type: 'setup-failed', message: 'ENOSPC: no more of them here' } }];
      }
      const samples = {
        spawn: {
          'child runs': around(20_000 + 1000 * index),
          'clone returned': around(120_000 + 1000 * index),
          reaped: around(600_000 + 1000 * index),
        },
        step: { [name]: around(3000 + 100 * index) },
        'tear-down': { 'made and left': around(40_000), freed: around(index % 2 === 0 ? 3000 : 58_000_000) },
      }[group];
      return [id, { samples, refused: null }];
    }),
  );
  const rounds = { rounds: 40, ended: 'complete', series } as const;
  const phases = phasesOf(operations, rounds);
  return { ...run, options: { ...run.options, phases: true }, cases: [], tables: [], rounds, phases };
};
