import type { Line } from './lines.ts';

/** Words of a line that stand for what the comparing program has prepared. */
export const STANDS_FOR = { pid: '@PID', dir: '@DIR' } as const;

const root = (argv: readonly string[], more: Omit<Line, 'argv' | 'by'> = {}): Line => ({ argv, by: 'root', ...more });
const user = (argv: readonly string[], more: Omit<Line, 'argv' | 'by'> = {}): Line => ({ argv, by: 'user', ...more });
const sh = (script: string): string[] => ['sh', '-c', script];

const WHERE = sh('for ns in cgroup ipc mnt net pid user uts; do readlink /proc/self/ns/$ns; done');
const NAME = ['uname', '-n'];

/** A line that enters nothing, which nsenter(1) refuses since 2.41. */
const nothing = { entersNothing: true } as const;

/** Command lines that nsenter(1) and ns-enter must do alike: same stdout, same exit code. */
export const NSENTER_LINES: readonly Line[] = [
  // Which namespaces.
  root(['-t', '@PID', '-a', ...NAME]),
  root(['-t', '@PID', '-a', ...WHERE]),
  root(['--target', '@PID', '--all', ...WHERE]),
  root(['--target=@PID', '--all', ...NAME]),
  root(['-t@PID', '-a', ...NAME]),
  root(['-at', '@PID', ...NAME]),
  root(['-t', '@PID', '-u', ...WHERE]),
  root(['-t', '@PID', '--uts', ...NAME]),
  root(['-t', '@PID', '-n', ...WHERE]),
  root(['-t', '@PID', '--net', ...WHERE]),
  root(['-t', '@PID', '-i', ...WHERE]),
  root(['-t', '@PID', '-m', ...WHERE]),
  root(['-t', '@PID', '-C', ...WHERE]),
  root(['-t', '@PID', '-p', ...sh('readlink /proc/self/ns/pid')]),
  root(['-t', '@PID', '-m', '-p', 'cat', '/proc/1/comm']),
  root(['-t', '@PID', '-U', ...WHERE]),
  root(['-t', '@PID', '-U', '-u', ...NAME]),
  root(['-t', '@PID', '-u', '-i', '-n', ...WHERE]),
  root(['-t', '@PID', ...WHERE], nothing),
  root(['-t', '@PID', '-T', ...sh('readlink /proc/self/ns/time')], { since: '--time' }),
  root(['-u/proc/@PID/ns/uts', ...NAME]),
  root(['--uts=/proc/@PID/ns/uts', ...NAME]),
  root(['-n/proc/@PID/ns/net', ...WHERE]),
  root(['--net=/proc/@PID/ns/net', '--ipc=/proc/@PID/ns/ipc', ...WHERE]),
  root(['-t', '@PID', '-u', '-n/proc/@PID/ns/net', ...WHERE]),
  root(['-U/proc/@PID/ns/user', '-u/proc/@PID/ns/uts', ...WHERE]),
  root(['-m/proc/@PID/ns/mnt', 'pwd']),
  root(['-n=/proc/@PID/ns/net', ...WHERE], { since: 'nsid' }),
  root(['-F', '-t', '@PID', '-p', ...sh('readlink /proc/$$/ns/pid; readlink /proc/self/ns/pid')]),
  root(['-t', '@PID', '--no-fork', '-p', ...sh('exit 5')]),
  root(['-F', '-t', '@PID', '-u', ...NAME]),
  root(['-t', '@PID', '-N', '999', 'true'], { since: '--net-socket' }),
  root(['-t', '@PID', '-u', '-S', 'follow', 'id', '-u'], { since: '--net-socket' }),
  root(['-t', '@PID:1', '-u', 'true'], { since: 'nsid' }),
  root(['-u:1', '-t', 'zero', 'true'], { since: 'nsid' }),
  root(['-mu', 'true']),
  root(['-u/proc/@PID/ns/net', 'true']),
  root(['-n/nowhere', 'true']),
  root(['-n/etc/passwd', 'true']),
  // Credentials.
  root(['-t', '@PID', '-U', ...sh('id -u; id -g; id -G')]),
  root(['-t', '@PID', '-U', '--preserve-credentials', ...sh('id -u; id -g')]),
  root(['-t', '@PID', '-u', '-S', '12', '-G', '13', ...sh('id -u; id -g; id -G')]),
  root(['-t', '@PID', '-u', '-S12', ...sh('id -u; id -g')]),
  root(['-t', '@PID', '-u', '--setgid=13', ...sh('id -u; id -g; id -G')]),
  root(['-t', '@PID', '-U', '-S', '77', 'id', '-u']),
  root(['-t', '@PID', '-u', '-S', 'nobody-there', 'id', '-u']),
  // Directories.
  root(['-t', '@PID', '-r', '-w', 'pwd'], nothing),
  root(['-t', '@PID', '-w', 'pwd'], nothing),
  root(['-t', '@PID', '--wd', 'pwd'], nothing),
  root(['-t', '@PID', '-w@DIR', 'pwd'], nothing),
  root(['-t', '@PID', '--wd=@DIR', 'pwd'], nothing),
  root(['-t', '@PID', '--wd=/nowhere', 'pwd']),
  root(['-t', '@PID', '-r@DIR', 'pwd'], nothing),
  root(['-t', '@PID', '-m', 'pwd']),
  root(['-t', '@PID', '-m', '--wdns=@DIR', 'pwd'], { since: '--wdns' }),
  root(['-t', '@PID', '-m', '--wdns=/nowhere', 'pwd'], { since: '--wdns' }),
  root(['-w@DIR', '-W', '/', 'pwd'], { since: '--wdns', ...nothing }),
  root(['-w@DIR', 'pwd'], nothing),
  // Exit codes and words that cannot be meant.
  root(['-t', '@PID', '-u', ...sh('exit 7')]),
  root(['-t', '@PID', '-u', '--', 'sh', '-c', 'exit 8']),
  root(['-t', '@PID', '-p', ...sh('kill -TERM $$')]),
  root(['-t', '@PID', '-u', ...sh('kill -TERM $$')]),
  root(['-t', '@PID', '-u', 'no-such-command']),
  root(['-t', '@PID', '-u', '/etc/passwd']),
  root(['-t', '@PID', '-u', '@DIR']),
  root(['-t', '2147483647', '-u', 'true']),
  root(['-t', 'zero', '-u', 'true']),
  root(['-u', 'true']),
  root(['-a', 'true']),
  root(['-r', 'true']),
  root(['-w', 'true']),
  root(['--no-such-option', 'true']),
  root(['-t'], {}),
  root(['-t', '@PID', '-u'], { stdin: 'uname -n\n', env: { SHELL: '/bin/sh' } }),
  root(['-t', '@PID', '-e', ...sh('echo "$RABBIT"')], { since: '--env', ...nothing }),
  // An ordinary user.
  user(['-t', '@PID', '-U', '--preserve-credentials', ...sh('id -u')]),
  user(['-t', '@PID', '-U', '-u', '--preserve-credentials', ...NAME]),
  user(['-t', '@PID', '-U', '-p', '-F', '--preserve-credentials', ...sh('exit 6')]),
  user(['-t', '@PID', '-U', '-u', '--keep-caps', '--preserve-credentials', ...NAME], { since: '--keep-caps' }),
  user(['-t', '@PID', '-u', 'true']),
  user(['-t', '1', '-n', 'true']),
  user(['-t', '@PID', '-U', '-p', '-m', '--preserve-credentials', 'cat', '/proc/1/comm']),
  user(['true'], nothing),
  user(['sh', '-c', 'exit 3'], nothing),
];
