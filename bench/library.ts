import { err, ok, type Result, ResultAsync } from 'neverthrow';
import {
  type BackendChoice,
  type BackendUnavailable,
  type InvalidOption,
  isNamespaceType,
  NAMESPACE_TYPES,
  type NamespaceType,
} from '../lib/index.ts';
import { setOf } from './cases/flag-set.ts';
import type { Context } from './measure/context.ts';
import { openBackends } from './measure/open-backends.ts';
import type { Quantity, Refusal } from './measure/sample.ts';
import { checkOptions } from './options.ts';
import { type BenchOptions, runBench } from './run.ts';
import type { Difference } from './statistics/difference.ts';
import type { Summary } from './statistics/summary.ts';
import type { Warning } from './warnings.ts';

/** What to measure, and for how long. */
export interface MeasureOptions {
  /** Sets of namespaces; `none` is measured beside them. The usual ones when left out. */
  readonly sets?: readonly (readonly NamespaceType[])[];
  /** Rounds that count; in each every case runs once. 300 when left out. */
  readonly iterations?: number;
  /** Rounds that do not; `auto`, the default: as many at the beginning as were slower than the rest. */
  readonly warmup?: number | 'auto';
  /** Begins no round after so many milliseconds. */
  readonly budgetMs?: number;
  /** Measures child_process and unshare(1), too; not when left out. */
  readonly peers?: boolean;
  /** What each child runs; /bin/true when left out. */
  readonly command?: string;
  readonly args?: readonly string[];
  /** All that are available when left out. */
  readonly backend?: BackendChoice;
  /** Shuffles rounds as an earlier run did. */
  readonly seed?: number;
  /** Ends the run early; what was measured until then is kept. */
  readonly signal?: AbortSignal;
  /** Hears after each round how many of how many are done. */
  readonly onRound?: (done: number, all: number) => void;
}

/** One case, seen through one quantity. Durations are nanoseconds. */
export interface MeasuredRow {
  readonly quantity: Quantity;
  /** How the child was started: `ffi program`, `ffi spawn`, `child_process`... */
  readonly way: string;
  readonly namespaces: readonly NamespaceType[];
  /** Every duration, in the order of the rounds. */
  readonly samples: readonly number[];
  readonly summary: Summary | null;
  /** The median over that of no namespaces in the same way, with its 95% interval; null for that itself. */
  readonly ratioToNone: Difference | null;
  /** The probability that ranks differ as much from those of no namespaces by accident (Mann-Whitney). */
  readonly p: number | null;
  /** Why there is nothing, or nothing more. */
  readonly refused: Refusal | null;
}

/** What a run gave. */
export interface Measured {
  readonly rounds: number;
  readonly warmup: number;
  readonly ended: 'complete' | 'interrupted' | 'out-of-time';
  readonly context: Context;
  readonly rows: readonly MeasuredRow[];
  /** What makes the numbers less than they seem, and what to do about it. */
  readonly warnings: readonly Warning[];
}

const invalid = (option: string, value: unknown, wanted: string): InvalidOption => ({
  ...{ type: 'invalid-option', option, value, wanted },
  message: `Option "${option}" is ${JSON.stringify(value)}, wanted ${wanted}`,
});

const findWrong = ({ sets, budgetMs, command, args, warmup }: MeasureOptions): InvalidOption | null => {
  const wrong = (sets ?? []).flat().find((type) => !isNamespaceType(type));
  if (wrong !== undefined) return invalid('sets', wrong, `types out of ${NAMESPACE_TYPES.join(', ')}`);
  if (budgetMs !== undefined && !(Number.isFinite(budgetMs) && budgetMs > 0)) {
    return invalid('budgetMs', budgetMs, 'a number of milliseconds above 0');
  }
  if (warmup !== undefined && warmup !== 'auto' && !Number.isInteger(warmup)) {
    return invalid('warmup', warmup, '"auto" or a whole number');
  }
  if (args !== undefined && command === undefined) return invalid('args', args, 'them together with command');
  return null;
};

const check = (options: MeasureOptions): Result<BenchOptions, InvalidOption> => {
  const wrong = findWrong(options);
  if (wrong !== null) return err(wrong);
  const { sets, iterations, warmup, budgetMs, peers, command, args, seed } = options;
  return checkOptions({
    command: command === undefined ? [] : [command, ...(args ?? [])],
    ...(peers === true ? {} : { peers: false }),
    ...(iterations === undefined ? {} : { iterations: String(iterations) }),
    ...(warmup === undefined ? {} : { warmup: String(warmup) }),
    ...(seed === undefined ? {} : { seed: String(seed) }),
  })
    .map(({ bench }) => ({ ...bench, sets: (sets ?? []).map((types) => setOf(...types)), mostMs: budgetMs ?? null }))
    .mapErr(({ option, value, wanted }) => invalid(option.replace(/^--/, ''), value, wanted));
};

const run = async (options: MeasureOptions): Promise<Result<Measured, InvalidOption | BackendUnavailable>> => {
  const checked = check(options);
  if (checked.isErr()) return err(checked.error);
  const opened = openBackends(options.backend === undefined ? ['ffi', 'shell'] : [options.backend]);
  const [unavailable] = opened.errors;
  if (opened.measurable.length === 0 && unavailable !== undefined) return err(unavailable);
  const { rounds, warmup, context, cases, tables, warnings } = await runBench(checked.value, opened, {
    stop: options.signal ?? new AbortController().signal,
    onRound: options.onRound ?? (() => undefined),
  });
  const namespaces = new Map(cases.map(({ id, set }) => [id, set.namespaces]));
  const rows = tables.flatMap(({ quantity, rows }) =>
    rows.map(({ id, way, samples, summary, overNone, refused }) => ({
      ...{ quantity, way, samples, summary, refused },
      namespaces: namespaces.get(id) ?? [],
      ratioToNone: overNone?.ratio ?? null,
      p: overNone?.p ?? null,
    })),
  );
  return ok({ rounds: rounds.rounds, warmup, ended: rounds.ended, context, rows, warnings });
};

/**
 * Measures what sets of namespaces cost on this machine, as `ns-bench` does.
 *
 * @remarks Cases that are timed inside the program **block the calling thread** for a spawn each. Measure when nothing
 * else runs, and compare rows of one run.
 * @returns rows with raw samples; or `invalid-option`, `backend-unavailable`
 * @example
 * ```ts
 * import { measure } from 'linux-namespaces/bench';
 *
 * const measured = await measure({ sets: [['pid', 'mnt'], ['net']], iterations: 100 });
 * if (measured.isOk()) {
 *   for (const { quantity, way, namespaces, summary } of measured.value.rows) {
 *     console.log(quantity, way, namespaces.join('+'), summary?.p50);
 *   }
 * }
 * ```
 */
export const measure = (options: MeasureOptions = {}): ResultAsync<Measured, InvalidOption | BackendUnavailable> =>
  new ResultAsync(run(options));
