// What it takes to enter a process's namespaces, beside child_process.spawn('nsenter', ...), with little and with much
// memory in the caller: `npm run bench:enter`.
import { performance } from 'node:perf_hooks';
import { type Child, enter, type NamespaceType, spawn } from '../lib/index.ts';
import { processSampler } from './measure/peer-sampler.ts';
import { readRounds } from './rounds.ts';
import { quantilesOf } from './statistics/summary.ts';

const WARMUP = 10;
const MEMORY_MIB = 1_024;
/** The bar: the median beside that of nsenter(1), and that with much memory beside that with little. */
const AT_MOST = { peer: 0.4, memory: 1.25 } as const;

/** Milliseconds until the call returned, and until the command had ended. */
interface Sample {
  readonly blocked: number;
  readonly total: number;
}

const isRoot = process.geteuid?.() === 0;
const TYPES: readonly NamespaceType[] = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'];

const ours = async (target: Child): Promise<Sample> => {
  const start = performance.now();
  const asked = enter(target, '/bin/true', [], { stdio: 'ignore', preserveCredentials: true });
  const blocked = performance.now() - start;
  const child = await asked;
  if (child.isErr()) throw new Error(child.error.message);
  const exit = await child.value.exit;
  if (exit.isErr()) throw new Error(exit.error.message);
  return { blocked, total: performance.now() - start };
};

const theirs = async (target: Child): Promise<Sample> => {
  const args = ['-t', String(target.pid), '-a', '--preserve-credentials', '/bin/true'];
  const sample = await processSampler('nsenter', args)(() => {});
  if (sample.isErr()) throw new Error(sample.error.message);
  const { blockedNs = 0, exitKnownNs = 0 } = sample.value;
  return { blocked: blockedNs / 1e6, total: exitKnownNs / 1e6 };
};

/** Both in turns, so that what happens to the machine happens to both. */
const measure = async (
  target: Child,
  rounds: number,
): Promise<{ readonly ours: Sample[]; readonly theirs: Sample[] }> => {
  const samples = { ours: [] as Sample[], theirs: [] as Sample[] };
  for (let round = -WARMUP; round < rounds; round += 1) {
    const [mine, peers] = [await ours(target), await theirs(target)];
    if (round < 0) continue;
    samples.ours.push(mine);
    samples.theirs.push(peers);
  }
  return samples;
};

const line = (what: string, memory: string, own: readonly number[], peers: readonly number[]): number => {
  const [a, b] = [quantilesOf(own), quantilesOf(peers)];
  const ratio = a.p50 / b.p50;
  const cells = [`${a.p50.toFixed(3)} (p90 ${a.p90.toFixed(3)})`, `${b.p50.toFixed(3)} (p90 ${b.p90.toFixed(3)})`];
  process.stdout.write(
    `${what.padEnd(8)} ${memory.padEnd(9)} enter ${cells[0]} ms   nsenter ${cells[1]} ms   ratio ${ratio.toFixed(3)}\n`,
  );
  return ratio;
};

const main = async (): Promise<number> => {
  const rounds = readRounds('enter', 150);
  if (rounds === null) return 2;
  const spec = { namespaces: TYPES, mapRootUser: true, stdio: 'ignore', backend: 'ffi' } as const;
  const target = await spawn('sleep', ['600'], spec);
  if (target.isErr()) throw new Error(target.error.message);
  process.stdout.write(`${rounds} rounds, ${TYPES.join(' ')}, /bin/true, as ${isRoot ? 'root' : 'an ordinary user'}\n`);
  const little = await measure(target.value, rounds);
  const ballast = Buffer.alloc(MEMORY_MIB * 1024 * 1024, 1);
  const much = await measure(target.value, rounds);
  await target.value[Symbol.asyncDispose]();
  const ratios: number[] = [];
  for (const [memory, samples] of [
    ['small', little],
    [`+${ballast.length / 1024 / 1024} MiB`, much],
  ] as const) {
    for (const what of ['blocked', 'total'] as const) {
      const pick = (all: readonly Sample[]): readonly number[] => all.map((sample) => sample[what]);
      ratios.push(line(what, memory, pick(samples.ours), pick(samples.theirs)));
    }
  }
  const flat = (what: 'blocked' | 'total'): number =>
    quantilesOf(much.ours.map((sample) => sample[what])).p50 /
    quantilesOf(little.ours.map((sample) => sample[what])).p50;
  const grown = { blocked: flat('blocked'), total: flat('total') };
  process.stdout.write(
    `with much memory beside with little: blocked ${grown.blocked.toFixed(3)}, total ${grown.total.toFixed(3)}\n`,
  );
  const held = ratios.every((ratio) => ratio <= AT_MOST.peer) && Math.max(grown.blocked, grown.total) <= AT_MOST.memory;
  process.stdout.write(
    `${held ? 'held' : 'missed'}: at most ${AT_MOST.peer} of nsenter, at most ${AT_MOST.memory} with much memory\n`,
  );
  return held ? 0 : 1;
};

process.exitCode = await main();
