import { ok } from 'neverthrow';
import {
  type BenchRun,
  checkOptions,
  checkWritable,
  compareRuns,
  comparisonWarnings,
  csvReport,
  drawComparison,
  drawReport,
  htmlReport,
  jsonReport,
  loadPlotting,
  lookOf,
  markdownReport,
  openBackends,
  progressOn,
  readBaseline,
  runBench,
  saveText,
  seededRandom,
  type TypedOptions,
  wrap,
} from '../../bench/index.ts';
import { BAD_ARGUMENTS, type BenchIo, say } from './io.ts';

/** What stands in front of a warning takes part of its first line. */
const MARGIN = 'ns-bench: warning: '.length;

const NOTHING_MEASURED = 1;
const SLOWER = 3;
const INTERRUPTED = 130;

/** Whether any time was taken of what was asked for; `none`, which is there to compare with, does not count beside others. */
const measuredAny = ({ tables, phases, scaling, options }: BenchRun): boolean =>
  scaling.some(({ rows }) => rows.length > 0) ||
  phases.some(({ summary }) => summary !== null) ||
  tables.some(({ rows }) =>
    rows.some(({ summary, flags }) => summary !== null && (flags !== 'none' || options.sets.every(isNone))),
  );

const isNone = ({ name }: { readonly name: string }): boolean => name === 'none';

/**
 * Checks what was typed, measures, prints and saves.
 *
 * @returns the exit code
 */
export const runTyped = async (typed: TypedOptions, io: BenchIo, version: string): Promise<number> => {
  const checked = checkOptions(typed);
  if (checked.isErr()) {
    const { option, value, wanted } = checked.error;
    say(io, `Option "${option}" is ${JSON.stringify(value)}, wanted ${wanted}`);
    return BAD_ARGUMENTS;
  }
  const { bench, backends, named, format, save, html, compare } = checked.value;
  const refuse = (option: string, value: string) => (wanted: string) => {
    say(io, `Option "${option}" is ${JSON.stringify(value)}, wanted ${wanted}`);
    return BAD_ARGUMENTS;
  };
  const writable = save === null ? ok() : checkWritable(save).mapErr(refuse('--save', save));
  if (writable.isErr()) return writable.error;
  const drawable = html === null ? ok(undefined) : checkWritable(html).mapErr(refuse('--html', html));
  if (drawable.isErr()) return drawable.error;
  const plotting = html === null ? ok(null) : (await loadPlotting()).mapErr(refuse('--html', html));
  if (plotting.isErr()) return plotting.error;
  const picture = plotting.value;
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
  const progress = progressOn(io.stderr, bench.mostMs);
  const run = await runBench(bench, opened, { stop: io.stop, onRound: progress.update });
  progress.stop();
  const comparison =
    compare === null || baseline.value === null
      ? null
      : compareRuns(run, baseline.value, compare.noise, seededRandom(bench.seed));
  const json = (): string => `${JSON.stringify({ ...jsonReport(run, version), comparison })}\n`;
  const look = lookOf(io.stdout, io.env);
  const printed = {
    text: () => drawReport(run, version, look),
    json,
    csv: () => csvReport(run),
    markdown: () => markdownReport(run, version),
  };
  io.stdout.write(printed[format]());
  if (comparison !== null && format !== 'json') {
    // Data stay data: a table for a person goes where the warnings go.
    const screen = format === 'text' ? io.stdout : io.stderr;
    screen.write(`\n${drawComparison(comparison, lookOf(screen, io.env))}`);
  }
  const files = [
    ...(save === null ? [] : [[save, json] as const]),
    ...(html === null || picture === null ? [] : [[html, () => htmlReport(run, version, picture)] as const]),
  ];
  const unsaved = files.flatMap(([path, text]) =>
    saveText(path, text()).match(
      () => [],
      (error) => [`"${path}" could not be written: ${error}`],
    ),
  );
  const { paint, width } = lookOf(io.stderr, io.env);
  const doubts = comparison === null ? [] : comparisonWarnings(comparison);
  for (const message of [...run.warnings.map((warning) => warning.message), ...doubts]) {
    io.stderr.write(`ns-bench: ${paint.yellow('warning')}: ${wrap(message, width - MARGIN, 2)}\n`);
  }
  if (run.rounds.ended === 'interrupted') {
    say(io, `interrupted after ${run.rounds.rounds} of ${bench.iterations} rounds`);
    return typeof io.stop.reason === 'number' ? io.stop.reason : INTERRUPTED;
  }
  for (const message of unsaved) say(io, message);
  if (unsaved.length > 0) return NOTHING_MEASURED;
  if (!measuredAny(run)) {
    say(io, 'nothing of what was asked for could be measured on this machine');
    return NOTHING_MEASURED;
  }
  if (comparison === null) return 0;
  const compared = [...comparison.rows, ...comparison.costs];
  if (compared.length === 0) {
    say(io, `nothing of what was measured is in "${compare?.file}": it is a run of something else`);
    return NOTHING_MEASURED;
  }
  return compared.some(({ verdict }) => verdict === 'slower') ? SLOWER : 0;
};
