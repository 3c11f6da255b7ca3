import { analyse, type Table } from './analysis.ts';
import type { Case } from './cases/case.ts';
import { chooseCases } from './cases/choose.ts';
import type { FlagSet } from './cases/flag-set.ts';
import { type Context, readContext } from './measure/context.ts';
import type { OpenedBackends } from './measure/open-backends.ts';
import { measureRounds, type Rounds } from './measure/rounds.ts';
import { samplersOf } from './measure/samplers.ts';
import { seededRandom } from './statistics/random.ts';
import { findWarnings, type Warning } from './warnings.ts';

/** What a person asked for, with every default filled in. */
export interface BenchOptions {
  readonly sets: readonly FlagSet[];
  readonly iterations: number;
  readonly warmup: number;
  /** The most milliseconds that measuring may take; null for as long as it takes. */
  readonly mostMs: number | null;
  readonly peers: boolean;
  readonly seed: number;
  readonly command: string;
  readonly args: readonly string[];
}

/** A finished run, to be printed. */
export interface BenchRun {
  readonly startedAt: Date;
  readonly options: BenchOptions;
  readonly context: Context;
  readonly cases: readonly Case[];
  readonly rounds: Rounds;
  readonly tables: readonly Table[];
  readonly warnings: readonly Warning[];
}

/** What goes on during a run. */
export interface BenchHooks {
  readonly stop: AbortSignal;
  /** Hears after each round how many of how many are done, warm-up included. */
  readonly onRound: (done: number, all: number) => void;
}

/** Measures, then computes; prints nothing. */
export const runBench = async (
  options: BenchOptions,
  opened: OpenedBackends,
  { stop, onRound }: BenchHooks,
): Promise<BenchRun> => {
  const startedAt = new Date();
  const { sets, iterations, warmup, mostMs, peers, seed, command, args } = options;
  const context = readContext(opened.context);
  const cases = chooseCases({ sets, backends: opened.measurable, peers, privileged: context.privileged });
  const backends = new Map(opened.measurable.map(({ name, choice }) => [name, choice]));
  const random = seededRandom(seed);
  const rounds = await measureRounds(samplersOf(cases, { command, args, backends }), {
    iterations,
    warmup,
    mostMs,
    random,
    stop,
    onRound: (done) => onRound(done, warmup + iterations),
  });
  const tables = analyse(cases, rounds, seededRandom(seed));
  const facts = { asked: iterations, rounds: rounds.rounds, ended: rounds.ended };
  return { startedAt, options, context, cases, rounds, tables, warnings: findWarnings(context, facts, tables) };
};
