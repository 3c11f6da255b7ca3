#!/usr/bin/env node
// Whether ns-bench tells the truth, and what a spawn costs beside C and Go: `node dist/bench/truth.js [-n ROUNDS]`.
import { measureSpawn, type NamespaceType, openBackend } from '../lib/index.ts';
import { COMBINATIONS, type FlagSet, NO_FLAGS, setOf } from './cases/flag-set.ts';
import { readContext } from './measure/context.ts';
import { operationSampler } from './measure/operation-sampler.ts';
import { EXITS } from './measure/peers/answering.ts';
import { openPeers } from './measure/peers/open-peers.ts';
import { measureRounds } from './measure/rounds.ts';
import type { Sampler } from './measure/sample.ts';
import { drawGrid } from './report/grid.ts';
import { lookOf } from './report/paint.ts';
import { progressOn } from './report/progress.ts';
import { readRounds } from './rounds.ts';
import { seededRandom } from './statistics/random.ts';
import { spawnBars, stopwatchBars, type TruthBar } from './truth/bars.ts';
import { findInjected } from './truth/injected.ts';
import { loadWarning } from './warnings.ts';

const COMMAND = '/bin/true';
const EXIT_SETS: readonly FlagSet[] = [
  NO_FLAGS,
  ...(['uts', 'pid', 'mnt', 'net'] as const).map((type) => setOf(type)),
  ...COMBINATIONS.slice(-1),
];
const EXEC_SETS: readonly FlagSet[] = [NO_FLAGS, ...COMBINATIONS];

/** The same set as somebody without privilege can have it on both sides. */
const allowed = ({ namespaces }: FlagSet, privileged: boolean): readonly NamespaceType[] =>
  privileged || namespaces.length === 0 || namespaces.includes('user') ? namespaces : ['user', ...namespaces];

const spawnSampler =
  (namespaces: readonly NamespaceType[]): Sampler =>
  async () =>
    measureSpawn(COMMAND, [], { namespaces, backend: 'ffi' })
      .map(({ cloneNs, totalNs }) => ({ cloneNs, totalNs }))
      .mapErr(({ type, message }) => ({ type, message }));

const microseconds = (ns: number): string => (ns / 1000).toFixed(1);

const draw = (bars: readonly TruthBar[]): string => {
  const { paint } = lookOf(process.stdout, process.env);
  const left = ['what', 'flags'].map((head) => ({ head, align: 'left' as const }));
  const right = ['ours µs', 'theirs µs', 'ratio', 'at most'].map((head) => ({ head, align: 'right' as const }));
  return drawGrid(
    [...left, ...right, { head: 'against', align: 'left' }, { head: '', align: 'left' }],
    bars.map(({ what, flags, oursNs, theirs, theirsNs, ratio, atMost, held }) => [
      ...[what, flags, microseconds(oursNs), microseconds(theirsNs), ratio.toFixed(3), atMost, theirs],
      held ? paint.green('held') : paint.red('missed'),
    ]),
  );
};

const main = async (): Promise<number> => {
  const iterations = readRounds('truth', 300);
  if (iterations === null) return 2;
  const opened = openBackend('ffi');
  if (opened.isErr()) {
    process.stderr.write(`truth: ${opened.error.message}\n`);
    return 1;
  }
  const { privileged, kernel, cpu, node, loadAverage, ...context } = readContext([]);
  const peers = await openPeers(['c', 'go']);
  const [c, go] = (['c', 'go'] as const).map((name) => peers.present.find((peer) => peer.name === name));
  if (c === undefined) {
    process.stderr.write(`truth: ${peers.absent[0]?.reason ?? 'there is no C compiler'}\n`);
    await peers.close();
    return 1;
  }
  const samplers = new Map<string, Sampler>();
  for (const set of EXIT_SETS) {
    const namespaces = allowed(set, privileged);
    const clone = {
      type: 'clone',
      namespaces,
      call: 'clone3',
      caller: 'small',
      memory: 'shared',
      command: null,
      delayCalls: 0,
    } as const;
    samplers.set(`stopwatch:${set.name}`, operationSampler(clone, 'ffi'));
    samplers.set(`c-exit:${set.name}`, c.samplerOf({ command: EXITS, args: [], namespaces }));
  }
  for (const set of EXEC_SETS) {
    const namespaces = allowed(set, privileged);
    const target = { command: COMMAND, args: [], namespaces };
    samplers.set(`spawn:${set.name}`, spawnSampler(namespaces));
    samplers.set(`c-exec:${set.name}`, c.samplerOf(target));
    if (go !== undefined && !namespaces.includes('time')) samplers.set(`go:${set.name}`, go.samplerOf(target));
  }
  const progress = progressOn(process.stderr);
  const { series } = await measureRounds(samplers, {
    ...{ iterations, warmup: 5, mostMs: null, random: seededRandom(1), stop: new AbortController().signal },
    onRound: (done) => progress.update(done, iterations + 5),
  });
  progress.stop();
  await peers.close();
  for (const [id, { refused }] of series)
    if (refused !== null) process.stderr.write(`truth: ${id}: ${refused.message}\n`);
  const bars = [
    ...EXIT_SETS.flatMap(({ name }) => stopwatchBars(series, name)),
    ...EXEC_SETS.flatMap(({ name }) => spawnBars(series, name)),
  ];
  const injected = await findInjected();
  const injectedHeld = injected.found === injected.runs && injected.claimed <= 1;
  const missed = bars.filter(({ held }) => !held).length + (injectedHeld ? 0 : 1);
  process.stdout.write(
    `Linux ${kernel}, ${cpu.model} × ${cpu.count}, node ${node}, load ${loadAverage[0]?.toFixed(2)}, ${iterations} rounds; ${c.line}${go === undefined ? '' : `; ${go.line}`}\n\n${draw(bars)}\n\na delay of ${microseconds(injected.delayNs)} µs was found in ${injected.found} of ${injected.runs} runs, a difference of two equal things claimed in ${injected.claimed}: ${injectedHeld ? 'held' : 'missed'}\n\n${bars.length + 1 - missed} held, ${missed} missed\n`,
  );
  for (const { message } of loadWarning({ ...context, privileged, kernel, cpu, node, loadAverage })) {
    process.stderr.write(`truth: warning: ${message}\n`);
  }
  return missed === 0 ? 0 : 1;
};

process.exitCode = await main();
