import { err } from 'neverthrow';
import { analyse, type Table } from './analysis.ts';
import type { Case, PeerName } from './cases/case.ts';
import { chooseCases } from './cases/choose.ts';
import { COMBINATIONS, type FlagSet, NO_FLAGS, withBaseline, withoutPrivilege } from './cases/flag-set.ts';
import { affordableSize, designOf } from './lattice/design.ts';
import { type MarginalCosts, marginalCosts } from './lattice/marginal-costs.ts';
import { type Context, readContext } from './measure/context.ts';
import { type Disturbance, watchNeighbours } from './measure/neighbours.ts';
import type { OpenedBackends } from './measure/open-backends.ts';
import { operationSampler } from './measure/operation-sampler.ts';
import { contextOf, type OpenedPeers, openPeers } from './measure/peers/open-peers.ts';
import { measureRounds, type Rounds } from './measure/rounds.ts';
import type { Sampler } from './measure/sample.ts';
import { samplersOf } from './measure/samplers.ts';
import { operationsOf } from './phases/operations.ts';
import { type Phase, phasesOf } from './phases/phases.ts';
import { measureAxes } from './scaling/axes.ts';
import type { Axis } from './scaling/axis.ts';
import type { Scaling } from './scaling/scaling.ts';
import { seededRandom } from './statistics/random.ts';
import { cutWarmUp, levelsOf } from './warm-up.ts';
import { findWarnings, fitWarnings, type Warning } from './warnings.ts';

/** What a person asked for, with every default filled in. */
export interface BenchOptions {
  readonly sets: readonly FlagSet[];
  readonly iterations: number;
  /** Rounds that do not count; `auto`: as many as a change-point tells. */
  readonly warmup: number | 'auto';
  /** The most milliseconds that measuring may take; null for as long as it takes. */
  readonly mostMs: number | null;
  readonly peers: boolean;
  /** Programs in other languages that are measured where they are. */
  readonly others: readonly PeerName[];
  /** Measures all sets, or as many as there is time for, and lays a model through them. */
  readonly lattice: boolean;
  /** Takes the time of the parts of a spawn instead, of single steps and of what comes after the end. */
  readonly phases: boolean;
  /** What is varied instead of the sets; none for a plain run. */
  readonly axes: readonly Axis[];
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
  /** How many rounds did not count. */
  readonly warmup: number;
  readonly disturbance: Disturbance;
  readonly tables: readonly Table[];
  /** What each flag costs; of a lattice only. */
  readonly marginal: readonly MarginalCosts[];
  /** Where the time goes; none unless that was asked for. */
  readonly phases: readonly Phase[];
  /** How times grow, by axis. */
  readonly scaling: readonly Scaling[];
  readonly warnings: readonly Warning[];
}

/** What goes on during a run. */
export interface BenchHooks {
  readonly stop: AbortSignal;
  /** Hears after each round how many of how many are done, warm-up included. */
  readonly onRound: (done: number, all: number) => void;
}

/** Measures, then computes; prints nothing. */
export const runBench = async (options: BenchOptions, opened: OpenedBackends, hooks: BenchHooks): Promise<BenchRun> => {
  if (options.axes.length > 0) return runAxes(options, opened, hooks);
  const wanted = options.lattice || options.phases ? [] : options.others;
  const others = await openPeers(wanted);
  try {
    return await runWith(options, opened, others, hooks);
  } finally {
    await others.close();
  }
};

/** The sets that are looked at along an axis, when none were asked for. */
const AXIS_SETS: readonly FlagSet[] = [NO_FLAGS, ...COMBINATIONS.slice(0, 1), ...COMBINATIONS.slice(-1)];

const runAxes = async (
  options: BenchOptions,
  opened: OpenedBackends,
  { stop, onRound }: BenchHooks,
): Promise<BenchRun> => {
  const startedAt = new Date();
  const context = readContext(opened.context);
  const { sets, iterations, warmup, mostMs, seed, command, peers, axes } = options;
  const { privileged } = context;
  const chosen = sets.length > 0 ? withBaseline(sets) : AXIS_SETS;
  const usable = privileged ? chosen : chosen.map(withoutPrivilege);
  const backends = opened.measurable.flatMap(({ name, timesItself }) =>
    name === 'ffi' || name === 'shell' ? [{ name, timesItself } as const] : [],
  );
  const disturbanceSince = watchNeighbours();
  const measured = await measureAxes(axes, {
    ...{ sets: usable, command, backends, peers, iterations, warmup, mostMs, seed, privileged, stop, onRound },
  });
  const disturbance = disturbanceSince();
  const { ended } = measured;
  const facts = { asked: iterations, rounds: measured.rounds, ended, disturbance, tails: false };
  const levels = measured.axes.map((axis) => axis.levels);
  return {
    ...{ startedAt, options, context, disturbance, cases: [], tables: [], marginal: [], phases: [] },
    rounds: { rounds: measured.rounds, ended, series: new Map() },
    warmup: measured.warmup,
    scaling: measured.axes.map(({ scaling }) => scaling),
    warnings: findWarnings(context, { ...facts, levels }, []),
  };
};

const cannotTime: Sampler = async () =>
  err({ type: 'unsupported', message: 'timing single system calls takes the ffi backend' });

const runWith = async (
  options: BenchOptions,
  opened: OpenedBackends,
  others: OpenedPeers,
  { stop, onRound }: BenchHooks,
): Promise<BenchRun> => {
  const startedAt = new Date();
  const { sets, iterations, warmup, mostMs, peers, lattice, phases, seed, command, args } = options;
  const context = readContext(opened.context, contextOf(others));
  const backends = new Map(opened.measurable.map(({ name, choice }) => [name, choice]));
  const random = seededRandom(seed);
  const { privileged } = context;
  const chosen = (of: readonly FlagSet[]): readonly Case[] =>
    chooseCases({
      sets: of,
      backends: opened.measurable,
      peers,
      others: others.present.map(({ name }) => name),
      privileged,
      oneWay: lattice,
    });
  const samplers = (of: readonly Case[]) =>
    samplersOf(of, { command, args, backends, peers: new Map(others.present.map((one) => [one.name, one])) });
  /** What one case takes, told by a few of them. */
  const caseMs = async (): Promise<number> => {
    const few = samplers(chosen(designOf(16).sets));
    const start = performance.now();
    await measureRounds(few, { iterations: 2, warmup: 0, mostMs, random, stop, onRound: () => undefined });
    return (performance.now() - start) / Math.max(1, 2 * few.size);
  };
  const design = lattice ? designOf(affordableSize(await caseMs(), mostMs, iterations)) : null;
  const cases = phases ? [] : chosen(design?.sets ?? sets);
  const operations = phases ? operationsOf(sets, privileged, command) : [];
  const [self] = opened.measurable.filter(({ timesItself }) => timesItself);
  const timed = operations.map(({ group, name, what }) => {
    return [`${group}:${name}`, self === undefined ? cannotTime : operationSampler(what, self.choice)] as const;
  });
  // The very first round loads code and fills caches, whatever the others do.
  const uncounted = warmup === 'auto' ? 1 : warmup;
  const disturbanceSince = watchNeighbours();
  const measured = await measureRounds(phases ? new Map(timed) : samplers(cases), {
    iterations,
    warmup: uncounted,
    mostMs,
    random,
    stop,
    onRound: (done) => onRound(done, uncounted + iterations),
  });
  const disturbance = disturbanceSince();
  const { rounds, cut } = warmup === 'auto' ? cutWarmUp(measured) : { rounds: measured, cut: 0 };
  const tables = analyse(cases, rounds, !lattice, seededRandom(seed));
  const marginal =
    design === null
      ? []
      : tables.flatMap((table) => marginalCosts(table, cases, design.pairs, seededRandom(seed)) ?? []);
  const { ended } = rounds;
  const facts = {
    ...{ asked: iterations, rounds: rounds.rounds, ended, levels: [levelsOf(rounds)], disturbance, tails: !lattice },
  };
  const warnings = [...findWarnings(context, facts, tables), ...fitWarnings(marginal)];
  return {
    startedAt,
    options,
    context,
    cases,
    rounds,
    warmup: uncounted + cut,
    disturbance,
    tables,
    marginal,
    phases: phasesOf(operations, rounds),
    scaling: [],
    warnings,
  };
};
