import type { Rounds } from '../measure/rounds.ts';
import type { Refusal } from '../measure/sample.ts';
import { type Summary, summarize } from '../statistics/summary.ts';
import type { Operation } from './operations.ts';

/** One part of an operation. */
export interface Phase {
  readonly operation: string;
  readonly group: Operation['group'];
  /** What it is the time of: `clone returned`, `unshare net`... */
  readonly phase: string;
  readonly summary: Summary | null;
  readonly samples: readonly number[];
  readonly refused: Refusal | null;
}

/** Sums up what was measured of each operation, in the order of the operations. */
export const phasesOf = (operations: readonly Operation[], { series }: Rounds): readonly Phase[] =>
  operations.flatMap(({ name, group }): readonly Phase[] => {
    const { samples, refused } = series.get(`${group}:${name}`) ?? { samples: {}, refused: null };
    const parts = Object.entries(samples);
    if (parts.length === 0) return [{ operation: name, group, phase: '', summary: null, samples: [], refused }];
    return parts.map(([phase, list = []]) => ({
      ...{ operation: name, group, phase, samples: list, refused },
      summary: summarize(list),
    }));
  });
