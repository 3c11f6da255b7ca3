import type { Table } from './analysis.ts';
import type { MarginalCosts } from './lattice/marginal-costs.ts';
import type { Context } from './measure/context.ts';
import type { Disturbance } from './measure/neighbours.ts';
import type { Quantity } from './measure/sample.ts';
import { findChange } from './statistics/change-point.ts';
import { farOutShare } from './statistics/outliers.ts';
import { SAMPLES_FOR_P99 } from './statistics/summary.ts';

/** What makes the numbers less than they seem, and what to do about it. */
export interface Warning {
  readonly type:
    | 'load'
    | 'few-samples'
    | 'unrankable'
    | 'out-of-time'
    | 'backend-unavailable'
    | 'drift'
    | 'outliers'
    | 'steal'
    | 'others'
    | 'frequency'
    | 'poor-fit';
  readonly message: string;
}

/** What is known of a run beside its tables. */
export interface RunFacts {
  readonly asked: number;
  readonly rounds: number;
  readonly ended: 'complete' | 'interrupted' | 'out-of-time';
  /** How slow each round was, a logarithm of which 0 is usual; a list for each part of the run. */
  readonly levels: readonly (readonly number[])[];
  /** Whether p99 is shown of what was measured. */
  readonly tails: boolean;
  readonly disturbance: Disturbance;
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

const sampleWarning = ({ asked, rounds, ended, tails }: RunFacts): readonly Warning[] =>
  !tails || rounds === 0 || rounds >= SAMPLES_FOR_P99
    ? []
    : [
        {
          type: 'few-samples',
          message: `p99 of ${rounds} iterations is little else than the maximum: use -n ${SAMPLES_FOR_P99 + (ended === 'complete' ? asked - rounds : 0)} or more`,
        },
      ];

/** How many rounds to ask for, so that the intervals become half as wide. */
const moreRounds = (rounds: number): number => Math.max(SAMPLES_FOR_P99, rounds * 4);

const rankWarnings = ({ quantity, rows, unrankable }: Table, { rounds }: RunFacts): readonly Warning[] => {
  const groups = unrankable.map((names) => (names.length === rows.length ? 'any of the rows' : names.join(' ~ ')));
  const message = `Too noisy to rank, ${QUANTITY_NAMES[quantity]}: ${groups.join('; ')} (try -n ${moreRounds(rounds)})`;
  return groups.length === 0 ? [] : [{ type: 'unrankable', message }];
};

/** Changes of the level below this part are not worth a word. */
const DRIFT = 0.03;

const driftWarnings = ({ levels }: RunFacts): readonly Warning[] => levels.flatMap(driftOf);

const driftOf = (levels: readonly number[]): readonly Warning[] => {
  const change = findChange(levels);
  if (change === null) return [];
  const factor = Math.expm1(change.after - change.before);
  if (Math.abs(factor) < DRIFT) return [];
  const percent = `${Math.abs(factor * 100).toFixed(0)}%`;
  const which = factor > 0 ? 'slower' : 'faster';
  return [
    {
      type: 'drift',
      message: `From round ${change.at + 1} of ${levels.length} on everything was ${percent} ${which}: rows still compare, but not this run with another; measure again when nothing else runs`,
    },
  ];
};

/** Usual are one or two of a hundred. */
const MANY_OUTLIERS = 0.08;

/** As many rows are named. */
const MOST_NAMES = 4;

const outlierWarnings = (tables: readonly Table[]): readonly Warning[] =>
  tables.flatMap(({ quantity, rows }): readonly Warning[] => {
    const wild = rows.filter(({ samples }) => farOutShare(samples) > MANY_OUTLIERS);
    const some = wild.slice(0, MOST_NAMES).map(({ way, flags }) => `${way} ${flags}`);
    const names = wild.length > some.length ? [...some, `and ${wild.length - some.length} more`] : some;
    return names.length === 0
      ? []
      : [
          {
            type: 'outliers',
            message: `More than ${MANY_OUTLIERS * 100}% of the times are far above the others, ${QUANTITY_NAMES[quantity]}: ${names.join('; ')}; trust medians, not means, and look for what else runs`,
          },
        ];
  });

const MUCH_STEAL = 0.01;
const MUCH_OTHERS = 0.1;
const FREQUENCY_CHANGE = 0.1;

const disturbanceWarnings = ({
  disturbance: { stealShare, othersShare, frequencyMhz },
}: RunFacts): readonly Warning[] => {
  const warnings: Warning[] = [];
  if (stealShare !== null && stealShare > MUCH_STEAL) {
    warnings.push({
      type: 'steal',
      message: `The host took ${(stealShare * 100).toFixed(1)}% of the processors' time from this virtual machine: a noisy neighbour, measure again or elsewhere`,
    });
  }
  if (othersShare !== null && othersShare > MUCH_OTHERS) {
    warnings.push({
      type: 'others',
      message: `Others took ${(othersShare * 100).toFixed(0)}% of the processors' time meanwhile: find them with top(1), and measure again without them`,
    });
  }
  if (frequencyMhz !== null) {
    const [before, after] = frequencyMhz;
    if (Math.abs(after / before - 1) > FREQUENCY_CHANGE) {
      warnings.push({
        type: 'frequency',
        message: `The processor went from ${before.toFixed(0)} to ${after.toFixed(0)} MHz: set the governor to performance (cpupower frequency-set -g performance), or let the machine cool`,
      });
    }
  }
  return warnings;
};

/** A model that explains less than that says little of what flags cost. */
const GOOD_FIT = 0.8;

/** Warns of models that leave much. */
export const fitWarnings = (marginal: readonly MarginalCosts[]): readonly Warning[] =>
  marginal
    .filter(({ rSquared }) => rSquared < GOOD_FIT)
    .map(({ quantity, rSquared }) => ({
      type: 'poor-fit',
      message: `The costs of flags explain ${(rSquared * 100).toFixed(0)}% of what sets differ in, ${QUANTITY_NAMES[quantity]}; the rest is noise: measure when nothing else runs, or with more rounds (-n)`,
    }));

const endWarning = ({ ended, rounds, asked }: RunFacts): readonly Warning[] =>
  ended === 'out-of-time'
    ? [
        {
          type: 'out-of-time',
          message: `Time was up after ${rounds} of ${asked} rounds: give it more time with --budget, or leave out --quick`,
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
  ...driftWarnings(facts),
  ...disturbanceWarnings(facts),
  ...outlierWarnings(tables),
  ...tables.flatMap((table) => rankWarnings(table, facts)),
];
