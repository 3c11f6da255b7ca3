import { err, ok, Result } from 'neverthrow';
import type { BackendChoice } from '../lib/index.ts';
import { PEER_NAMES } from './cases/case.ts';
import { parseFlagSet } from './cases/flag-set.ts';
import type { BenchOptions } from './run.ts';
import { AXIS_NAMES, type Axis, parseAxis } from './scaling/axis.ts';

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
  readonly all?: boolean;
  readonly phases?: boolean;
  readonly budget?: string;
  readonly rss?: string;
  readonly jobs?: string;
  readonly alive?: string;
  readonly mounts?: string;
  readonly peers?: boolean;
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly markdown?: boolean;
  readonly save?: string;
  readonly html?: string;
  readonly compare?: string;
  readonly noise?: string;
  /** The command and its arguments; none means /bin/true. */
  readonly command: readonly string[];
}

/** An option that cannot be meant. */
export interface BadOption {
  readonly option: string;
  readonly value: string;
  readonly wanted: string;
}

/** How a run is printed. */
type Format = 'text' | 'json' | 'csv' | 'markdown';

/** What a run is made from. */
export interface CheckedOptions {
  readonly bench: BenchOptions;
  /** The backends to open; when `named` is false, those that are not available are left out. */
  readonly backends: readonly BackendChoice[];
  readonly named: boolean;
  readonly format: Format;
  /** The file that the run is written to. */
  readonly save: string | null;
  /** The file that a report with pictures is written to. */
  readonly html: string | null;
  /** The file of an earlier run, and by which part a median may be above its own without being called slower. */
  readonly compare: { readonly file: string; readonly noise: number } | null;
}

/** Enough for a p99 of more than one sample, and for a first look. */
const USUAL = { iterations: 300, mostMs: null };
const QUICK = { iterations: 100, mostMs: 20_000 };
/** All 256 sets: fewer rounds make a model of many medians as certain as many rounds make one. */
const LATTICE = { iterations: 100, mostMs: 240_000 };
/** Tear-down waits for the kernel, a quarter of a second each round. */
const PHASES = { iterations: 100, mostMs: 60_000 };
/** Points of an axis take turns in processes of their own. */
const AXES = { iterations: 60, mostMs: null };
const MOST_BUDGET_SECONDS = 86_400;

/** Runs of one program on one machine differ by so many percent before anybody has changed anything. */
const USUAL_NOISE = 5;

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

const axesOf = (typed: TypedOptions): Result<readonly Axis[], BadOption> => {
  const axes: Axis[] = [];
  for (const name of AXIS_NAMES) {
    const value = typed[name];
    if (value === undefined) continue;
    const option = `--${name}`;
    if (typed.all === true || typed.phases === true) {
      return err({ option, value, wanted: 'it without --all and --phases: they are other runs' });
    }
    const axis = parseAxis(name, value);
    if (axis.isErr()) return err({ option, value, wanted: axis.error });
    axes.push(axis.value);
  }
  if (axes.length > 0 && typed.command.length > 1) {
    return err({
      option: `--${axes[0]?.name ?? ''}`,
      value: typed.command.join(' '),
      wanted: 'a command without arguments',
    });
  }
  return ok(axes);
};

const formatOf = (typed: TypedOptions): Result<Format, BadOption> => {
  const [format = 'text', other] = (['json', 'csv', 'markdown'] as const).filter((name) => typed[name] === true);
  return other === undefined
    ? ok(format)
    : err({ option: `--${other}`, value: 'on', wanted: `it without --${format}: there is one standard output` });
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
  const quick = typed.quick === true ? QUICK : USUAL;
  const axes = axesOf(typed);
  if (axes.isErr()) return err(axes.error);
  const mode = typed.all === true ? LATTICE : typed.phases === true ? PHASES : AXES;
  const usual =
    typed.all === true || typed.phases === true || axes.value.length > 0
      ? { ...mode, ...(typed.quick === true ? { mostMs: QUICK.mostMs } : {}) }
      : quick;
  const [command = '/bin/true', ...args] = typed.command;
  const sets = Result.combine(
    (typed.flags ?? []).map((value) =>
      parseFlagSet(value).mapErr((wanted): BadOption => ({ option: '--flags', value, wanted })),
    ),
  );
  const iterations = wholeNumber('--iterations', typed.iterations, usual.iterations, [1, MOST_ITERATIONS]);
  const warmup =
    typed.warmup === undefined || typed.warmup === 'auto'
      ? ok('auto' as const)
      : wholeNumber('--warmup', typed.warmup, 0, [0, MOST_ITERATIONS]).mapErr((bad) => ({
          ...bad,
          wanted: `"auto" or ${bad.wanted}`,
        }));
  // Any seed will do; it is printed, so that a run can be repeated in the same order.
  const seed = wholeNumber('--seed', typed.seed, Math.floor(Math.random() * 1e6), [0, 0xffffffff]);
  const backends = backendNames(typed);
  const format = formatOf(typed);
  const budget =
    typed.budget === undefined
      ? ok(usual.mostMs)
      : wholeNumber('--budget', typed.budget, 0, [1, MOST_BUDGET_SECONDS]).map((seconds) => seconds * 1000);
  const noise = wholeNumber('--noise', typed.noise, USUAL_NOISE, [0, 1000]);
  if (sets.isErr()) return err(sets.error);
  if (iterations.isErr()) return err(iterations.error);
  if (warmup.isErr()) return err(warmup.error);
  if (seed.isErr()) return err(seed.error);
  if (format.isErr()) return err(format.error);
  if (budget.isErr()) return err(budget.error);
  if (typed.all === true && typed.phases === true) {
    return err({ option: '--phases', value: 'on', wanted: 'it without --all: they are two runs' });
  }
  if (typed.phases === true && !(command.startsWith('/') && args.length === 0)) {
    return err({
      option: '--phases',
      value: typed.command.join(' '),
      wanted: 'an absolute path without arguments for a command',
    });
  }
  if (typed.all === true && sets.value.length > 0) {
    return err({
      option: '--flags',
      value: typed.flags?.join(' ') ?? '',
      wanted: 'it without --all, which measures every set',
    });
  }
  if (typed.peers === true && (typed.all === true || typed.phases === true || axes.value.length > 0)) {
    return err({ option: '--peers', value: 'on', wanted: 'it without --all, --phases and axes, which leave them out' });
  }
  if (noise.isErr()) return err(noise.error);
  if (typed.noise !== undefined && typed.compare === undefined) {
    return err({ option: '--noise', value: typed.noise, wanted: 'it together with --compare' });
  }
  return backends.map((chosen) => ({
    bench: {
      sets: sets.value,
      iterations: iterations.value,
      warmup: warmup.value,
      lattice: typed.all === true,
      phases: typed.phases === true,
      axes: axes.value,
      mostMs: budget.value,
      peers: typed.peers !== false,
      others: typed.peers === true ? PEER_NAMES : [],
      seed: seed.value,
      command,
      args,
    },
    backends: chosen,
    named: chosen.length === 1,
    format: format.value,
    save: typed.save ?? null,
    html: typed.html ?? null,
    compare: typed.compare === undefined ? null : { file: typed.compare, noise: noise.value / 100 },
  }));
};
