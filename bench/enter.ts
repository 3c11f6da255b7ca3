// What it takes to enter a process's namespaces, beside child_process.spawn('nsenter', ...), with little and with much
// memory in the caller: `npm run bench:enter`. Each contender has a process of its own, and they take turns: a fork leaves
// its process with pages to be copied one by one, which is a cost of who forked.
import { setTimeout as sleep } from 'node:timers/promises';
import { type NamespaceType, spawn } from '../lib/index.ts';
import type { Contender, EnterRequest, EnterSample } from './enter/worker.ts';
import { startWorker } from './measure/worker-process.ts';
import { readRounds } from './rounds.ts';
import { quantilesOf } from './statistics/summary.ts';

const MEMORY_MIB = 1_024;
/** Samples that a process takes before the next one has its turn; the first is not counted. */
const BLOCK = 6;
/** Between two turns: until the kernel has freed what the last one left, a copied gigabyte of page tables for one. */
const REST_MS = 100;
/** Rounds until everything is compiled and warm. */
const WARMUP = 50;
/** The bar: the median beside that of nsenter(1), and that with much memory beside that with little. */
const AT_MOST = { peer: 0.4, memory: 1.25 } as const;

const isRoot = process.geteuid?.() === 0;
const TYPES: readonly NamespaceType[] = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'];
const CONTENDERS: readonly Contender[] = ['enter', 'nsenter'];
const MEMORIES = ['little', 'much'] as const;
type Memory = (typeof MEMORIES)[number];
type Samples = Readonly<Record<Memory, Readonly<Record<Contender, EnterSample[]>>>>;

const measure = async (pid: number, rounds: number): Promise<Samples> => {
  const script = new URL('./enter/worker.js', import.meta.url);
  const samples: Samples = { little: { enter: [], nsenter: [] }, much: { enter: [], nsenter: [] } };
  const workers = MEMORIES.flatMap((memory) =>
    CONTENDERS.map((contender) => {
      const args = [contender, String(memory === 'much' ? MEMORY_MIB : 0)];
      return { into: samples[memory][contender], worker: startWorker<EnterRequest, EnterSample[]>(script, args) };
    }),
  );
  try {
    for (let round = -WARMUP; round < rounds; round += BLOCK - 1) {
      for (const { into, worker } of workers) {
        const [, ...counted] = await worker.ask({ pid, iterations: BLOCK });
        if (round >= 0) into.push(...counted);
        await sleep(REST_MS);
      }
    }
  } finally {
    await Promise.all(workers.map(({ worker }) => worker.end()));
  }
  return samples;
};

type Quantiles = ReturnType<typeof quantilesOf>;

const summaryOf = (samples: readonly EnterSample[], what: keyof EnterSample): Quantiles =>
  quantilesOf(samples.map((sample) => sample[what]));

const compare = (memory: Memory, what: keyof EnterSample, samples: Samples): number => {
  const [own, peer] = CONTENDERS.map((contender) => summaryOf(samples[memory][contender], what)) as [
    Quantiles,
    Quantiles,
  ];
  const cell = ({ p50, p90 }: Quantiles): string => `${p50.toFixed(3)} (p90 ${p90.toFixed(3)})`;
  const ratio = own.p50 / peer.p50;
  process.stdout.write(
    `${what.padEnd(8)} ${memory.padEnd(6)} enter ${cell(own)} ms   nsenter ${cell(peer)} ms   ratio ${ratio.toFixed(3)}\n`,
  );
  return ratio;
};

const main = async (): Promise<number> => {
  const rounds = readRounds('enter', 150);
  if (rounds === null) return 2;
  const spec = { namespaces: TYPES, mapRootUser: true, stdio: 'ignore', backend: 'ffi' } as const;
  const target = await spawn('sleep', ['600'], spec);
  if (target.isErr()) throw new Error(target.error.message);
  const samples = await measure(target.value.pid, rounds);
  await target.value[Symbol.asyncDispose]();
  process.stdout.write(
    `${samples.little.enter.length} samples each, ${TYPES.join(' ')}, /bin/true, as ${isRoot ? 'root' : 'an ordinary user'}; much memory: ${MEMORY_MIB} MiB\n`,
  );
  const ratios = MEMORIES.flatMap((memory) => [compare(memory, 'blocked', samples), compare(memory, 'total', samples)]);
  const grown = (what: keyof EnterSample): number =>
    summaryOf(samples.much.enter, what).p50 / summaryOf(samples.little.enter, what).p50;
  const growth = { blocked: grown('blocked'), total: grown('total') };
  process.stdout.write(
    `enter with much memory beside with little: blocked ${growth.blocked.toFixed(3)}, total ${growth.total.toFixed(3)}\n`,
  );
  const held =
    ratios.every((ratio) => ratio <= AT_MOST.peer) && Math.max(growth.blocked, growth.total) <= AT_MOST.memory;
  process.stdout.write(
    `${held ? 'held' : 'missed'}: at most ${AT_MOST.peer} of nsenter, at most ${AT_MOST.memory} with much memory\n`,
  );
  return held ? 0 : 1;
};

process.exitCode = await main();
