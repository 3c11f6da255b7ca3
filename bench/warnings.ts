import type { Table } from './analysis.ts';
import type { Context } from './measure/context.ts';
import type { Quantity } from './measure/sample.ts';
import { SAMPLES_FOR_P99 } from './statistics/summary.ts';

/** What makes the numbers less than they seem, and what to do about it. */
export interface Warning {
  readonly type: 'load' | 'few-samples' | 'unrankable' | 'out-of-time' | 'backend-unavailable';
  readonly message: string;
}

/** What is known of a run beside its tables. */
export interface RunFacts {
  readonly asked: number;
  readonly rounds: number;
  readonly ended: 'complete' | 'interrupted' | 'out-of-time';
}

/** The load by processor beyond which others are likely to stand in the way. */
const BUSY = 0.5;

/** What a quantity is called in a sentence. */
export const QUANTITY_NAMES = {
  cloneNs: 'until clone3 returned',
  totalNs: 'until reaped',
  exitKnownNs: 'until exit is known',
  blockedNs: 'event loop blocked',
} as const satisfies Record<Quantity, string>;

/** Warns when others were running as the run began. */
export const loadWarning = ({ loadAverage, cpu }: Context): readonly Warning[] => {
  const [load = 0] = loadAverage;
  return load <= BUSY * cpu.count
    ? []
    : [
        {
          type: 'load',
          message: `Load average is ${load.toFixed(2)} on ${cpu.count} processors: others run too, wait until it is below ${(BUSY * cpu.count).toFixed(1)}`,
        },
      ];
};

const sampleWarning = ({ rounds }: RunFacts): readonly Warning[] =>
  rounds === 0 || rounds >= SAMPLES_FOR_P99
    ? []
    : [
        {
          type: 'few-samples',
          message: `p99 of ${rounds} iterations is little else than the maximum: use -n ${SAMPLES_FOR_P99} or more`,
        },
      ];

/** How many rounds to ask for, so that the intervals become half as wide. */
const moreRounds = (rounds: number): number => Math.max(SAMPLES_FOR_P99, rounds * 4);

const rankWarnings = ({ quantity, rows, unrankable }: Table, { rounds }: RunFacts): readonly Warning[] => {
  const groups = unrankable.map((names) => (names.length === rows.length ? 'any of the rows' : names.join(' ~ ')));
  const message = `Too noisy to rank, ${QUANTITY_NAMES[quantity]}: ${groups.join('; ')} (try -n ${moreRounds(rounds)})`;
  return groups.length === 0 ? [] : [{ type: 'unrankable', message }];
};

const endWarning = ({ ended, rounds, asked }: RunFacts): readonly Warning[] =>
  ended === 'out-of-time'
    ? [
        {
          type: 'out-of-time',
          message: `Time was up after ${rounds} of ${asked} rounds: leave out --quick for all of them`,
        },
      ]
    : [];

const backendWarnings = ({ backends }: Context): readonly Warning[] =>
  backends
    .filter(({ available }) => !available)
    .map(({ name, line }) => ({
      type: 'backend-unavailable',
      message: `The ${name} backend is not measured: ${line}`,
    }));

/** Everything that a reader of the tables should know before believing them. */
export const findWarnings = (context: Context, facts: RunFacts, tables: readonly Table[]): readonly Warning[] => [
  ...backendWarnings(context),
  ...loadWarning(context),
  ...endWarning(facts),
  ...sampleWarning(facts),
  ...tables.flatMap((table) => rankWarnings(table, facts)),
];
