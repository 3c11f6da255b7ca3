#!/usr/bin/env node
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError } from 'commander';
import type { TypedOptions } from '../bench/index.ts';
import { BAD_ARGUMENTS, type BenchIo, say } from './ns-bench/io.ts';
import { packageVersion } from './package-version.ts';

const EXAMPLES = `
Flag sets are types joined by "+" or ",": cgroup, ipc, mnt, net, pid, time, user, uts; or "none", or "all".
Without --flags: none, each type alone, and the usual combinations.

Examples:
  ns-bench --quick
  ns-bench --all --budget 120
  ns-bench --phases
  ns-bench --rss 50M,1G -j 1,4,16 --flags none
  ns-bench --flags pid+mnt+net --flags user,net -n 1000
  ns-bench --json --no-peers -- /bin/echo hello > run.json
  ns-bench --save before.json; sudo reboot; ns-bench --compare before.json

Exit code: 0 measured, 1 nothing that was asked for could be measured, 2 bad arguments, 3 slower than
the run that it was compared with, 130 interrupted.`;

const program = ({ stdout }: BenchIo): Command =>
  new Command('ns-bench')
    .description('Measures what new Linux namespaces cost: clone3, spawn, and the event loop that waits for them.')
    .argument('[command...]', 'what each child runs (default: /bin/true)')
    .option('--flags <set>', 'a set of namespaces to measure; repeatable', (set, sets: string[] = []) => [...sets, set])
    .option('-n, --iterations <count>', 'rounds that count (default: 300, with --quick 100)')
    .option('-w, --warmup <count>', 'rounds that do not count, or auto: as many as were slower than the rest', 'auto')
    .option('--backend <name>', 'auto (all that are available), ffi or shell (default: NS_BACKEND, else auto)')
    .option('--all', 'measure all 256 sets, or a balanced part, and what each flag and each pair adds')
    .option('--phases', 'measure where the time goes: clone, execve, exit, single steps, tear-down')
    .option('--rss <sizes>', 'by memory of the parent: 50M,1G,4G')
    .option('-j, --jobs <counts>', 'by children at once: 1,4,16')
    .option('--alive <counts>', 'by namespaces that are alive already: 0,100,1000')
    .option('--mounts <counts>', 'by mounts of the parent: 0,1000')
    .option('--budget <seconds>', 'begin no round after so long (default: none, with --all 240)')
    .option('--quick', 'fewer rounds, none begun after 20 seconds')
    .option(
      '--peers',
      'measure C, Go, Python, bwrap, crun and runc, too, where they are (default: child_process and unshare)',
    )
    .option('--no-peers', 'measure the library alone')
    .option('--seed <number>', 'shuffles rounds as an earlier run did (default: a new one)')
    .option('--json', 'print everything as JSON, raw samples included')
    .option('--csv', 'print the tables as comma-separated values')
    .option('--markdown', 'print the report for an issue or a README')
    .option('--save <file>', 'write the JSON to a file, too')
    .option('--html <file>', 'write a report with pictures: one file that needs nothing else')
    .option('--compare <file>', 'compare with a run that was saved; exit code 3 when anything is slower')
    .option('--noise <percent>', 'what two runs of the same thing may differ by (default: 5)')
    .version(packageVersion(), '-V, --version')
    .helpOption('-h, --help')
    .addHelpText('after', EXAMPLES)
    .passThroughOptions()
    .exitOverride()
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: () => undefined });

const parse = (argv: readonly string[], io: BenchIo): TypedOptions | number => {
  const command = program(io);
  try {
    command.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    say(io, error.message.replace(/^error: /, '').replace('\n', ' '));
    return BAD_ARGUMENTS;
  }
  return {
    ...command.opts<Omit<TypedOptions, 'command'>>(),
    backendFromEnv: io.env['NS_BACKEND'],
    command: command.args,
  };
};

/**
 * Runs ns-bench.
 *
 * @param argv - the arguments, without node and script
 * @returns the exit code: 0 measured, 1 nothing that was asked for could be, 2 bad arguments, 130 interrupted
 */
export const main = async (argv: readonly string[], io: BenchIo): Promise<number> => {
  const typed = parse(argv, io);
  if (typeof typed === 'number') return typed;
  // Only now is anything heavy loaded: --help and a slip of the finger are answered at once.
  const { runTyped } = await import('./ns-bench/run.ts');
  return runTyped(typed, io, packageVersion());
};

const asProgram = async (): Promise<void> => {
  const stopping = new AbortController();
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    process.on(signal, () => {
      // The first one lets the run end with what it has; whoever sends a second one wants out.
      if (stopping.signal.aborted) process.exit(128 + number);
      stopping.abort(128 + number);
    });
  }
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      // Nobody reads any more, as after `| head -1`.
      process.exit(0);
    });
  }
  const { stdout, stderr, env } = process;
  process.exitCode = await main(process.argv.slice(2), { stdout, stderr, env, stop: stopping.signal });
};

// npm starts programs through symbolic links.
if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await asProgram();
}
