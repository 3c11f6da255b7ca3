#!/usr/bin/env node
import { readFileSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError } from 'commander';
import { ok } from 'neverthrow';
import type { BenchRun, TypedOptions } from '../bench/index.ts';

/** What a command-line program talks to. */
export interface BenchIo {
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly env: Readonly<NodeJS.ProcessEnv>;
  /** Ends the run early; its reason is the exit code, 130 when it is none. */
  readonly stop: AbortSignal;
}

/** What stands in front of a warning takes part of its first line. */
const MARGIN = 'ns-bench: warning: '.length;

const NOTHING_MEASURED = 1;
const BAD_ARGUMENTS = 2;
const SLOWER = 3;
const INTERRUPTED = 130;

const version = (): string =>
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version as string;

const EXAMPLES = `
Flag sets are types joined by "+" or ",": cgroup, ipc, mnt, net, pid, time, user, uts; or "none", or "all".
Without --flags: none, each type alone, and the usual combinations.

Examples:
  ns-bench --quick
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
    .option('--quick', 'fewer rounds, none begun after 20 seconds')
    .option('--peers', "measure Node's child_process and unshare(1) beside the library (default)")
    .option('--no-peers', 'measure the library alone')
    .option('--seed <number>', 'shuffles rounds as an earlier run did (default: a new one)')
    .option('--json', 'print everything as JSON, raw samples included')
    .option('--csv', 'print the tables as comma-separated values')
    .option('--markdown', 'print the report for an issue or a README')
    .option('--save <file>', 'write the JSON to a file, too')
    .option('--compare <file>', 'compare with a run that was saved; exit code 3 when anything is slower')
    .option('--noise <percent>', 'what two runs of the same thing may differ by (default: 5)')
    .version(version(), '-V, --version')
    .helpOption('-h, --help')
    .addHelpText('after', EXAMPLES)
    .passThroughOptions()
    .exitOverride()
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: () => undefined });

const say = ({ stderr }: BenchIo, message: string): void => {
  stderr.write(`ns-bench: ${message}\n`);
};

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

/** Whether any time was taken of what was asked for; `none`, which is there to compare with, does not count beside others. */
const measuredAny = ({ tables, options }: BenchRun): boolean =>
  tables.some(({ rows }) =>
    rows.some(({ summary, flags }) => summary !== null && (flags !== 'none' || options.sets.every(isNone))),
  );

const isNone = ({ name }: { readonly name: string }): boolean => name === 'none';

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
  const { checkOptions, checkWritable, compareRuns, csvReport, drawComparison, drawReport, jsonReport, ...others } =
    await import('../bench/index.ts');
  const { lookOf, markdownReport, openBackends, progressOn, readBaseline, runBench, saveText, seededRandom, wrap } =
    others;
  const checked = checkOptions(typed);
  if (checked.isErr()) {
    const { option, value, wanted } = checked.error;
    say(io, `Option "${option}" is ${JSON.stringify(value)}, wanted ${wanted}`);
    return BAD_ARGUMENTS;
  }
  const { bench, backends, named, format, save, compare } = checked.value;
  const refuse = (option: string, value: string) => (wanted: string) => {
    say(io, `Option "${option}" is ${JSON.stringify(value)}, wanted ${wanted}`);
    return BAD_ARGUMENTS;
  };
  const writable = save === null ? ok() : checkWritable(save).mapErr(refuse('--save', save));
  if (writable.isErr()) return writable.error;
  const baseline =
    compare === null
      ? ok(null)
      : readBaseline(compare.file).mapErr((what) => refuse('--compare', compare.file)(`a run that was saved: ${what}`));
  if (baseline.isErr()) return baseline.error;
  const opened = openBackends(backends);
  const [unavailable] = opened.errors;
  if (named && unavailable !== undefined) {
    say(io, unavailable.message);
    return NOTHING_MEASURED;
  }
  const progress = progressOn(io.stderr);
  const run = await runBench(bench, opened, { stop: io.stop, onRound: progress.update });
  progress.stop();
  const comparison =
    compare === null || baseline.value === null
      ? null
      : compareRuns(run.tables, run.context, baseline.value, compare.noise, seededRandom(bench.seed));
  const json = (): string => `${JSON.stringify({ ...jsonReport(run, version()), comparison })}\n`;
  const look = lookOf(io.stdout, io.env);
  const printed = {
    text: () => drawReport(run, version(), look),
    json,
    csv: () => csvReport(run),
    markdown: () => markdownReport(run, version()),
  };
  io.stdout.write(printed[format]());
  if (comparison !== null && format !== 'json') {
    // Data stay data: a table for a person goes where the warnings go.
    const screen = format === 'text' ? io.stdout : io.stderr;
    screen.write(`\n${drawComparison(comparison, lookOf(screen, io.env))}`);
  }
  const saved = save === null ? ok() : saveText(save, json());
  const { paint, width } = lookOf(io.stderr, io.env);
  for (const { message } of run.warnings) {
    io.stderr.write(`ns-bench: ${paint.yellow('warning')}: ${wrap(message, width - MARGIN, 2)}\n`);
  }
  if (run.rounds.ended === 'interrupted') {
    say(io, `interrupted after ${run.rounds.rounds} of ${bench.iterations} rounds`);
    return typeof io.stop.reason === 'number' ? io.stop.reason : INTERRUPTED;
  }
  if (saved.isErr()) {
    say(io, `"${save}" could not be written: ${saved.error}`);
    return NOTHING_MEASURED;
  }
  if (!measuredAny(run)) {
    say(io, 'nothing of what was asked for could be measured on this machine');
    return NOTHING_MEASURED;
  }
  return comparison?.rows.some(({ verdict }) => verdict === 'slower') ? SLOWER : 0;
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
