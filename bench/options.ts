import { err, ok, Result } from 'neverthrow';
import type { BackendChoice } from '../lib/index.ts';
import { parseFlagSet } from './cases/flag-set.ts';
import type { BenchOptions } from './run.ts';

/** Options as they were typed. */
export interface TypedOptions {
  readonly flags?: readonly string[];
  readonly iterations?: string;
  readonly warmup?: string;
  readonly seed?: string;
  readonly backend?: string;
  /** What NS_BACKEND says; `--backend` goes before it. */
  readonly backendFromEnv?: string | undefined;
  readonly quick?: boolean;
  readonly peers?: boolean;
  /** The command and its arguments; none means /bin/true. */
  readonly command: readonly string[];
}

/** An option that cannot be meant. */
export interface BadOption {
  readonly option: string;
  readonly value: string;
  readonly wanted: string;
}

/** What a run is made from. */
export interface CheckedOptions {
  readonly bench: BenchOptions;
  /** The backends to open; when `named` is false, those that are not available are left out. */
  readonly backends: readonly BackendChoice[];
  readonly named: boolean;
}

/** Enough for a p99 of more than one sample, and for a first look. */
const USUAL = { iterations: 300, warmup: 20, mostMs: null };
const QUICK = { iterations: 100, warmup: 5, mostMs: 20_000 };

const MOST_ITERATIONS = 1_000_000;
const BACKEND_NAMES = ['ffi', 'shell'] as const;

const wholeNumber = (
  option: string,
  value: string | undefined,
  usual: number,
  [least, most]: readonly [number, number],
): Result<number, BadOption> => {
  if (value === undefined) return ok(usual);
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  return number >= least && number <= most
    ? ok(number)
    : err({ option, value, wanted: `a whole number from ${least} to ${most}` });
};

type BackendName = (typeof BACKEND_NAMES)[number];

const backendNames = ({ backend, backendFromEnv }: TypedOptions): Result<readonly BackendName[], BadOption> => {
  const value = backend ?? (backendFromEnv || 'auto');
  if (value === 'auto') return ok(BACKEND_NAMES);
  const name = BACKEND_NAMES.find((known) => known === value);
  const option = backend === undefined ? 'NS_BACKEND' : '--backend';
  return name === undefined ? err({ option, value, wanted: `one of auto, ${BACKEND_NAMES.join(', ')}` }) : ok([name]);
};

/**
 * Checks what was typed and fills in every default.
 *
 * @returns what to run, or the first option that cannot be meant
 */
export const checkOptions = (typed: TypedOptions): Result<CheckedOptions, BadOption> => {
  const usual = typed.quick === true ? QUICK : USUAL;
  const [command = '/bin/true', ...args] = typed.command;
  const sets = Result.combine(
    (typed.flags ?? []).map((value) =>
      parseFlagSet(value).mapErr((wanted): BadOption => ({ option: '--flags', value, wanted })),
    ),
  );
  const iterations = wholeNumber('--iterations', typed.iterations, usual.iterations, [1, MOST_ITERATIONS]);
  const warmup = wholeNumber('--warmup', typed.warmup, usual.warmup, [0, MOST_ITERATIONS]);
  // Any seed will do; it is printed, so that a run can be repeated in the same order.
  const seed = wholeNumber('--seed', typed.seed, Math.floor(Math.random() * 1e6), [0, 0xffffffff]);
  const backends = backendNames(typed);
  if (sets.isErr()) return err(sets.error);
  if (iterations.isErr()) return err(iterations.error);
  if (warmup.isErr()) return err(warmup.error);
  if (seed.isErr()) return err(seed.error);
  return backends.map((chosen) => ({
    bench: {
      sets: sets.value,
      iterations: iterations.value,
      warmup: warmup.value,
      mostMs: usual.mostMs,
      peers: typed.peers !== false,
      seed: seed.value,
      command,
      args,
    },
    backends: chosen,
    named: chosen.length === 1,
  }));
};
