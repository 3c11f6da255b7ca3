#!/usr/bin/env node
// What it costs that somebody outside writes the id maps: `node dist/bench/handshake.js [-n ROUNDS]`, as root. Exits with 1
// when the median with three ranges is more than 1.5 of that with one line, in a caller of 50 MiB or of 1 GiB.
import type { HandshakeReply, HandshakeRequest, Kind, Times } from './handshake/worker.ts';
import { startWorker } from './measure/worker-process.ts';
import { readRounds } from './rounds.ts';
import { summarize } from './statistics/summary.ts';

const AT_MOST = 1.5;
const BLOCK = 50;
const WARMUP = 5;
/** The memory that is added to Node's own 50 MiB. */
const MEMORIES = [0, 1024] as const;

type Collected = Record<Kind, Times>;

const nothing = (): Collected => ({
  line: { exitKnownNs: [], blockedNs: [] },
  ranges: { exitKnownNs: [], blockedNs: [] },
});

const measure = async (rounds: number): Promise<readonly Collected[]> => {
  const script = new URL('./handshake/worker.js', import.meta.url);
  const workers = MEMORIES.map((mebibytes) =>
    startWorker<HandshakeRequest, HandshakeReply>(script, [String(mebibytes)]),
  );
  const collected = MEMORIES.map(nothing);
  try {
    for (let done = 0; done < rounds; done += BLOCK) {
      for (const [index, worker] of workers.entries()) {
        const reply = await worker.ask({ iterations: Math.min(BLOCK, rounds - done), warmup: WARMUP });
        for (const kind of ['line', 'ranges'] as const) {
          collected[index]?.[kind].exitKnownNs.push(...reply[kind].exitKnownNs);
          collected[index]?.[kind].blockedNs.push(...reply[kind].blockedNs);
        }
      }
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.end()));
  }
  return collected;
};

const median = (samples: readonly number[]): number => summarize(samples)?.p50 ?? Number.NaN;
const micros = (ns: number): string => `${(ns / 1000).toFixed(0)} µs`;

const main = async (rounds: number): Promise<number> => {
  let missed = 0;
  for (const [index, { line, ranges }] of (await measure(rounds)).entries()) {
    const [one, three] = [median(line.exitKnownNs), median(ranges.exitKnownNs)];
    const held = three / one <= AT_MOST;
    if (!held) missed += 1;
    process.stdout.write(
      `${MEMORIES[index] === 0 ? '50 MiB' : '1 GiB'}: one line ${micros(one)}, three ranges ${micros(three)}, ` +
        `ratio ${(three / one).toFixed(3)}, at most ${AT_MOST}: ${held ? 'held' : 'missed'}; ` +
        `event loop blocked ${micros(median(line.blockedNs))} and ${micros(median(ranges.blockedNs))}\n`,
    );
  }
  return missed === 0 ? 0 : 1;
};

const rounds = readRounds('handshake', 300);
process.exitCode = rounds === null ? 2 : await main(rounds);
