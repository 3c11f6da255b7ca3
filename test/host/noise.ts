/** Evidence that has nothing to do with any cause, and values that it may have. */
export const NOISE: Readonly<Record<string, readonly (string | null)[]>> = {
  '/proc/self/exe': ['/opt/node/bin/node', '/usr/bin/node'],
  '/proc/self/limits': ['Max processes 100 100 processes', null],
  '/proc/sys/kernel/pid_max': ['32768', '4194304'],
  '/proc/sys/kernel/hostname': ['a', 'zero'],
  '/proc/sys/kernel/unprivileged_bpf_disabled': ['0', '1', '2'],
  '/proc/sys/kernel/yama/ptrace_scope': ['0', '1', '3', null],
  '/proc/sys/kernel/apparmor_restrict_unprivileged_unconfined': ['0', '1', null],
  '/proc/sys/user/max_inotify_watches': ['0', '100'],
  '/proc/sys/vm/overcommit_memory': ['0', '2'],
  '/proc/loadavg': ['0.00 0.00 0.00 1/100 1', '99.00 99.00 99.00 9/9 9'],
  '/sys/fs/cgroup/cgroup.controllers': ['cpu io memory pids', '', null],
  'command podman': ['/usr/bin/podman', null],
  'command bwrap': ['/usr/bin/bwrap', null],
  'environment TERM': ['xterm', null],
};
