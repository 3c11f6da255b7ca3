import { Command, CommanderError } from 'commander';
import { err, ok, type Result } from 'neverthrow';
import type { CheckName } from '../../lib/index.ts';
import { CHECK_NAMES, isCheckName } from './names.ts';

/** How the answer is written. */
type Format = 'table' | 'json' | 'tap' | 'prometheus';

/** What a command line asks for. */
export interface CheckRequest {
  readonly format: Format;
  /** The file that Prometheus reads; null: standard output. */
  readonly prometheusFile: string | null;
  readonly save: string | null;
  readonly from: string | null;
  readonly redact: boolean;
  readonly user: string | undefined;
  readonly probe: boolean;
  readonly backend: 'auto' | 'ffi' | 'shell' | undefined;
  readonly messages: readonly string[];
  readonly require: readonly CheckName[];
}

/** A command line that asks for words only, or cannot be meant. */
export type NoRequest =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'usage'; readonly message: string };

interface Typed {
  readonly json?: true;
  readonly tap?: true;
  readonly prometheus?: string | true;
  readonly save?: string;
  readonly from?: string;
  readonly redact?: true;
  readonly user?: string;
  readonly probe: boolean;
  readonly backend?: string;
  readonly message?: readonly string[];
  readonly require?: readonly string[];
}

const EXAMPLES = `
NAME is a namespace type (${CHECK_NAMES.slice(0, 8).join(', ')}) or one of
${CHECK_NAMES.slice(8).join(', ')}.
An ordinary user gets each type together with a user namespace. What is asked for with --require is asked for the
caller; with --user for that user.

Examples:
  ns-check                                   what works here, what does not, and what to type
  ns-check --message 'unshare: unshare failed: No space left on device'
  ns-check --redact --save machine.json      what somebody else needs to say why
  ns-check --from machine.json               says why
  ns-check --require user,net,pid --tap      a line for each, for a CI server
  ns-check --require user,net,pid            exit code 1 and a line for each that is not to be had

Exit code: 0 done, 1 a requirement is not met, 2 bad arguments, or a file that cannot be read or written.
`;

const gather = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value];

const program = (version: string, write: (text: string) => void): Command =>
  new Command('ns-check')
    .description('Says which Linux namespaces root and an ordinary user can have here, why not, and what to type.')
    .option('--json', 'print the report as JSON')
    .option('--tap', 'print a TAP point for each requirement, or for everything')
    .option(
      '--prometheus [file]',
      'print the text format of Prometheus, or write it to a file for the textfile collector; "-" is standard output',
    )
    .option(
      '--save <file>',
      'write what the machine says of itself to a file, and print nothing that is not asked for; "-" is standard output',
    )
    .option('--from <file>', 'take the machine from such a file; "-" is standard input')
    .option('--redact', 'with --save: leave out the names of host and users, and paths that are not the system’s own')
    .option('--user <name>', 'the ordinary user that is meant, by name or uid, when the caller is root')
    .option('--no-probe', 'try nothing: the evidence alone speaks')
    .option('--backend <name>', 'who tries: auto, ffi or shell (default: NS_BACKEND, else auto)')
    .option('--message <text>', 'what a tool said, to be explained; repeatable', gather)
    .option('--require <names>', 'names, joined by ",": exit with 1 when one is not to be had; repeatable', gather)
    .version(version, '-V, --version')
    .helpOption('-h, --help')
    .addHelpText('after', EXAMPLES)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeOut: write, writeErr: () => undefined });

const usage = (message: string): Result<never, NoRequest> => err({ type: 'usage', message });

const checkNames = (lists: readonly string[]): Result<readonly CheckName[], NoRequest> => {
  const names = lists.flatMap((list) => list.split(',')).map((name) => name.trim());
  const known = names.filter(isCheckName);
  const wrong = names.find((name) => !isCheckName(name));
  return wrong === undefined
    ? ok([...new Set(known)])
    : usage(`Option "--require" is ${JSON.stringify(wrong)}, wanted ${CHECK_NAMES.join(', ')}`);
};

/** Reads a command line. */
export const readRequest = (argv: readonly string[], version: string): Result<CheckRequest, NoRequest> => {
  let text = '';
  const command = program(version, (more) => {
    text += more;
  });
  try {
    command.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0
      ? err({ type: 'text', text })
      : usage(error.message.replace(/^error: /, '').replace('\n', ' '));
  }
  const {
    json,
    tap,
    prometheus,
    save = null,
    from = null,
    redact = false,
    user,
    probe,
    backend,
    message = [],
    require = [],
  } = command.opts<Typed>();
  const formats = (
    [
      ['json', json],
      ['tap', tap],
      ['prometheus', prometheus],
    ] as const
  ).flatMap(([name, wanted]) => (wanted === undefined ? [] : [name]));
  if (formats.length > 1) return usage(`Option "--${formats[1]}" is set, wanted without "--${formats[0]}"`);
  if (redact && save === null) return usage('Option "--redact" is set, wanted "--save" with it');
  const isPrinted = formats.length > 0 && !(typeof prometheus === 'string' && prometheus !== '-');
  const ofThisMachine = (
    [
      ['--user', user !== undefined],
      ['--no-probe', !probe],
      ['--backend', backend !== undefined],
    ] as const
  ).find(([, isSet]) => isSet);
  if (from !== null && ofThisMachine !== undefined)
    return usage(`Option "${ofThisMachine[0]}" is set, wanted without "--from"`);
  if (save === '-' && isPrinted)
    return usage('Option "--save" is "-", wanted a file, as standard output has the report');
  if (backend !== undefined && !['auto', 'ffi', 'shell'].includes(backend))
    return usage(`Option "--backend" is ${JSON.stringify(backend)}, wanted auto, ffi or shell`);
  return checkNames(require).map((required) => ({
    format: formats[0] ?? 'table',
    prometheusFile: typeof prometheus === 'string' ? prometheus : null,
    save,
    from,
    redact,
    user,
    probe,
    backend: backend as CheckRequest['backend'],
    messages: message,
    require: required,
  }));
};
