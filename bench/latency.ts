#!/usr/bin/env node
// The latency promises as a program: `node dist/bench/latency.js [-n ROUNDS]`. Exits with 1 when one is broken.
import { setTimeout as sleep } from 'node:timers/promises';
import { openBackend } from '../lib/index.ts';
import { type Bar, type LatencySamples, latencyBars, type Memory } from './latency/bars.ts';
import { type LatencyId, SIDES } from './latency/cases.ts';
import type { BlockReply, BlockRequest } from './latency/worker.ts';
import { readContext } from './measure/context.ts';
import { QUANTITIES, type Quantity } from './measure/sample.ts';
import { startWorker } from './measure/worker-process.ts';
import { drawGrid } from './report/grid.ts';
import { lookOf } from './report/paint.ts';
import { progressOn } from './report/progress.ts';
import { readRounds } from './rounds.ts';
import { loadWarning } from './warnings.ts';

const MEMORY_MIB = { small: 0, large: 1024 } as const satisfies Record<Memory, number>;

/** Rounds that a process measures before the other one has its turn; the first are warm-up. */
const BLOCK = 10;
const WARMUP = 1;
/** Between two turns: until the kernel has freed what the last one left, a copied gigabyte of page tables for one. */
const REST_MS = 100;

type Collected = Map<LatencyId, Partial<Record<Quantity, number[]>>>;

const keep = (into: Collected, reply: BlockReply): void => {
  for (const [id, { samples, refused }] of reply) {
    if (refused !== null) throw new Error(`${id}: ${refused.message}`);
    const kept = into.get(id as LatencyId) ?? {};
    into.set(id as LatencyId, kept);
    for (const quantity of QUANTITIES) {
      const more = samples[quantity];
      if (more !== undefined) kept[quantity] = [...(kept[quantity] ?? []), ...more];
    }
  }
};

/**
 * One run of four processes in turns, so that what happens to the machine happens to all. A fork leaves its process with
 * pages to be copied one by one, which is a cost of who forked: so nobody shares a process with child_process.
 */
const measure = async (rounds: number, onBlock: (done: number, all: number) => void): Promise<LatencySamples> => {
  const script = new URL('./latency/worker.js', import.meta.url);
  const collected = { small: new Map() as Collected, large: new Map() as Collected };
  const memories = ['small', 'large'] as const;
  const workers = memories.flatMap((memory) =>
    SIDES.map((side) => {
      const args = [String(MEMORY_MIB[memory]), side];
      return [memory, startWorker<BlockRequest, BlockReply>(script, args)] as const;
    }),
  );
  try {
    for (let done = 0; done < rounds; done += BLOCK) {
      for (const [memory, worker] of workers) {
        const request = { iterations: Math.min(BLOCK, rounds - done), warmup: WARMUP, seed: done };
        keep(collected[memory], await worker.ask(request));
        await sleep(REST_MS);
      }
      onBlock(Math.min(done + BLOCK, rounds), rounds);
    }
  } finally {
    await Promise.all(workers.map(([, worker]) => worker.end()));
  }
  return collected;
};

const microseconds = (ns: number): string => (ns / 1000).toFixed(0);

const draw = (bars: readonly Bar[]): string => {
  const { paint } = lookOf(process.stdout, process.env);
  const verdict = ({ atMost, held }: Bar): string => {
    if (atMost === null) return '';
    return held ? paint.green('held') : paint.red('missed');
  };
  return drawGrid(
    [
      ...['what', 'caller', ''].map((head) => ({ head, align: 'left' as const })),
      ...[
        { head: 'ours', align: 'left' } as const,
        { head: 'µs', align: 'right' } as const,
        { head: 'against', align: 'left' } as const,
      ],
      ...['µs', 'ratio', 'at most'].map((head) => ({ head, align: 'right' as const })),
      { head: '', align: 'left' },
    ],
    bars.map((bar) => [
      ...[bar.what, bar.caller, bar.percentile, bar.ours, microseconds(bar.oursNs)],
      ...[bar.theirs, microseconds(bar.theirsNs), bar.ratio.toFixed(3), bar.atMost?.toFixed(2) ?? '', verdict(bar)],
    ]),
  );
};

const main = async (): Promise<number> => {
  const rounds = readRounds('latency', 200);
  if (rounds === null) return 2;
  const opened = openBackend('ffi');
  if (opened.isErr()) {
    process.stderr.write(`latency: ${opened.error.message}\n`);
    return 1;
  }
  const context = readContext([]);
  const { kernel, cpu, node, loadAverage, privileged } = context;
  const progress = progressOn(process.stderr);
  const samples = await measure(rounds, progress.update);
  progress.stop();
  const bars = latencyBars(samples);
  const four = privileged ? '' : ', pid+mnt+ipc+uts with user';
  process.stdout.write(
    `Linux ${kernel}, ${cpu.model} × ${cpu.count}, node ${node}, load ${loadAverage[0]?.toFixed(2)}, ${rounds} rounds${four}\n\n${draw(bars)}\n`,
  );
  for (const { message } of loadWarning(context)) process.stderr.write(`latency: warning: ${message}\n`);
  const missed = bars.filter(({ held }) => !held).length;
  process.stdout.write(`\n${bars.filter(({ atMost }) => atMost !== null).length - missed} held, ${missed} missed\n`);
  return missed === 0 ? 0 : 1;
};

process.exitCode = await main();
