import { type Command, Option } from 'commander';
import { quietParser } from '../ns-run/quiet-parser.ts';

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
export interface RawOptions {
  readonly mount?: string;
  readonly uts?: string;
  readonly ipc?: string;
  readonly net?: string;
  readonly pid?: string;
  readonly user?: string;
  readonly cgroup?: string;
  readonly time?: string;
  readonly all?: true;
  readonly target?: readonly string[];
  readonly netSocket?: string;
  readonly root?: string;
  readonly wd?: string;
  readonly wdns?: string;
  readonly setuid?: string;
  readonly setgid?: string;
  readonly preserveCredentials?: true;
  readonly keepCaps?: true;
  readonly fork?: false;
  readonly userParent?: true;
  readonly env?: true;
  readonly joinCgroup?: true;
  readonly followContext?: true;
  readonly backend?: string;
  readonly explain?: true;
  readonly help?: true;
  readonly version?: true;
}

const type = (flags: string, text: string): Option => new Option(`${flags} [file|:nsid]`, text).preset('');

/** Every value of an option that is given more than once. */
const every = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** What stands below the options in the help text. */
export const EXAMPLES = `
Examples:
  $ ns-enter -t 1234 -n ip addr              the addresses that process 1234 has
  $ ns-enter -t 1234 -a                      a shell in everything that process 1234 is in
  $ ns-enter -n/run/netns/blue ping ::1      a network namespace by its name
  $ ns-enter --explain -t 1234 -a true       what would be done, and nothing is

Exit code: the command's own; 128 + the number of the signal that killed it; 1 when ns-enter failed, and the command was
not started; 126 when it could not be executed; 127 when it was not found.
`;

const GROUPS: readonly (readonly [string, readonly Option[]])[] = [
  [
    'What to enter:',
    [
      new Option(
        '-t, --target <pid>',
        'the process whose namespaces are entered; PID:INODE with the inode of its pidfd',
      ).argParser(every),
      new Option('-a, --all', 'all namespaces of the target that the caller is not in'),
      type('-m, --mount', 'mount points'),
      type('-u, --uts', 'host name and NIS domain name'),
      type('-i, --ipc', 'System V IPC, POSIX message queues'),
      type('-n, --net', 'network devices, stacks, ports'),
      new Option('-N, --net-socket <fd>', "the network of a socket of the target's"),
      type('-p, --pid', 'process ids'),
      type('-C, --cgroup', 'the cgroup root directory'),
      type('-U, --user', 'user and group ids, capabilities'),
      type('-T, --time', 'monotonic and boot-time clocks'),
      new Option('--user-parent', 'the user namespace that owns the others, or the parent of --user'),
      new Option('-c, --join-cgroup', "the target's cgroup"),
    ],
  ],
  [
    'What the command is given:',
    [
      new Option('-S, --setuid <uid>', 'the user id, or "follow": the target\'s; 0 with --user'),
      new Option('-G, --setgid <gid>', 'the group id or "follow", without supplementary groups; 0 with --user'),
      new Option('--preserve-credentials', "keep the caller's ids with --user"),
      new Option('--keep-caps', 'keep the capabilities in an entered user namespace, whatever the user id'),
      new Option('-r, --root [dir]', "the target's root directory, or dir").preset(''),
      new Option('-w, --wd [dir]', "the target's working directory, or dir").preset(''),
      new Option('-W, --wdns <dir>', 'the working directory, as seen inside'),
      new Option('-e, --env', 'the environment that the target was started with'),
      new Option('-F, --no-fork', 'do not fork: only children of the command are in an entered pid namespace'),
      new Option('-Z, --follow-context', "the target's SELinux context"),
    ],
  ],
  [
    'ns-enter itself:',
    [
      new Option('--backend <name>', 'auto (the default), ffi or shell'),
      new Option('--explain', 'print what would be done and do nothing'),
      new Option('-h, --help', 'print this text'),
      new Option('-V, --version', 'print the version'),
    ],
  ],
];

/** Makes a parser of its options. */
export const createProgram = (): Command => {
  const command = quietParser(
    'ns-enter',
    '[options] [command [argument...]]',
    'Runs a command, or $SHELL, in the namespaces of other processes. The options are those of nsenter(1).',
  );
  for (const [heading, options] of GROUPS) {
    for (const option of options) command.addOption(option.helpGroup(heading));
  }
  return command;
};
