import { NAMESPACE_TYPES } from '../../namespace.ts';
import { OTHER_STEPS } from '../../probe.ts';
import type { Cause } from '../cause.ts';
import { PROBE, type Reading } from '../evidence.ts';
import { type Facts, SOURCE } from '../facts.ts';
import { type Failure, isMaking, isMount, said } from '../failure.ts';
import { isOlder } from '../kernel.ts';
import { asRoot, hostCommands } from '../remedy.ts';

/** Errors that no rule about namespaces gives. */
const FOREIGN: ReadonlySet<string> = new Set([
  'ENODEV',
  'ENXIO',
  'EIO',
  'ESTALE',
  'ETIMEDOUT',
  'EROFS',
  'EBUSY',
  'ELOOP',
  'ENOTDIR',
  'ENOENT',
  'EHOSTDOWN',
  'ENOTCONN',
  'ECONNREFUSED',
]);

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

const probed = (facts: Facts, type: string): Reading => facts.evidence.read(`${PROBE}${type}`);

/** Whether namespaces of every type that was wanted, and tried, were seen to work for this caller. */
const wereSeenToWork = (failure: Failure, facts: Facts): boolean => {
  const wanted =
    (failure.requested ?? failure.namespaces).length > 0 ? (failure.requested ?? failure.namespaces) : ['user'];
  return wanted.every((type) => probed(facts, type) === 'works');
};

/** Whether a tool of somebody else's said so, and not an attempt of ours. */
const isTold = ({ text, syscall }: Failure): boolean => text != null && syscall !== 'unshare(1)';

/** What is no matter of namespaces, and what only looks like one of the machine. */
export const otherCauses: readonly Cause[] = [
  {
    id: 'idmap-unsupported',
    matches: (failure, facts) => {
      if (failure.step !== 'idmapped-mount' || !said(failure, 'EINVAL', 'ENOSYS', 'EPERM')) return null;
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
  {
    id: 'not-a-namespace-problem',
    matches: (failure, facts) => {
      const isForeign =
        failure.errno !== null &&
        FOREIGN.has(failure.errno) &&
        (isMount(failure) || failure.step === 'cwd' || failure.step === 'stdio');
      // That a map, or a join, is refused says nothing about making namespaces.
      if (!isForeign && (OTHER_STEPS as readonly string[]).includes(failure.step) && failure.step !== 'mount')
        return null;
      // What was tried and failed speaks for itself; this is for what a tool said.
      if (wereSeenToWork(failure, facts)) return isForeign ? 'certain' : isTold(failure) ? 'likely' : null;
      return isForeign && failure.step !== 'mount-proc' ? 'likely' : null;
    },
    summary: (failure, facts) =>
      wereSeenToWork(failure, facts)
        ? `namespaces of the types wanted work here for this user, so this is ${failure.errno !== null && FOREIGN.has(failure.errno) ? '' : 'probably '}no namespace problem`
        : `${failure.errno ?? 'this'} is no answer that the kernel gives about namespaces; most likely the file, the mount or the device is what is wrong`,
    sources: () => NAMESPACE_TYPES.map((type) => `${PROBE}${type}`).slice(6, 7),
    remedy: (_, { path }) => [`findmnt --target ${path ?? 'PATH'}  # a dead automount or a device that is gone`],
  },
];
