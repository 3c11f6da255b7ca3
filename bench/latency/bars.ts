import type { Quantity } from '../measure/sample.ts';
import { type Summary, summarize } from '../statistics/summary.ts';
import { CALLERS, type Caller, type Contender, type LatencyId } from './cases.ts';

/** How much memory the parent holds. */
export type Memory = 'small' | 'large';

/** Durations by memory and case. */
export type LatencySamples = Readonly<
  Record<Memory, ReadonlyMap<LatencyId, Readonly<Partial<Record<Quantity, readonly number[]>>>>>
>;

/** One promise: a ratio, and how much it may be. */
export interface Bar {
  readonly what: string;
  readonly caller: Caller;
  readonly percentile: 'p50' | 'p90';
  readonly ours: string;
  readonly oursNs: number;
  readonly theirs: string;
  readonly theirsNs: number;
  readonly ratio: number;
  /** null when it is only shown. */
  readonly atMost: number | null;
  readonly held: boolean;
}

type Percentile = Bar['percentile'];
type Seen = 'exitKnownNs' | 'blockedNs';

const NAMES: Readonly<Record<Contender, string>> = {
  'ffi-none': 'ffi none',
  'child-process': 'child_process',
  'ffi-four': 'ffi pid+mnt+ipc+uts',
  'unshare-four': 'child_process unshare',
  'ffi-all': 'ffi all',
};

const WHATS: Readonly<Record<Seen, string>> = { exitKnownNs: 'until exit is known', blockedNs: 'event loop blocked' };

interface Comparison {
  readonly quantity: Seen;
  readonly percentiles: readonly Percentile[];
  readonly ours: Contender;
  readonly theirs: Contender;
  readonly atMost: number;
}

const COMPARISONS: readonly Comparison[] = [
  { quantity: 'exitKnownNs', percentiles: ['p50'], ours: 'ffi-none', theirs: 'child-process', atMost: 0.6 },
  { quantity: 'exitKnownNs', percentiles: ['p50'], ours: 'ffi-four', theirs: 'unshare-four', atMost: 0.35 },
  { quantity: 'blockedNs', percentiles: ['p50', 'p90'], ours: 'ffi-none', theirs: 'child-process', atMost: 0.2 },
  { quantity: 'blockedNs', percentiles: ['p50', 'p90'], ours: 'ffi-all', theirs: 'child-process', atMost: 0.25 },
];

/** The same figures of the same contender, with large memory against small. */
const GROWTH = 1.2;
const GROWING: readonly (readonly [Seen, Percentile, Contender])[] = [
  ['exitKnownNs', 'p50', 'ffi-none'],
  ['exitKnownNs', 'p50', 'ffi-four'],
  ['blockedNs', 'p50', 'ffi-none'],
  ['blockedNs', 'p90', 'ffi-none'],
  ['blockedNs', 'p50', 'ffi-all'],
  ['blockedNs', 'p90', 'ffi-all'],
];
const SHOWN: readonly (readonly [Seen, Percentile, Contender])[] = [
  ['blockedNs', 'p50', 'child-process'],
  ['exitKnownNs', 'p50', 'child-process'],
  ['exitKnownNs', 'p50', 'unshare-four'],
];

/** Holds what was measured against the promises; a figure that is missing breaks its promise. */
export const latencyBars = (samples: LatencySamples): readonly Bar[] => {
  const figure = (memory: Memory, contender: Contender, caller: Caller, quantity: Seen, percentile: Percentile) => {
    const summary: Summary | null = summarize(samples[memory].get(`${contender}/${caller}`)?.[quantity] ?? []);
    return summary?.[percentile] ?? Number.NaN;
  };
  const bar = (facts: Omit<Bar, 'ratio' | 'held'>): Bar => {
    const ratio = facts.oursNs / facts.theirsNs;
    return { ...facts, ratio, held: facts.atMost === null || ratio <= facts.atMost };
  };
  const compared = CALLERS.flatMap((caller) =>
    COMPARISONS.flatMap(({ quantity, percentiles, ours, theirs, atMost }) =>
      percentiles.map((percentile) =>
        bar({
          ...{ what: WHATS[quantity], caller, percentile, atMost },
          ...{ ours: NAMES[ours], oursNs: figure('small', ours, caller, quantity, percentile) },
          ...{ theirs: NAMES[theirs], theirsNs: figure('small', theirs, caller, quantity, percentile) },
        }),
      ),
    ),
  );
  const grown = ([quantity, percentile, contender]: (typeof GROWING)[number], atMost: number | null): readonly Bar[] =>
    CALLERS.map((caller) =>
      bar({
        ...{ what: WHATS[quantity], caller, percentile, atMost },
        ours: `${NAMES[contender]}, 1 GiB`,
        oursNs: figure('large', contender, caller, quantity, percentile),
        theirs: 'itself without',
        theirsNs: figure('small', contender, caller, quantity, percentile),
      }),
    );
  return [
    ...compared,
    ...GROWING.flatMap((figures) => grown(figures, GROWTH)),
    ...SHOWN.flatMap((figures) => grown(figures, null)),
  ];
};
