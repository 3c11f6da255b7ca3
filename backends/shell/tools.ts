import { accessSync, constants, realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { err, ok, type Result } from 'neverthrow';
import { findProgram } from '../../lib/program-path.ts';
import { ask } from './run.ts';
import { SHELL_KINDS, type Shell, type ShellKind } from './shells.ts';

/** A tool with the long options that its `--help` names. */
interface Tool {
  readonly path: string;
  readonly options: ReadonlySet<string>;
}

/** What was found on this machine; paths are absolute, null stands for what is not there. */
export interface Tools {
  readonly unshare: Tool;
  /** The release of util-linux, as `unshare --version` says it: `2.38.1`. */
  readonly version: string;
  readonly nsenter: Tool | null;
  readonly setpriv: Tool | null;
  readonly setsid: string | null;
  readonly env: Tool | null;
  readonly od: string;
  readonly mount: string | null;
  readonly ipcmk: string | null;
  readonly ipcrm: string | null;
  readonly lsns: string | null;
  readonly umount: string | null;
  readonly hostname: string | null;
  readonly domainname: string | null;
  readonly busybox: string | null;
  readonly perl: string | null;
  readonly ip: string | null;
  readonly nft: string | null;
  readonly iptables: string | null;
  readonly ip6tables: string | null;
  readonly prlimit: string | null;
  readonly renice: string | null;
  /** In the order of preference, at least one. */
  readonly shells: readonly Shell[];
  /** Whether this process may write the names below /proc/sys/kernel. */
  readonly utsFilesWritable: boolean;
  /** Whether this process is uid 0. */
  readonly isRoot: boolean;
}

const isWritable = (path: string): boolean => {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
};

/** The long options in a help text. */
export const longOptions = (help: string): ReadonlySet<string> =>
  new Set([...help.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)].map(([option]) => option));

/** The release in what `--version` prints; null for a tool that is not of util-linux. */
export const utilLinuxVersion = (text: string): string | null =>
  /\butil-linux (?:ng )?(\d+(?:\.\d+)*)/.exec(text)?.[1] ?? null;

const tool = (path: string | null): Tool | null =>
  path === null ? null : { path, options: longOptions(ask(path, ['--help'])) };

const findShells = (): readonly Shell[] => {
  const found = new Map<ShellKind, Shell>();
  for (const name of [...SHELL_KINDS, 'sh']) {
    const path = findProgram(name);
    if (path === null) continue;
    // What a link named sh is, only its target tells.
    const target = realpathSync(path);
    const kind = SHELL_KINDS.find((known) => known === basename(target));
    if (kind === undefined || found.has(kind)) continue;
    found.set(kind, { kind, path: target });
  }
  return SHELL_KINDS.flatMap((kind) => found.get(kind) ?? []);
};

/**
 * Looks for the tools, and asks unshare, nsenter, setpriv and env what they can.
 *
 * @remarks Blocks for the milliseconds that five `--help` and `--version` take.
 * @returns the tools, or the reason why this backend cannot work without one of them
 */
export const findTools = (): Result<Tools, string> => {
  const unshare = findProgram('unshare');
  if (unshare === null) return err('There is no unshare(1) in PATH, wanted that of util-linux');
  const version = utilLinuxVersion(ask(unshare, ['--version']));
  if (version === null) return err(`"${unshare}" does not say its version, wanted the unshare(1) of util-linux`);
  const od = findProgram('od');
  if (od === null) return err('There is no od(1) in PATH, wanted that of coreutils or BusyBox');
  const shells = findShells();
  if (shells.length === 0) return err(`There is no shell that is known, wanted one of ${SHELL_KINDS.join(', ')}`);
  return ok({
    unshare: { path: unshare, options: longOptions(ask(unshare, ['--help'])) },
    version,
    nsenter: tool(findProgram('nsenter')),
    setpriv: tool(findProgram('setpriv')),
    setsid: findProgram('setsid'),
    env: tool(findProgram('env')),
    od,
    mount: findProgram('mount'),
    ipcmk: findProgram('ipcmk'),
    ipcrm: findProgram('ipcrm'),
    lsns: findProgram('lsns'),
    umount: findProgram('umount'),
    hostname: findProgram('hostname'),
    domainname: findProgram('domainname') ?? findProgram('nisdomainname'),
    busybox: findProgram('busybox'),
    perl: findProgram('perl'),
    ip: findProgram('ip'),
    nft: findProgram('nft'),
    iptables: findProgram('iptables'),
    ip6tables: findProgram('ip6tables'),
    prlimit: findProgram('prlimit'),
    renice: findProgram('renice'),
    shells,
    utsFilesWritable: isWritable('/proc/sys/kernel/hostname'),
    isRoot: process.geteuid?.() === 0,
  });
};

/** Finds the tools once; a machine where they are missing is looked at again, because they may be installed meanwhile. */
export const knownTools = ((): (() => Result<Tools, string>) => {
  let known: Result<Tools, string> | null = null;
  return () => {
    if (known === null || known.isErr()) known = findTools();
    return known;
  };
})();
