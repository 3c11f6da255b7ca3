import { match } from 'ts-pattern';
import { ADDED_NAMES } from './environment.ts';
import type { NetworkCall } from './network.ts';
import { quote } from './quote.ts';
import type { ShellKind } from './shells.ts';

/** How a name is set in a uts namespace. */
export type NameSetter =
  | { readonly type: 'tool'; readonly words: readonly string[] }
  | { readonly type: 'file'; readonly path: string };

/** What the first shell does while it may still do everything. */
export interface SetUpScript {
  /** The fd of our socket. */
  readonly control: number;
  /** Waits until somebody outside has written the id maps. */
  readonly waitsForMaps: boolean;
  /** Calls that mount proc on the directory that comes after them; none when unshare has done it. */
  readonly procMounts: readonly (readonly string[])[];
  readonly network: readonly NetworkCall[];
  readonly hostname: NameSetter | null;
  readonly domainname: NameSetter | null;
}

/** What the last shell does, which becomes the command. */
export interface CommandScript {
  readonly kind: ShellKind;
  readonly control: number;
  /** The fd where the command's stderr waits; 2 is for what the tools say until then. */
  readonly stderr: number;
  readonly od: string;
  /** The file mode creation mask; null: as it is. */
  readonly umask: number | null;
  readonly changesDirectory: boolean;
  /** PATH when the environment has none and the command is searched all the same. */
  readonly path: string | null;
  /** argv[0] is not the command: it is the first argument after the environment. */
  readonly argv0: boolean;
  /** The value that SHLVL is to have; null for none. Only bash has to be told. */
  readonly level: number | null;
  /** `_` is to have a value: it is the argument after argv[0]. Only bash has to be told. */
  readonly last: boolean;
  /** fds that Node.js itself was given and would pass on. */
  readonly closes: readonly number[];
}

/** The arguments after the last variable. */
export const END_OF_ENVIRONMENT = '--';

const fail = (step: string, control: number): string => `{ printf 'failed ${step}\\n' >&${control}; exit 1; }`;

const mountProc = (calls: readonly (readonly string[])[], control: number): readonly string[] => {
  const [last, ...before] = calls.map((words) => `${words.map(quote).join(' ')} "$1" >&2`).reverse();
  if (last === undefined) return [];
  return [...before.reverse().map((call) => `${call} || :`), `${last} || ${fail('mount-proc', control)}`, 'shift'];
};

const setName = (step: 'hostname' | 'domainname', setter: NameSetter | null, control: number): readonly string[] => {
  if (setter === null) return [];
  const act =
    setter.type === 'tool'
      ? `${setter.words.map(quote).join(' ')} "$1"`
      : `{ printf '%s\\n' "$1" >${quote(setter.path)}; }`;
  // Nothing of the tool's may come into the command's stdout.
  return [`${act} >&2 || ${fail(step, control)}`, 'shift'];
};

const setNetwork = (calls: readonly NetworkCall[], control: number): readonly string[] =>
  calls.map((call) => {
    const act =
      call.type === 'tool'
        ? call.words.map(quote).join(' ')
        : `{ printf '%s\\n' ${quote(call.value)} >${quote(call.path)}; }`;
    return `${act} >&2 || ${fail('network', control)}`;
  });

/** Script of the first shell; its arguments are proc's directory, the host name, the domain name (each if there is one) and the words that it execs. */
export const setUpScript = ({
  control,
  waitsForMaps,
  procMounts,
  network,
  hostname,
  domainname,
}: SetUpScript): string =>
  [
    ...(waitsForMaps
      ? [
          `printf 'maps\\n' >&${control}`,
          `IFS= read -r ns_line <&${control} || exit 1`,
          // An end of file is our end: what was to be a child must not outlive it.
          '[ "$ns_line" = go ] || exit 1',
        ]
      : []),
    ...setNetwork(network, control),
    ...mountProc(procMounts, control),
    ...setName('hostname', hostname, control),
    ...setName('domainname', domainname, control),
    'exec "$@"',
  ].join('\n');

const changeDirectory = (od: string, control: number): readonly string[] => [
  // dash does not say why it cannot: od does, in words that end with those of strerror(3).
  `cd -P -- "$1" || { ${od} -N0 -- "$1/." >&2; printf 'failed cwd\\n' >&${control}; exit 1; }`,
  'shift',
];

/** Answers questions about files, in the mounts and with the credentials of the command, until it is told to go. */
const answerQuestions = (od: string, control: number): readonly string[] => [
  `printf 'ready\\n' >&${control}`,
  `while IFS= read -r ns_line <&${control}; do`,
  '  case $ns_line in',
  "    'look '*)",
  `      ns_line=\${ns_line#look }`,
  '      if [ -f "$ns_line" ] && [ -x "$ns_line" ]; then',
  `        ${od} -An -v -tx1 -N2048 -- "$ns_line"; printf 'file\\n'`,
  '      elif [ -e "$ns_line" ]; then',
  "        printf 'denied\\n'",
  '      else',
  "        printf 'missing\\n'",
  `      fi >&${control} 2>&${control} ;;`,
  "    'why '*)",
  // In the words of strerror(3) why there is nothing: a test of the shell does not tell.
  `      { ${od} -N0 -- "\${ns_line#why }"; printf 'so\\n'; } >&${control} 2>&${control} ;;`,
  '    go*) break ;;',
  '    *) exit 1 ;;',
  '  esac',
  'done',
  'case $ns_line in go*) ;; *) exit 1 ;; esac',
];

const restoreEnvironment = ({ kind, path, level, control }: CommandScript): readonly string[] => [
  // From here on an end without an exec is told, whatever it is; dash and BusyBox end when the exec fails, bash goes on.
  ...(kind === 'bash' ? ['shopt -s execfail'] : []),
  `trap 'printf "failed exec %s\\n" "$?" >&${control}' EXIT`,
  `unset ${ADDED_NAMES.join(' ')}`,
  // bash exports SHLVL at each exec, unless it is an array.
  ...(kind === 'bash' && level === null ? ['declare -a SHLVL'] : []),
  ...(path === null ? [] : [`PATH=${quote(path)}`]),
  `while [ "$1" != ${END_OF_ENVIRONMENT} ]; do export "$1"; shift; done`,
  'shift',
];

const becomeCommand = ({ kind, argv0, level, last, control, stderr, closes }: CommandScript): readonly string[] => {
  const redirections = [`2>&${stderr}`, `${stderr}>&-`, `${control}>&-`, ...closes.map((fd) => `${fd}>&-`)];
  const assignments = [...(last ? ['_="$ns_last"'] : []), ...(level === null ? [] : [`SHLVL=${level + 1}`])];
  const exec = match({ kind, argv0 })
    .with({ kind: 'dash' }, () => 'exec "$@"')
    .with({ argv0: false }, () => 'exec -- "$@"')
    // BusyBox does not search PATH then, so the answer "go" names the file.
    .with({ argv0: true }, () => 'exec -a "$ns_argv0" -- "$@"')
    .exhaustive();
  return [
    ...(argv0 ? ['ns_argv0=$1', 'shift'] : []),
    ...(last ? ['ns_last=$1', 'shift'] : []),
    ...(argv0
      ? [`ns_line=\${ns_line#go}; ns_line=\${ns_line# }`, '[ -z "$ns_line" ] || { shift; set -- "$ns_line" "$@"; }']
      : []),
    // In the group our fds are closed; what the shell keeps of them is CLOEXEC, and back again when the exec fails.
    `{ ${[...assignments, exec].join(' ')}; } ${redirections.join(' ')}`,
    // bash forgets its traps when it tries to exec.
    ...(kind === 'bash' ? [`printf 'failed exec %s\\n' "$?" >&${control}`] : []),
  ];
};

/**
 * Script of the last shell; its arguments are the directory, the environment, `--`, argv[0], `_` (each if there is one),
 * the command and its arguments.
 */
export const commandScript = (script: CommandScript): string => {
  const od = quote(script.od);
  return [
    ...(script.umask === null ? [] : [`umask 0${script.umask.toString(8)}`]),
    ...(script.changesDirectory ? changeDirectory(od, script.control) : []),
    ...answerQuestions(od, script.control),
    ...restoreEnvironment(script),
    ...becomeCommand(script),
  ].join('\n');
};
