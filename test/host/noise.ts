import fc from 'fast-check';
import { COMMAND } from '../../lib/host/evidence.ts';

type Readings = Readonly<Record<string, string | null>>;

/** Evidence that has nothing to do with any cause, and values that it may have. */
export const NOISE: Readonly<Record<string, readonly (string | null)[]>> = {
  '/proc/self/exe': ['/opt/node/bin/node', '/usr/bin/node'],
  '/proc/self/limits': ['Max processes 100 100 processes', null],
  '/proc/sys/kernel/pid_max': ['32768', '4194304'],
  '/proc/sys/kernel/hostname': ['a', 'zero', 'el7', 'ubuntu', 'docker'],
  '/proc/sys/kernel/unprivileged_bpf_disabled': ['0', '1', '2'],
  '/proc/sys/kernel/yama/ptrace_scope': ['0', '1', '3', null],
  '/proc/sys/kernel/apparmor_restrict_unprivileged_unconfined': ['0', '1', null],
  '/proc/sys/user/max_inotify_watches': ['0', '100'],
  '/proc/sys/user/max_fanotify_marks': ['0', '100'],
  '/proc/sys/vm/overcommit_memory': ['0', '2'],
  '/proc/loadavg': ['0.00 0.00 0.00 1/100 1', '99.00 99.00 99.00 9/9 9'],
  '/sys/fs/cgroup/cgroup.controllers': ['cpu io memory pids', '', null],
  'command podman': ['/usr/bin/podman', null],
  'command bwrap': ['/usr/bin/bwrap', null],
  [`${COMMAND}unshare`]: ['/usr/bin/unshare', null],
  'environment TERM': ['xterm', null],
  'ordinary user': ['ann:1001:1001', null],
  'backend ffi': ['not available: no', 'system calls'],
};

const MOUNTS = [
  '900 1 0:90 / /mnt/share rw,nosuid,relatime shared:9 - nfs4 nas:/share rw,addr=10.0.0.9',
  '901 1 0:91 / /var/lib/snapd/snap/core ro,nodev - squashfs /dev/loop0 ro',
  '902 1 0:92 /sub /srv/proc/x rw - btrfs /dev/sdb1 rw,subvol=/sub',
  '903 1 0:93 / /media/usb\\040stick rw,nosuid - vfat /dev/sdc1 rw',
];
const LOG_LINES = [
  'usb 1-1: new high-speed USB device number 2 using xhci_hcd',
  'audit: type=1400 apparmor="STATUS" operation="profile_load" profile="unconfined" name="cups-browsed"',
  'EXT4-fs (sda1): mounted filesystem with ordered data mode',
  'avc:  denied  { read } for  pid=1 comm="httpd" name="index" tclass=file permissive=0',
  'TCP: request_sock_TCP: Possible SYN flooding on port 80',
];
const ARGUMENTS = ['quiet', 'splash', 'loglevel=3', 'nosmt', 'crashkernel=auto', 'rd.lvm.lv=vg/root', 'net.ifnames=0'];
const CONFIG = ['CONFIG_EXT4_FS=y', '# CONFIG_BTRFS_FS is not set', 'CONFIG_NET=y', 'CONFIG_USERFAULTFD=y'];
const FIELDS = [
  'FDSize:\t64',
  'VmRSS:\t 51200 kB',
  'SigQ:\t0/1',
  'Cpus_allowed:\t3',
  'Umask:\t0022',
  'THP_enabled:\t1',
];

const append = (text: string, lines: readonly string[], by = '\n'): string =>
  [...(text === '' ? [] : [text]), ...lines].join(by);

/** What is changed about evidence that a cause may ask for, and tells nothing new. */
export interface Disturbance {
  readonly isReversed: boolean;
  readonly endsInNewline: boolean;
  readonly mounts: readonly string[];
  readonly log: readonly string[];
  readonly words: readonly string[];
  readonly config: readonly string[];
  readonly fields: readonly string[];
  readonly others: Readings;
}

/** Disturbances of every kind, several at once. */
export const disturbances: fc.Arbitrary<Disturbance> = fc.record({
  isReversed: fc.boolean(),
  endsInNewline: fc.boolean(),
  mounts: fc.subarray(MOUNTS),
  log: fc.subarray(LOG_LINES),
  words: fc.subarray(ARGUMENTS),
  config: fc.subarray(CONFIG),
  fields: fc.subarray(FIELDS),
  others: fc.dictionary(
    fc.stringMatching(/^\/(?:proc\/sys\/net|opt|srv)\/[a-z]{1,8}$/),
    fc.oneof(fc.constantFrom('0', '1', 'N', null), fc.string()),
    { maxKeys: 5 },
  ),
});

const CHANGES: Readonly<Record<string, (text: string, by: Disturbance) => string>> = {
  '/proc/self/mountinfo': (text, { mounts }) => append(text, mounts),
  'kernel log': (text, { log, isReversed }) =>
    append(append('', isReversed ? log : []), [text, ...(isReversed ? [] : log)]),
  '/proc/cmdline': (text, { words }) => append(text, words, ' '),
  'kernel config': (text, { config }) => (text === '' ? text : append(text, config)),
  '/proc/self/status': (text, { fields, isReversed }) => {
    const lines = append(text, fields).split('\n');
    return (isReversed ? lines.reverse() : lines).join('\n');
  },
};

/** The same machine, with more of what does not matter; what is not known stays so. */
export const disturbed = (evidence: Readings, by: Disturbance): Readings => {
  const changed = Object.entries(evidence).map(([source, text]): [string, string | null] => {
    if (text === null) return [source, text];
    const more = CHANGES[source]?.(text, by) ?? text;
    return [source, by.endsInNewline && /^-?\d+$/.test(more) ? `${more}\n` : more];
  });
  return { ...by.others, ...Object.fromEntries(by.isReversed ? changed.reverse() : changed) };
};
