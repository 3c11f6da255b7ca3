import { SHELL_KINDS, type ShellKind } from '../../backends/shell/shells.ts';
import type { Tools } from '../../backends/shell/tools.ts';

const UNSHARE_OPTIONS = [
  '--boottime',
  '--cgroup',
  '--fork',
  '--ipc',
  '--keep-caps',
  '--kill-child',
  '--map-group',
  '--map-root-user',
  '--map-user',
  '--monotonic',
  '--mount',
  '--mount-proc',
  '--net',
  '--pid',
  '--propagation',
  '--setgroups',
  '--time',
  '--user',
  '--uts',
];

const NSENTER_OPTIONS = [
  '--cgroup',
  '--ipc',
  '--mount',
  '--net',
  '--pid',
  '--preserve-credentials',
  '--root',
  '--setgid',
  '--setuid',
  '--time',
  '--user',
  '--user-parent',
  '--uts',
  '--wd',
];

const SETPRIV_OPTIONS = [
  '--ambient-caps',
  '--bounding-set',
  '--clear-groups',
  '--groups',
  '--inh-caps',
  '--keep-groups',
  '--no-new-privs',
  '--pdeathsig',
  '--regid',
  '--reuid',
  '--securebits',
];

/** A machine that has everything, on paper. */
export const TOOLS: Tools = {
  unshare: { path: '/usr/bin/unshare', options: new Set(UNSHARE_OPTIONS) },
  version: '2.41',
  nsenter: { path: '/usr/bin/nsenter', options: new Set(NSENTER_OPTIONS) },
  setpriv: { path: '/usr/bin/setpriv', options: new Set(SETPRIV_OPTIONS) },
  setsid: '/usr/bin/setsid',
  env: { path: '/usr/bin/env', options: new Set(['--default-signal']) },
  od: '/usr/bin/od',
  mount: '/bin/mount',
  ipcmk: '/usr/bin/ipcmk',
  ipcrm: '/usr/bin/ipcrm',
  umount: '/bin/umount',
  hostname: '/bin/hostname',
  domainname: '/bin/domainname',
  busybox: '/bin/busybox',
  perl: '/usr/bin/perl',
  ip: '/usr/sbin/ip',
  nft: '/usr/sbin/nft',
  iptables: '/usr/sbin/iptables',
  ip6tables: '/usr/sbin/ip6tables',
  lsns: '/usr/bin/lsns',
  prlimit: '/usr/bin/prlimit',
  renice: '/usr/bin/renice',
  shells: SHELL_KINDS.map((kind) => ({ kind, path: `/bin/${kind}` })),
  utsFilesWritable: true,
  isRoot: false,
};

/** The same machine with one shell only. */
export const withShell = (kind: ShellKind, tools: Tools = TOOLS): Tools => ({
  ...tools,
  shells: tools.shells.filter((shell) => shell.kind === kind),
});

/** The same machine with a tool that lacks options. */
export const without = (tool: 'unshare' | 'setpriv', lacking: readonly string[], tools: Tools = TOOLS): Tools => {
  const { path = '', options = [] } = tools[tool] ?? {};
  return { ...tools, [tool]: { path, options: new Set([...options].filter((option) => !lacking.includes(option))) } };
};
