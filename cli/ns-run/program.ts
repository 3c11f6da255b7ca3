import { type Command, Option } from 'commander';
import { type MountNotes, mountListeners, mountOptions, noMounts } from './mounts.ts';
import { type PrivilegeOptions, privilegeOptions, processOptions } from './privileges.ts';
import { quietParser, usualTerm } from './quiet-parser.ts';
import { refusedOptions } from './refused.ts';

/** Options that mean one of the eight types; the type is named as its file in /proc/PID/ns. */
export const TYPE_OPTIONS = {
  mount: 'mnt',
  uts: 'uts',
  ipc: 'ipc',
  net: 'net',
  pid: 'pid',
  user: 'user',
  cgroup: 'cgroup',
  time: 'time',
} as const;

/** What commander hands over: every value as it was written, nothing checked but its presence. */
export interface RawOptions extends PrivilegeOptions {
  readonly mount?: string;
  readonly uts?: string;
  readonly ipc?: string;
  readonly net?: string;
  readonly pid?: string;
  readonly user?: string;
  readonly cgroup?: string;
  readonly time?: string;
  readonly all?: true;
  readonly fork?: true;
  readonly mountProc?: string;
  readonly propagation?: string;
  readonly root?: string;
  readonly pivotRoot?: string;
  readonly init?: true;
  readonly pty?: true;
  readonly wd?: string;
  readonly monotonic?: string;
  readonly boottime?: string;
  readonly hostname?: string;
  readonly domainname?: string;
  readonly mapUsers?: readonly string[];
  readonly mapGroups?: readonly string[];
  readonly mapAuto?: true;
  readonly mapSubids?: true;
  readonly setgroups?: string;
  readonly killChild?: string;
  readonly forwardSignals?: true;
  readonly timeout?: string;
  readonly clearEnv?: true;
  readonly whitelistEnv?: readonly string[];
  readonly env?: readonly string[];
  readonly backend?: string;
  readonly explain?: true;
  readonly help?: true;
  readonly version?: true;
}

/** Whom the caller is to be inside: a number or a name as it was written, or `own` for the id of the caller. */
export interface Inner {
  readonly mounts: MountNotes;
  user?: { readonly written: string } | 'own';
  group?: { readonly written: string } | 'own';
}

/** The parser, and what it notes while it reads, because there the last option wins over the ones before. */
export interface Program {
  readonly command: Command;
  readonly inner: Inner;
}

const ROOT = { written: '0' };

const gather = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value];

/** An option that may be given more than once. */
const repeatable = (flags: string, text: string): Option => new Option(flags, text).argParser(gather);

const type = (flags: string, text: string): Option => new Option(`${flags} [file]`, text).preset('');

/** What stands below the options in the help text. */
export const EXAMPLES = `
Examples:
  $ ns-run -r -p --mount-proc                   a shell that is root and pid 1, for an ordinary user
  $ ns-run -r -u --hostname=matrix hostname     matrix
  $ ns-run -r -n ip link                        lo, down, and nothing else
  $ ns-run --explain -r -p --mount-proc ps ax   what would be done, and nothing is

Exit code: the command's own; 128 + the number of the signal that killed it; 124 when --timeout ran out; 125 when
ns-run failed, and the command was not started; 126 when it could not be executed; 127 when it was not found.
`;

const GROUPS: readonly (readonly [string, readonly Option[]])[] = [
  [
    'Namespaces:',
    [
      type('-m, --mount', 'mount points'),
      type('-u, --uts', 'host name and NIS domain name'),
      type('-i, --ipc', 'System V IPC, POSIX message queues'),
      type('-n, --net', 'network devices, stacks, ports'),
      type('-p, --pid', 'process ids; the command is pid 1'),
      type('-U, --user', 'user and group ids, capabilities'),
      type('-C, --cgroup', 'the cgroup root directory'),
      type('-T, --time', 'monotonic and boot-time clocks'),
      new Option('--all', 'all eight'),
    ],
  ],
  [
    'Users and groups (a map implies --user):',
    [
      new Option('-r, --map-root-user', 'be root inside'),
      new Option('-c, --map-current-user', 'be the same user and group inside'),
      new Option('--map-user <uid|name>', 'be this user inside'),
      new Option('--map-group <gid|name>', 'be this group inside'),
      repeatable('--map-users <inside:outside:count>', 'map a range of users, or auto, subids, all; may be repeated'),
      repeatable('--map-groups <inside:outside:count>', 'map a range of groups, or auto, subids, all; may be repeated'),
      new Option('--map-auto', 'map the ids of /etc/subuid and /etc/subgid, from 0 on'),
      new Option('--map-subids', 'map the ids of /etc/subuid and /etc/subgid, unchanged'),
      new Option('--setgroups <allow|deny>', 'whether setgroups(2) may be called inside; wants --user'),
    ],
  ],
  ['Privileges:', privilegeOptions()],
  ['Its process:', processOptions()],
  [
    'What the command finds:',
    [
      new Option('--mount-proc [dir]', 'mount a new proc on /proc, or on dir; implies --mount').preset('/proc'),
      new Option('--propagation <mode>', 'private (the default), slave, shared or unchanged; wants --mount'),
      new Option('--hostname <name>', 'the host name; implies --uts'),
      new Option('--domainname <name>', 'the NIS domain name; implies --uts'),
      new Option('--monotonic <offset>', 'seconds that the monotonic clock is ahead; wants --time'),
      new Option('--boottime <offset>', 'seconds that the boot-time clock is ahead; wants --time'),
      new Option('-R, --root <dir>', 'the root directory; by pivot_root with --mount, else by chroot'),
      new Option('-w, --wd <dir>', 'the working directory'),
      new Option('--clear-env', 'an empty environment'),
      repeatable('--whitelist-env <names>', 'an environment of these variables only; separated by commas'),
      repeatable('--env <name=value>', 'one more variable; may be repeated'),
    ],
  ],
  [
    'Mounts, in this order (each implies --mount):',
    [
      new Option('--pivot-root [dir]', 'a new root: a directory, or an empty one in memory').preset(''),
      ...mountOptions(),
    ],
  ],
  [
    'Signals and time:',
    [
      new Option('-f, --fork', 'accepted from scripts; the command always is a child of ns-run'),
      new Option('--kill-child [signal]', 'when ns-run dies, the command gets SIGKILL, or this signal').preset(
        'SIGKILL',
      ),
      new Option('--init', 'a small pid 1 that takes the status of orphans and passes on signals; implies --pid'),
      new Option('--pty', 'a terminal of its own for the command'),
      new Option('--forward-signals', 'pass on SIGINT too; SIGTERM and SIGHUP always are'),
      new Option('--timeout <duration>', 'kill the command after so long: 10, 1.5s, 500ms, 2m, 1h'),
    ],
  ],
  [
    'ns-run itself:',
    [
      new Option('--backend <name>', 'auto (the default), ffi or shell'),
      new Option('--explain', 'print what would be done and do nothing'),
      new Option('-h, --help', 'print this text'),
      new Option('-V, --version', 'print the version'),
    ],
  ],
];

/** What is refused for a type, a file, is not offered. */
const helpTerm = (option: Option): string =>
  option.attributeName() in TYPE_OPTIONS ? option.flags.replace(' [file]', '') : usualTerm(option);

/** Makes a parser of its options, and what takes notes while it reads them. */
export const createProgram = (): Program => {
  const inner: Inner = { mounts: noMounts() };
  const command = quietParser(
    'ns-run',
    '[options] [command [argument...]]',
    'Runs a command, or $SHELL, in new namespaces. The options are those of unshare(1).',
    helpTerm,
  );
  for (const [heading, options] of GROUPS) {
    for (const option of options) command.addOption(option.helpGroup(heading));
  }
  for (const option of refusedOptions()) command.addOption(option);
  for (const [name, note] of mountListeners(inner.mounts)) command.on(`option:${name}`, note);
  command.on('option:map-root-user', () => Object.assign(inner, { user: ROOT, group: ROOT }));
  command.on('option:map-current-user', () => Object.assign(inner, { user: 'own', group: 'own' }));
  command.on('option:map-user', (written: string) => Object.assign(inner, { user: { written } }));
  command.on('option:map-group', (written: string) => Object.assign(inner, { group: { written } }));
  return { command, inner };
};
