import type { Cause } from '../cause.ts';
import { isInContainer } from '../confinement.ts';
import { type Facts, SOURCE } from '../facts.ts';
import { type Failure, isFreeFilesystem, isMaking, said } from '../failure.ts';
import { isOlder } from '../kernel.ts';
import { asRoot, hostCommands } from '../remedy.ts';

/** The first Linux that has a system call. */
const SINCE: Readonly<Record<string, string>> = {
  clone3: '5.3',
  pidfd_open: '5.3',
  pidfd_send_signal: '5.1',
  open_tree: '5.2',
  move_mount: '5.2',
  mount_setattr: '5.12',
  setns: '3.0',
};

/** The switches that guides tell people to set. */
const SWITCH =
  /(?:kernel[./])?(unprivileged_userns_clone|userns_restrict|apparmor_restrict_unprivileged_userns|max_(?:user|net|mnt|pid|ipc|uts|cgroup|time)_namespaces)/;

const switchFile = ({ text }: Failure): string | null => {
  const name = SWITCH.exec(text ?? '')?.[1];
  return name === undefined ? null : `/proc/sys/${name.startsWith('max_') ? 'user' : 'kernel'}/${name}`;
};

/** Whether somebody could not find a switch, or asks for one that is not there. */
const missesSwitch = (failure: Failure, facts: Facts): boolean => {
  const file = switchFile(failure);
  if (file === null || typeof facts.evidence.read(file) === 'string') return false;
  const isNotFound = new RegExp(
    `(?:${SWITCH.source}).*(?:unknown key|no such file)|cannot stat .*(?:${SWITCH.source})`,
    'i',
  );
  const isWanted = new RegExp(`\\bneeds?\\b.*(?:${SWITCH.source}).*\\bset to\\b`, 'i');
  return (
    isNotFound.test(failure.text ?? '') || (facts.evidence.read(file) === null && isWanted.test(failure.text ?? ''))
  );
};

/** A sysctl that could not be written, in a message. */
const REFUSED_SYSCTL =
  /(?:user\.max_\w+|max_\w+_namespaces|userns_clone|apparmor_restrict\w+).*read-only file system|permission denied on key/i;

/** What only looks like a matter of the machine. */
export const otherCauses: readonly Cause[] = [
  {
    id: 'proc-sys-readonly',
    matches: ({ text }, facts) =>
      REFUSED_SYSCTL.test(text ?? '') ? (isInContainer(facts.confined()) ? 'certain' : 'likely') : null,
    summary: (_, facts) =>
      `/proc/sys ${isInContainer(facts.confined()) ? 'cannot be written in this container' : 'most likely is that of a container, where it cannot be written'}: the setting is the host’s`,
    sources: () => [`${SOURCE.mountinfo}#mounts on /proc/sys`],
    remedy: (facts, failure) => {
      const file = switchFile(failure);
      const key = file === null ? 'KEY' : file.slice('/proc/sys/'.length).replace('/', '.');
      return [`${asRoot(facts, `sysctl -w ${key}=VALUE`)}  # on the host`];
    },
  },
  {
    id: 'file-absent-means-nothing',
    matches: (failure, facts) => (missesSwitch(failure, facts) ? 'likely' : null),
    summary: (failure) =>
      `this kernel most likely has no switch ${switchFile(failure) ?? 'of this name'}, and needs none: only some distributions add it, and where it is absent it forbids nothing`,
    sources: (failure) => [switchFile(failure) ?? SOURCE.release, SOURCE.release],
    remedy: () => ['leave the setting out', 'unshare --user --map-root-user true  # whether user namespaces work'],
  },
  {
    id: 'idmap-unsupported',
    matches: (failure, facts) => {
      if (failure.step !== 'idmapped-mount' || !said(failure, 'EINVAL', 'ENOSYS', 'EPERM')) return null;
      // Whose file system it is comes first.
      const { filesystem } = failure;
      if (filesystem != null && !isFreeFilesystem(filesystem) && facts.inFirstUserNamespace() === false) return null;
      const kernel = facts.kernel();
      if (kernel === null) return failure.errno === 'ENOSYS' ? 'likely' : 'possible';
      if (isOlder(kernel, '5.12')) return 'certain';
      return failure.filesystem === 'tmpfs' && isOlder(kernel, '6.3') ? 'certain' : 'likely';
    },
    summary: (failure, facts) => {
      const kernel = facts.kernel();
      const isOld =
        kernel !== null && (isOlder(kernel, '5.12') || (failure.filesystem === 'tmpfs' && isOlder(kernel, '6.3')));
      return isOld
        ? 'this kernel is too old: id-mapped mounts came with Linux 5.12, for tmpfs with 6.3'
        : `the filesystem ${failure.filesystem ?? 'of the mount'} most likely cannot be mounted with other ids on this kernel`;
    },
    sources: () => [SOURCE.release],
    remedy: () => [
      'chown the files, or use a filesystem that can (ext4, xfs, btrfs since Linux 5.15, tmpfs and overlay since 6.3)',
    ],
  },
  {
    id: 'cgroup-not-delegated',
    matches: (failure, facts) =>
      failure.step === 'into-cgroup' && said(failure, 'EACCES', 'EPERM')
        ? facts.isOrdinary() === false
          ? 'possible'
          : 'likely'
        : null,
    summary: ({ path }) =>
      `the cgroup ${path ?? 'of the caller'} is most likely not delegated to this user, who may write nothing in it`,
    sources: () => ['/proc/self/cgroup'],
    remedy: () => ['systemd-run --user --scope -p Delegate=yes COMMAND', 'leave cgroup placement out'],
  },
  {
    id: 'syscall-missing',
    matches: (failure, facts) => {
      if (failure.errno !== 'ENOSYS' || failure.syscall == null) return null;
      const since = SINCE[failure.syscall];
      const kernel = facts.kernel();
      if (since === undefined || kernel === null) return null;
      return isOlder(kernel, since) ? 'certain' : null;
    },
    summary: ({ syscall }) =>
      `this kernel is too old: ${syscall} came with Linux ${SINCE[syscall ?? ''] ?? 'a later version'}`,
    sources: () => [SOURCE.release],
    remedy: () => ['do without it: the library falls back by itself where there is another way'],
  },
  {
    id: 'time-frozen',
    matches: (failure) => (failure.step === 'time-offsets' && failure.errno === 'EACCES' ? 'likely' : null),
    summary: () =>
      'the time namespace most likely has a process in it already, after which its offsets stay as they are',
    sources: () => [],
    remedy: () => ['write the offsets before the first child'],
  },
  {
    id: 'pid-init-gone',
    matches: (failure) =>
      isMaking(failure) && failure.errno === 'ENOMEM' && (failure.requested ?? failure.namespaces).includes('pid')
        ? 'possible'
        : null,
    summary: () => 'perhaps the first process of the pid namespace has ended: after that no other can be made in it',
    sources: () => [],
    remedy: () => ['keep pid 1 alive until all others have ended (unshare --fork)'],
  },
  {
    id: 'filesystem-unknown',
    matches: ({ step, errno, filesystem }) =>
      step === 'mount' && errno === 'ENODEV' && filesystem != null ? 'certain' : null,
    summary: ({ filesystem }) => `the kernel has no ${filesystem}: it is not built in, and its module is not loaded`,
    sources: () => ['/proc/filesystems', SOURCE.release],
    remedy: (facts, { filesystem }) => hostCommands(facts, asRoot(facts, `modprobe ${filesystem}`)),
  },
];
