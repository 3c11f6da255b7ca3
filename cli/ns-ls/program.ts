import { type Command, Option } from 'commander';
import { quietParser } from '../ns-run/quiet-parser.ts';
import { COLUMN_NAMES, COLUMNS } from './columns.ts';

/** What commander hands over: every value as it was written, nothing checked but its presence. */
export interface RawOptions {
  readonly json?: true;
  readonly list?: true;
  readonly noheadings?: true;
  readonly output?: string;
  readonly outputAll?: true;
  readonly task?: string;
  readonly persistent?: true;
  readonly raw?: true;
  readonly notruncate?: true;
  readonly nowrap?: true;
  readonly type?: readonly string[];
  readonly tree?: string;
  readonly filter?: string;
  readonly listColumns?: true;
  readonly backend?: string;
  readonly help?: true;
  readonly version?: true;
}

const gather = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value];

const OPTIONS: readonly Option[] = [
  new Option('-J, --json', 'use JSON output format'),
  new Option('-l, --list', 'use list format output'),
  new Option('-n, --noheadings', "don't print headings"),
  new Option('-o, --output <list>', 'columns, separated by commas; +list adds to the usual ones'),
  new Option('--output-all', 'all columns'),
  new Option('-P, --persistent', 'only namespaces without a process'),
  new Option('-p, --task <pid>', 'only the namespaces of this process'),
  new Option('-Q, --filter <expression>', 'only lines for which it is true: \'NPROCS > 1 && TYPE == "net"\''),
  new Option('-r, --raw', 'use the raw output format'),
  new Option('-u, --notruncate', "don't truncate text in columns"),
  new Option('-W, --nowrap', "don't use more than one line for a namespace"),
  new Option('-t, --type <name>', 'mnt, net, ipc, user, pid, uts, cgroup or time; may be repeated').argParser(gather),
  new Option('-T, --tree [relation]', 'a tree by owner (the default), parent or process').preset('owner'),
  new Option('-H, --list-columns', 'print the names of the columns'),
  new Option('--backend <name>', 'auto (the default), ffi or shell'),
  new Option('-h, --help', 'print this text'),
  new Option('-V, --version', 'print the version'),
];

/** The columns, a line each. */
export const columnList = (): string =>
  COLUMN_NAMES.map((name) => `${name.padStart(11)}  ${COLUMNS[name].help}\n`).join('');

/** What stands below the options in the help text. */
export const columnHelp = (): string => `
Columns:
${columnList()}
Exit code: 0; 1 when ns-ls failed, or there is no such namespace.
`;

/** Makes a parser of its options. */
export const createProgram = (): Command => {
  const command = quietParser(
    'ns-ls',
    '[options] [namespace]',
    'Lists the namespaces of this machine, or the processes of one. The options are those of lsns(8).',
  );
  for (const option of OPTIONS) command.addOption(option);
  return command;
};
