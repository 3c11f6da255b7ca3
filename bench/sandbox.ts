// A rootless sandbox by this library beside the same one by bwrap(1), both started from this Node.js process, in turn.
//   npm run bench:sandbox [-- -n ROUNDS]
import { fileURLToPath } from 'node:url';
import { run, spawn } from '../lib/index.ts';
import { processSampler } from './measure/peer-sampler.ts';
import { readRounds } from './rounds.ts';
import { bwrapWords, sandboxSpec } from './sandbox/specs.ts';
import { summarize } from './statistics/summary.ts';

/** What the sandbox may cost of bwrap's, at the median. */
const BAR = 0.5;
const WARM_UP = 5;
const NOBODY = 65_534;
const NS_PER_MS = 1e6;

const ours = async (command: readonly string[], init: boolean): Promise<void> => {
  const [file = '', ...args] = command;
  const status = await spawn(file, args, sandboxSpec(init)).andThen(({ exit }) => exit);
  if (status.isErr()) throw new Error(status.error.message);
  if (status.value.type !== 'exited' || status.value.code !== 0) throw new Error(JSON.stringify(status.value));
};

const bwraps = async (command: readonly string[], init: boolean): Promise<void> => {
  const sample = await processSampler('bwrap', [...bwrapWords(init), ...command])(() => {});
  if (sample.isErr()) throw new Error(sample.error.message);
};

const COMMANDS = [
  ['/usr/bin/true'],
  ['/usr/bin/perl', '-e', 'open(F, ">/tmp/f") or die; print F "x" x 4096; close F; -s "/tmp/f" == 4096 or die'],
] as const;

const compare = async (command: readonly string[], init: boolean, rounds: number): Promise<boolean> => {
  const samples = { ours: [] as number[], bwrap: [] as number[] };
  const runners = { ours: () => ours(command, init), bwrap: () => bwraps(command, init) };
  for (let round = -WARM_UP; round < rounds; round += 1) {
    const order = round % 2 === 0 ? (['ours', 'bwrap'] as const) : (['bwrap', 'ours'] as const);
    for (const name of order) {
      const before = process.hrtime.bigint();
      await runners[name]();
      const elapsedNs = Number(process.hrtime.bigint() - before);
      if (round >= 0) samples[name].push(elapsedNs);
    }
  }
  const [own, peers] = [summarize(samples.ours), summarize(samples.bwrap)];
  if (own === null || peers === null) return false;
  const [p50, p90, bwrap50, bwrap90] = [own.p50, own.p90, peers.p50, peers.p90].map((ns) => ns / NS_PER_MS) as [
    number,
    number,
    number,
    number,
  ];
  const ratio = p50 / bwrap50;
  const verdict = ratio <= BAR ? 'holds' : 'missed';
  console.log(
    `${command[0]}, init ${init}: p50 ${p50.toFixed(2)} ms, bwrap ${bwrap50.toFixed(2)} ms, ratio ${ratio.toFixed(2)} (bar ${BAR}: ${verdict}); p90 ${p90.toFixed(2)} and ${bwrap90.toFixed(2)} ms; ${rounds} rounds`,
  );
  return ratio <= BAR;
};

const main = async (rounds: number): Promise<number> => {
  if (process.getuid?.() === 0) {
    // It is about ordinary users.
    const self = fileURLToPath(import.meta.url);
    const again = { uid: NOBODY, gid: NOBODY, groups: [], stdio: 'inherit' } as const;
    const status = await spawn(process.execPath, [self, '-n', String(rounds)], again).andThen(({ exit }) => exit);
    if (status.isErr()) throw new Error(status.error.message);
    return status.value.type === 'exited' ? status.value.code : 1;
  }
  const probe = await run('bwrap', ['--version']);
  if (probe.isErr()) {
    console.log(`Skipped: ${probe.error.message}`);
    return 0;
  }
  console.log(`uid ${process.getuid?.()}, ${String(probe.value.stdout).trim()}, Node.js ${process.version}`);
  let holds = true;
  for (const command of COMMANDS) {
    for (const init of [false, true]) holds = (await compare(command, init, rounds)) && holds;
  }
  return holds ? 0 : 1;
};

const rounds = readRounds('sandbox', 100);
process.exitCode = rounds === null ? 2 : await main(rounds);
