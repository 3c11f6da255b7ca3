import { err, ok, type Result } from 'neverthrow';
import { type BackendChoice, isNamespaceType, type NamespaceType } from '../../lib/index.ts';
import { splitLine } from '../ns-run/getopt.ts';
import { parseQuietly } from '../ns-run/quiet-parser.ts';
import { type UsageError, usageError } from '../ns-run/usage-error.ts';
import { COLUMN_NAMES, type ColumnName } from './columns.ts';
import { type Filter, parseFilter } from './filter.ts';
import { createProgram, type RawOptions } from './program.ts';

/** By which relation lines stand below each other. */
export type Tree = 'owner' | 'parent' | 'process';

/** Namespaces to list, or the processes of one. */
export interface ListRequest {
  readonly type: 'list';
  /** The inode of the one whose processes are listed. */
  readonly namespace: number | null;
  readonly types: readonly NamespaceType[];
  readonly task: number | null;
  readonly persistent: boolean;
  readonly filter: Filter | null;
  readonly columns: readonly ColumnName[];
  readonly tree: Tree | null;
  readonly format: 'table' | 'raw' | 'json';
  readonly headings: boolean;
  readonly truncate: boolean;
  readonly wrap: boolean;
  readonly backend: BackendChoice | undefined;
}

/** What a command line asks for. */
export type Request =
  | { readonly type: 'help' }
  | { readonly type: 'version' }
  | { readonly type: 'list-columns' }
  | ListRequest;

type Read<T> = Result<T, UsageError>;

/** Options may stand behind the namespace, too. */
const split = (argv: readonly string[]): Read<{ options: readonly string[]; words: readonly string[] }> => {
  const options: string[] = [];
  const words: string[] = [];
  let rest = argv;
  for (;;) {
    const cut = splitLine(rest, createProgram().options, { attachedLetters: true });
    if (cut.isErr()) return err(cut.error);
    options.push(...cut.value.options);
    const [word, ...more] = cut.value.command;
    if (word === undefined) return ok({ options, words });
    words.push(word);
    rest = more;
  }
};

const parse = (argv: readonly string[]): Read<{ raw: RawOptions; words: readonly string[] }> =>
  split(argv).andThen(({ options, words }) => {
    const command = createProgram();
    return parseQuietly(command, options).map(() => ({ raw: command.opts<RawOptions>(), words }));
  });

const number = (what: string, text: string | undefined): Read<number | null> => {
  if (text === undefined) return ok(null);
  return /^\d{1,15}$/.test(text) ? ok(Number(text)) : err(usageError(`${what} is "${text}", wanted a number`));
};

const isColumn = (name: string): name is ColumnName => (COLUMN_NAMES as readonly string[]).includes(name);

const LIST_COLUMNS: readonly ColumnName[] = ['NS', 'TYPE', 'NPROCS', 'PID', 'USER', 'COMMAND'];
const NET_COLUMNS: readonly ColumnName[] = ['NS', 'TYPE', 'NPROCS', 'PID', 'USER', 'NETNSID', 'NSFS', 'COMMAND'];
const PROCESS_COLUMNS: readonly ColumnName[] = ['PID', 'PPID', 'USER', 'COMMAND'];

const readColumns = (raw: RawOptions, usual: readonly ColumnName[]): Read<readonly ColumnName[]> => {
  const base = raw.outputAll === true ? COLUMN_NAMES : usual;
  if (raw.output === undefined) return ok(base);
  const adds = raw.output.startsWith('+');
  const names = (adds ? raw.output.slice(1) : raw.output).split(',').map((name) => name.trim().toUpperCase());
  const columns: ColumnName[] = adds ? [...base] : [];
  for (const name of names) {
    if (!isColumn(name)) return err(usageError(`Option "--output" names the column "${name}", which is none`));
    columns.push(name);
  }
  return ok(columns);
};

const TREES: readonly Tree[] = ['owner', 'parent', 'process'];

const readTree = (raw: RawOptions): Read<Tree | null> => {
  if (raw.tree !== undefined) {
    const tree = TREES.find((known) => known === raw.tree);
    return tree === undefined
      ? err(usageError(`Option "--tree" is "${raw.tree}", wanted owner, parent or process`))
      : ok(tree);
  }
  return ok(raw.list === true ? null : 'process');
};

/** The column that a tree is drawn in; without it there is none. */
export const treeColumnOf = (tree: Tree | null, namespace: number | null): ColumnName =>
  tree === 'process' || namespace !== null ? 'COMMAND' : 'NS';

const readTypes = (names: readonly string[] = []): Read<readonly NamespaceType[]> => {
  const types: NamespaceType[] = [];
  for (const name of names) {
    if (!isNamespaceType(name)) return err(usageError(`Option "--type" is "${name}", wanted a type of namespaces`));
    types.push(name);
  }
  return ok(types);
};

const readFilter = (text: string | undefined): Read<Filter | null> => {
  if (text === undefined) return ok(null);
  return parseFilter(text, isColumn).mapErr((reason) => usageError(`Option "--filter" is "${text}": ${reason}`));
};

/** Reads a command line. */
export const readRequest = (argv: readonly string[]): Read<Request> =>
  parse(argv).andThen(({ raw, words }): Read<Request> => {
    if (raw.help === true) return ok({ type: 'help' });
    if (raw.version === true) return ok({ type: 'version' });
    if (raw.listColumns === true) return ok({ type: 'list-columns' });
    if (words.length > 1) return err(usageError(`"${words[1]}" is one word too many, wanted one namespace`));
    if (raw.json === true && raw.raw === true)
      return err(usageError('Options "--json" and "--raw" exclude each other'));
    if (raw.task !== undefined && words.length > 0) {
      return err(usageError('Option "--task" and a namespace exclude each other'));
    }
    return number('Namespace', words[0]).andThen((namespace) =>
      number('Option "--task"', raw.task).andThen((task) =>
        readTypes(raw.type).andThen((types) => {
          const lines = types.includes('net') ? NET_COLUMNS : LIST_COLUMNS;
          return readColumns(raw, namespace === null ? lines : PROCESS_COLUMNS).andThen((columns) =>
            readTree(raw).andThen((tree) =>
              readFilter(raw.filter).map(
                (filter): ListRequest => ({
                  type: 'list',
                  namespace,
                  types,
                  task,
                  persistent: raw.persistent === true,
                  filter,
                  columns,
                  tree: columns.includes(treeColumnOf(tree, namespace)) ? tree : null,
                  format: raw.json === true ? 'json' : raw.raw === true ? 'raw' : 'table',
                  headings: raw.noheadings !== true,
                  truncate: raw.notruncate !== true,
                  wrap: raw.nowrap !== true && raw.raw !== true,
                  backend: raw.backend as BackendChoice | undefined,
                }),
              ),
            ),
          );
        }),
      ),
    );
  });
