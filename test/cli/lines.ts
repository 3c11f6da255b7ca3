/** A command line that unshare(1) and ns-run must do alike: same stdout, same exit code. */
export interface Line {
  /** The words after the program's name. */
  readonly argv: readonly string[];
  /** `user`: an ordinary user may, too; all others take CAP_SYS_ADMIN. */
  readonly by: 'root' | 'user';
  readonly stdin?: string;
  /** Variables beside the caller's; undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** A word that unshare's help text has to have: older ones lack the option. */
  readonly since?: string;
  /** Ids of the caller's in /etc/subuid and /etc/subgid are wanted, and newuidmap(1). */
  readonly subids?: true;
  /** nsenter's is told to enter nothing, which newer ones refuse. */
  readonly entersNothing?: true;
  /** A tool without which the line says nothing. */
  readonly tool?: string;
}

const user = (argv: readonly string[], more: Omit<Line, 'argv' | 'by'> = {}): Line => ({ argv, by: 'user', ...more });
const root = (argv: readonly string[], more: Omit<Line, 'argv' | 'by'> = {}): Line => ({ argv, by: 'root', ...more });

const sh = (script: string, ...args: string[]): string[] => ['sh', '-c', script, ...args];

const IDS = sh('id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups');
/** The optional fields of the root mount, without the numbers of the peer groups, which differ. */
const PROPAGATION = sh(
  "sed -n 's|^[^ ]* [^ ]* [^ ]* / / [^ ]* \\(.*\\) - .*|\\1|p' /proc/self/mountinfo | sed 's/:[0-9]*//g'",
);
const NEW_IPC = sh('tail -n +2 /proc/sysvipc/msg | wc -l');
const LINKS = sh("cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' '");
const TMPFS = sh('mount -t tmpfs none /tmp && ls -A /tmp | wc -l');
const CAPS = sh("grep -E '^(Cap|Uid|Gid|Groups)' /proc/self/status");
const CLOCK = ['cat', '/proc/self/timens_offsets'];

/** Lines about users and groups. */
const identities: readonly Line[] = [
  user(['-r', ...IDS]),
  user(['--map-root-user', ...IDS]),
  user(['-c', ...IDS]),
  user(['-U', ...IDS]),
  user(['--user', 'id', '-u']),
  user(['--map-user=5', ...IDS]),
  user(['--map-user', '5', 'id', '-u']),
  user(['--map-group=7', ...IDS]),
  user(['--map-user=3', '--map-group=4', ...IDS]),
  user(['--map-user=root', 'id', '-u']),
  user(['--map-group=root', 'id', '-g']),
  user(['-r', '--map-user=3', ...IDS]),
  user(['--map-user=3', '-r', ...IDS]),
  user(['-c', '-r', ...IDS]),
  user(['-r', '-c', ...IDS]),
  user(['--map-user=9', '--map-user=8', 'id', '-u']),
  user(['-U', '--setgroups', 'deny', 'cat', '/proc/self/setgroups']),
  user(['-U', '--setgroups=allow', 'cat', '/proc/self/setgroups']),
  root(['--map-users=0:0:10', '--map-groups=0:0:10', ...IDS], { since: '<inneruid>:<outeruid>:<count>' }),
];

const MAPS = sh('cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups');

/** Lines about ids that /etc/subuid and /etc/subgid give: 1,000 from 200,000 on, 500 from 300,000 on. */
const subordinates: readonly Line[] = [
  user(['--map-auto', ...MAPS], { since: '--map-auto', subids: true }),
  user(['-r', '--map-auto', ...IDS], { since: '--map-auto', subids: true }),
  user(['--map-auto', '--map-root-user', ...IDS], { since: '--map-auto', subids: true }),
  user(['-c', '--map-auto', ...IDS], { since: '--map-auto', subids: true }),
  user(['--map-user=5', '--map-group=7', '--map-auto', ...IDS], { since: '--map-auto', subids: true }),
  user(['-r', '--map-users=auto', '--map-groups=auto', ...IDS], { since: '--map-users', subids: true }),
  user(['-r', '--map-users=auto', ...MAPS], { since: '--map-users', subids: true }),
  user(['-r', '--map-users=200000,1,10', '--map-groups=300000,1,10', ...IDS], { since: '--map-users', subids: true }),
  user(['-r', '--map-users=200000,0,10', '--map-groups', '300000,0,10', ...IDS], {
    since: '--map-users',
    subids: true,
  }),
  user(['-r', '--map-auto', '-m', '-p', '-f', '--mount-proc', ...IDS], { since: '--map-auto', subids: true }),
  user(['-r', '--map-auto', '-S', '5', '-G', '7', ...IDS], { since: '--map-auto', subids: true }),
  user(['-r', '--map-auto', '--keep-caps', ...CAPS], { since: '--map-auto', subids: true }),
  user(['-r', '--map-subids', ...IDS], { since: '--map-subids', subids: true }),
];

/** Lines about the other namespaces. */
const namespaces: readonly Line[] = [
  user(['-r', '-f', '-p', ...sh('echo $$')]),
  user(['-rfp', '--mount-proc', 'readlink', '/proc/self']),
  user(['-rfp', '--mount-proc=/proc', 'cat', '/proc/1/comm']),
  user(['-Urpf', ...sh('echo $$; id -u')]),
  user(['-r', '-m', ...TMPFS]),
  user(['-r', '-n', ...LINKS]),
  user(['-r', '-i', ...NEW_IPC]),
  user(['-r', '-C', 'cat', '/proc/self/cgroup']),
  user(['-r', '-T', '-f', ...CLOCK]),
  user(['-r', '-u', ...sh('hostname matrix && hostname')], { tool: 'hostname' }),
  user(['-rm', ...PROPAGATION]),
  user(['-rm', '--propagation', 'slave', ...PROPAGATION]),
  user(['-rm', '--propagation=unchanged', ...PROPAGATION]),
  root(['-f', '-p', ...sh('echo $$')]),
  root(['--fork', '--pid', '--mount-proc', 'readlink', '/proc/self']),
  root(['-m', ...TMPFS]),
  root(['-n', ...LINKS]),
  root(['-i', ...NEW_IPC]),
  root(['-C', 'cat', '/proc/self/cgroup']),
  root(['-T', '-f', ...CLOCK]),
  root(['-u', ...sh('hostname matrix && hostname')], { tool: 'hostname' }),
  root(['-m', ...PROPAGATION]),
  root(['-m', '--propagation=private', ...PROPAGATION]),
  root(['-m', '--propagation=shared', ...PROPAGATION]),
  root(['-m', '--propagation', 'slave', ...PROPAGATION]),
  root(['-muinpCTf', '--mount-proc', ...sh('echo $$; readlink /proc/self >/dev/null && ls /proc/1/ns | head -n 1')]),
];

/** Lines about capabilities, ids at the end, and clocks. */
const privileges: readonly Line[] = [
  user(['-r', ...CAPS]),
  user(['-c', ...CAPS]),
  user(['-U', ...CAPS]),
  user(['-r', '--keep-caps', ...CAPS]),
  user(['-c', '--keep-caps', ...CAPS]),
  user(['-U', '--keep-caps', ...CAPS]),
  user(['--map-user=5', '--keep-caps', ...CAPS]),
  user(['-cm', '--keep-caps', ...TMPFS]),
  user(['--keep-caps', ...CAPS]),
  user(['-r', '-S', '0', ...IDS]),
  user(['-r', '--setuid=0', ...CAPS]),
  root(['-S', '5', ...CAPS]),
  root(['--setuid', '65534', 'id', '-u']),
  root(['-G', '5', ...CAPS]),
  root(['-G5', '-S', '6', ...CAPS]),
  root(['--setgid=5', 'id', '-G']),
  root(['-m', '-S', '7', ...sh('id -u; cat /proc/self/loginuid >/dev/null 2>&1; echo $$ >/dev/null')]),
  user(['-rT', '-f', '--monotonic', '100', ...CLOCK]),
  user(['-rT', '-f', '--boottime', '100', ...CLOCK]),
  user(['-rT', '-f', '--monotonic=-1', '--boottime=7', ...CLOCK]),
  root(['-T', '-f', '--monotonic', '1000000', ...CLOCK]),
  root([
    '-T',
    '-f',
    '--boottime=86400',
    ...sh('cut -d. -f1 /proc/uptime >/dev/null; sed -n 2p /proc/self/timens_offsets'),
  ]),
];

/** Lines about the command itself. */
const commands: readonly Line[] = [
  user(sh('echo plain; exit 3')),
  user(['-f', ...sh('exit 4')]),
  user(['-r', 'cat'], { stdin: 'what the caller says' }),
  user(['-r', ...sh('echo "$0" "$@"', '-a', '-b', '--c', '--', '-r')]),
  user(['--', 'echo', '-r', '--']),
  user(['-r', '--', ...sh('id -u')]),
  user(['-r', 'echo', '--mount-proc', '-p']),
  user(['-r', '-w', '/usr', 'pwd']),
  user(['-r', '-w/usr', 'pwd']),
  user(['-rw', '/', 'pwd']),
  user(['--wd=/usr', 'pwd']),
  user(['-r', '-fp', '--kill-child', 'echo', 'ok']),
  user(['-r', '-fp', '--kill-child=TERM', 'echo', 'ok']),
  user(['-f', '--kill-child=sigint', 'echo', 'ok']),
  user(['--map-root', 'id', '-u']),
  user(['--kill', 'echo', 'abbreviated']),
  user(['-r', ...sh('kill -TERM $$')]),
  user(['-r', ...sh('kill -KILL $$')]),
  user(['-f', ...sh('kill -HUP $$')]),
  user(['-r', 'no-such-command-here']),
  user(['/no/such/command']),
  user(['-r', '/etc/passwd']),
  user(['/']),
  user(['-r'], { stdin: 'echo "$0"; id -u', env: { SHELL: '/bin/sh' } }),
  user(['-r'], { stdin: 'echo "$0"', env: { SHELL: undefined } }),
  user(['env'], { env: { MATRIX: 'a = b\n c' } }),
  user(['--clear-env', '/usr/bin/env'], { since: '--clear-env' }),
  user(['--whitelist-env', 'MATRIX,NONE', '/usr/bin/env'], { since: '--whitelist-env', env: { MATRIX: 'in' } }),
  user(['--forward-signals', 'echo', 'ok'], { since: '--forward-signals' }),
];

export const LINES: readonly Line[] = [...identities, ...subordinates, ...namespaces, ...privileges, ...commands];
