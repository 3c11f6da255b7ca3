import { match } from 'ts-pattern';

/** The shells whose ways were looked into, in the order of preference: the plainest one first. */
export const SHELL_KINDS = ['dash', 'bash', 'busybox'] as const;

export type ShellKind = (typeof SHELL_KINDS)[number];

/** A shell on this machine. */
export interface Shell {
  readonly kind: ShellKind;
  readonly path: string;
}

/** What a plan asks of the shell that is to become the command. */
export interface ShellNeeds {
  /** fds of two digits and more in redirections: POSIX has one digit only. */
  readonly wideFds: boolean;
  /** An argv[0] that is not the command. */
  readonly argv0: boolean;
  /** The command's variables, by name. */
  readonly env: ReadonlyMap<string, string>;
  /** The value of PATH when the command is searched; null when it has a slash. */
  readonly searchPath: string | null;
}

/** The words that start a shell with a script; nothing of a user's own start-up files is read. */
export const shellWords = ({ kind, path }: Shell, script: string): readonly string[] =>
  match(kind)
    .with('dash', () => [path, '-c', script])
    // Without -p, exported functions would be parsed; without --norc, ~/.bashrc is read when stdin is a socket.
    .with('bash', () => [path, '--norc', '-p', '-c', script])
    .with('busybox', () => [path, 'sh', '-c', script])
    .exhaustive();

/** Names that a shell can have as a variable. */
export const isIdentifier = (name: string): boolean => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);

/** Variables that bash computes or keeps read-only, or that change how it goes on: it cannot pass on what it was given. */
const KEPT_BY_BASH: ReadonlySet<string> = new Set([
  'BASHOPTS',
  'BASHPID',
  'BASH_ALIASES',
  'BASH_ARGC',
  'BASH_ARGV',
  'BASH_CMDS',
  'BASH_COMMAND',
  'BASH_COMPAT',
  'BASH_LINENO',
  'BASH_REMATCH',
  'BASH_SOURCE',
  'BASH_SUBSHELL',
  'BASH_VERSINFO',
  'BASH_XTRACEFD',
  'DIRSTACK',
  'EPOCHREALTIME',
  'EPOCHSECONDS',
  'EUID',
  'EXECIGNORE',
  'FUNCNAME',
  'GROUPS',
  'HISTCMD',
  'LINENO',
  'MAPFILE',
  'OPTIND',
  'PIPESTATUS',
  'POSIXLY_CORRECT',
  'PPID',
  'RANDOM',
  'SECONDS',
  'SHELLOPTS',
  'SRANDOM',
  'UID',
]);

/** bash counts SHLVL down before an exec and warns above 999; what is no plain number becomes 0. */
const isLevel = (value: string): boolean => /^(0|[1-9]\d{0,2})$/.test(value) && Number(value) < 998;

/** The variables among those of a command that a shell would lose or change. */
const lostVariable = (kind: ShellKind, env: ShellNeeds['env']): string | undefined =>
  [...env].find(([name, value]) =>
    match(kind)
      .with('bash', () => KEPT_BY_BASH.has(name) || (name === 'SHLVL' && !isLevel(value)))
      .with('dash', () => !isIdentifier(name) || (name === 'OPTIND' && !/^\d{1,9}$/.test(value)))
      .with('busybox', () => !isIdentifier(name))
      .exhaustive(),
  )?.[0];

/**
 * What of a plan is beyond a shell.
 *
 * @returns a name for it, for a person; null when the shell is good for all of it
 */
export const beyondShell = ({ kind }: Shell, needs: ShellNeeds): string | null => {
  const variable = lostVariable(kind, needs.env);
  if (variable !== undefined) return `the environment variable ${JSON.stringify(variable)}`;
  if (kind !== 'dash') return null;
  if (needs.wideFds) return 'file descriptors above 9';
  if (needs.argv0) return 'an argv[0] that is not the command';
  // dash takes "%builtin" and "%func" at the end of an entry of PATH for words of its own.
  return needs.searchPath?.includes('%') === true ? 'a PATH with "%" in it' : null;
};
