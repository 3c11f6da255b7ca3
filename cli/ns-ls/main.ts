import { match } from 'ts-pattern';
import { inspect } from '../../lib/index.ts';
import type { Io } from '../ns-run/io.ts';
import { report } from '../ns-run/report.ts';
import { usageError } from '../ns-run/usage-error.ts';
import { packageVersion } from '../package-version.ts';
import { namespaceLines, processLines } from './lines.ts';
import { type Layout, printJson, printRaw, printTable } from './print.ts';
import { columnHelp, columnList, createProgram } from './program.ts';
import { type ListRequest, readRequest, treeColumnOf } from './request.ts';

/** What ns-ls may touch of its process. */
export interface LsIo extends Io {
  /** How wide the terminal is; null when stdout is none. */
  readonly columns: number | null;
}

const FAILED = 1;

const version = (): string => `ns-ls from linux-namespaces ${packageVersion()}\n`;

const print = (io: LsIo, text: string): number => {
  io.stdout(text);
  return 0;
};

const list = (request: ListRequest, io: LsIo): number => {
  const backend = request.backend ?? io.backend;
  const seen = inspect(backend === undefined ? {} : { backend });
  if (seen.isErr()) {
    io.stderr(report(seen.error, 'ns-ls'));
    return FAILED;
  }
  const { namespace } = request;
  const lines = namespace === null ? namespaceLines(seen.value, request) : processLines(seen.value, namespace, request);
  if (lines === null) {
    io.stderr(`ns-ls: There is no namespace ${namespace}, or it is not yours to see\n`);
    return FAILED;
  }
  const layout: Layout = {
    columns: request.columns,
    treeColumn: request.tree === null ? null : treeColumnOf(request.tree, namespace),
    headings: request.headings,
    wrap: request.wrap,
    env: io.env,
    width: request.truncate ? io.columns : null,
  };
  return print(
    io,
    match(request.format)
      .with('json', () => printJson(lines, layout))
      .with('raw', () => printRaw(lines, layout))
      .with('table', () => printTable(lines, layout))
      .exhaustive(),
  );
};

/**
 * Does what a command line of ns-ls says.
 *
 * @param argv - the words after the program's name
 * @param io - what it may touch of its process
 * @returns the exit code
 */
export const main = (argv: readonly string[], io: LsIo): number => {
  const request = readRequest(argv);
  if (request.isErr()) {
    io.stderr(report(usageError(request.error.message), 'ns-ls'));
    return FAILED;
  }
  return match(request.value)
    .with({ type: 'help' }, () => print(io, createProgram().helpInformation() + columnHelp()))
    .with({ type: 'version' }, () => print(io, version()))
    .with({ type: 'list-columns' }, () => print(io, columnList()))
    .with({ type: 'list' }, (asked) => list(asked, io))
    .exhaustive();
};
