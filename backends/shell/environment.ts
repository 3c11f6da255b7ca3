import type { SpawnPlan } from '../../lib/plan.ts';
import { isIdentifier } from './shells.ts';

/** How the command's environment reaches it through the tools and shells of the set-up. */
export interface Passage {
  /** What the tools are started with, and hand on. */
  readonly carried: Readonly<Record<string, string>>;
  /** `NAME=value` that the last shell exports just before its exec. */
  readonly exported: readonly string[];
  /** All variables of the command. */
  readonly all: ReadonlyMap<string, string>;
}

/** Our own names in the scripts; a command cannot be given them. */
export const RESERVED_NAMES: readonly string[] = ['ns_line', 'ns_argv0', 'ns_last'];

/** Variables by which loader, C library, tools or shells would do something else than without them. */
const MEANINGFUL: ReadonlySet<string> = new Set(
  `ATTY BLOCKSIZE BLOCK_SIZE CDPATH CHILD_MAX COLUMNS COPROC DIRSTACK EMACS ENV EPOCHREALTIME EPOCHSECONDS EUID
  EXECIGNORE FCEDIT FIGNORE FPATH FUNCNAME FUNCNEST GLOBIGNORE GROUPS HOSTALIASES HOSTFILE HOSTNAME HOSTTYPE IFS
  IGNOREEOF INPUTRC INSIDE_EMACS LANG LANGUAGE LINENO LINES LOCALDOMAIN LOCPATH MACHTYPE MAIL MAILCHECK MAILPATH
  MAPFILE NLSPATH NODE_V8_COVERAGE OLDPWD OPTARG OPTERR OPTIND OSTYPE OUTPUT_CHARSET PATH PIPESTATUS POSIXLY_CORRECT PPID
  PROMPT_COMMAND PS0 PS1 PS2 PS3 PS4 PWD QUOTING_STYLE RANDOM REPLY RES_OPTIONS RESOLV_HOST_CONF SECONDS SHELLOPTS
  SHLVL SRANDOM TIMEFORMAT TMOUT TMPDIR UID _ auto_resume histchars`.split(/\s+/),
);

const MEANINGFUL_PREFIX = /^(BASH|COMP_|GCONV|GLIBC_|HIST|LC_|LD_|LIBMOUNT_|MALLOC_|PERL|READLINE_|UL_)/;

const goesAround = (name: string): boolean =>
  // A name that is no identifier is nothing to any of them; a shell that carries such names does it unseen.
  isIdentifier(name) && (MEANINGFUL.has(name) || MEANINGFUL_PREFIX.test(name));

/** What the last shell takes out of its environment: what the set-up, the shells and Node.js put in. */
export const ADDED_NAMES: readonly string[] = ['LC_ALL', 'NODE_V8_COVERAGE', 'OLDPWD', 'PATH', 'PWD', 'SHLVL', '_'];

/**
 * Parts an environment: what means nothing to the tools goes through their environment, which others cannot read; the
 * rest, from LD_PRELOAD to PATH, goes around them as arguments.
 */
export const passage = (env: SpawnPlan['env']): Passage => {
  const lines = env ?? Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
  const carried: Record<string, string> = Object.create(null);
  const exported: string[] = [];
  const all = new Map<string, string>();
  for (const line of lines) {
    const equals = line.indexOf('=');
    const [name, value] = [line.slice(0, equals), line.slice(equals + 1)];
    all.set(name, value);
    if (goesAround(name)) exported.push(line);
    else carried[name] = value;
  }
  // Messages are parsed: they must be those of the C locale.
  carried['LC_ALL'] = 'C';
  return { carried, exported, all };
};
