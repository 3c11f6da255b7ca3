import type { NamespaceType } from '../../namespace.ts';
import type { Cause } from '../cause.ts';
import { MARKS } from '../confinement.ts';
import { inEngine } from '../engine.ts';
import { SPECIAL } from '../evidence.ts';
import { type Facts, SOURCE } from '../facts.ts';
import { asksFor, type Failure, isFreeFilesystem, isMaking, isMount, said } from '../failure.ts';
import { isOlder } from '../kernel.ts';
import { hostCommands } from '../remedy.ts';
import { HOST_PIDS } from '../told-command.ts';

/** The kernel looks for a proc that hides nothing only when the mounter is not in the first user namespace. */
const isOutsideFirst = (failure: Failure, facts: Facts): boolean =>
  asksFor(failure, 'user') || facts.inFirstUserNamespace() === false;

/** Directories below /proc that are empty by nature: a mount there hides nothing. */
const EMPTY_BY_NATURE: ReadonlySet<string> = new Set(['/proc/sys/fs/binfmt_misc', '/proc/fs/nfsd']);

/** What is mounted over parts of /proc. */
const maskedParts = (facts: Facts): readonly string[] =>
  (facts.mounts() ?? [])
    .map(({ mountPoint }) => mountPoint)
    .filter((mountPoint) => mountPoint.startsWith('/proc/') && !EMPTY_BY_NATURE.has(mountPoint));

/** Whether mounts on what is empty by nature may count, too: older kernels did not look whether it is. */
const mayCountEmpty = (facts: Facts): boolean => {
  const kernel = facts.kernel();
  return (
    (kernel === null || isOlder(kernel, '4.2')) &&
    (facts.mounts() ?? []).some(({ mountPoint }) => EMPTY_BY_NATURE.has(mountPoint))
  );
};

const hasNoProc = (facts: Facts): boolean => {
  const mounts = facts.mounts();
  return mounts !== undefined && mounts.length > 0 && !mounts.some(({ filesystem }) => filesystem === 'proc');
};

/** The namespace that a filesystem belongs to, which has to be owned by who mounts it. */
const OWNED_BY: Readonly<Record<string, NamespaceType>> = {
  proc: 'pid',
  sysfs: 'net',
  mqueue: 'ipc',
  cgroup2: 'cgroup',
  cgroup: 'cgroup',
};

const needed = (failure: Failure): NamespaceType | null => {
  const filesystem = failure.step === 'mount-proc' ? 'proc' : failure.filesystem;
  const type = filesystem == null ? undefined : OWNED_BY[filesystem];
  return type === undefined || asksFor(failure, type) ? null : type;
};

/** Ubuntu's kernels have done so ever since, Red Hat's since release 8.5: the number alone says nothing there. */
const allowsOverlayEarlier = (facts: Facts): boolean =>
  /\.el8/.test(facts.evidence.read(SOURCE.release) ?? '') ||
  /ubuntu/i.test(facts.evidence.read(SOURCE.version) ?? '') ||
  /^\d+\.\d+\.\d+-\d+-(?:generic|aws|azure|gcp|gke|oracle|kvm|lowlatency)\b/.test(
    facts.evidence.read(SOURCE.release) ?? '',
  );

/** Mounts inside. */
export const mountCauses: readonly Cause[] = [
  {
    id: 'mount-point-missing',
    matches: (failure) =>
      failure.step === 'mount-proc' && (failure.errno === 'ENOENT' || failure.errno === 'ENOTDIR') ? 'certain' : null,
    summary: ({ path }) => `there is no directory ${path ?? '/proc'} to mount on`,
    sources: () => [],
    remedy: (_, { path }) => [`mkdir -p ${path ?? '/proc'}`],
  },
  {
    id: 'fs-mount-needs-ns',
    matches: (failure, facts) => {
      if (!isMount(failure) || !said(failure, 'EPERM') || !isOutsideFirst(failure, facts)) return null;
      if (failure.step === 'mount' && (failure.requested ?? failure.namespaces).length === 0) return null;
      // Of what is only assumed it is not known that it was left out.
      if (needed(failure) === null || (failure.isAssumed === true && !HOST_PIDS.test(failure.text ?? ''))) return null;
      return failure.requested !== undefined ? 'certain' : 'likely';
    },
    summary: (failure) => {
      const type = needed(failure) ?? 'pid';
      const filesystem = failure.step === 'mount-proc' ? 'proc' : failure.filesystem;
      return `${filesystem} shows a ${type} namespace, and may be mounted only by who owns it: "${type}" is not among the namespaces`;
    },
    sources: () => [SOURCE.uidMap],
    remedy: (_, failure) => [`add "${needed(failure) ?? 'pid'}" to the namespaces`],
  },
  {
    id: 'overlay-in-userns-too-old',
    predicts: true,
    matches: (failure, facts) => {
      const kernel = facts.kernel();
      if (failure.step !== 'mount' || failure.filesystem !== 'overlay' || !said(failure, 'EPERM')) return null;
      if (kernel === null || !isOlder(kernel, '5.11') || !isOutsideFirst(failure, facts)) return null;
      return allowsOverlayEarlier(facts) ? 'possible' : 'certain';
    },
    summary: (_, facts) =>
      `overlay can be mounted in a user namespace since Linux 5.11, and this kernel is older${allowsOverlayEarlier(facts) ? '; those of this distribution may do so nevertheless' : ''}`,
    sources: () => [SOURCE.release, SOURCE.version],
    remedy: () => ['fuse-overlayfs -o lowerdir=...,upperdir=...,workdir=... MOUNTPOINT'],
  },
  {
    id: 'fs-mount-needs-init-userns',
    matches: (failure, facts) => {
      const { filesystem } = failure;
      if (filesystem == null || filesystem in OWNED_BY || isFreeFilesystem(filesystem)) return null;
      if (failure.step === 'idmapped-mount')
        return said(failure, 'EPERM', 'EINVAL') && facts.inFirstUserNamespace() === false ? 'likely' : null;
      return failure.step === 'mount' && said(failure, 'EPERM') && isOutsideFirst(failure, facts) ? 'likely' : null;
    },
    summary: ({ filesystem, step }) =>
      `${filesystem} can most likely be mounted${step === 'idmapped-mount' ? ' with other ids' : ''} in the first user namespace only`,
    sources: () => [SOURCE.uidMap],
    remedy: () => ['mount it outside and bind it, or take a FUSE program for it'],
  },
  {
    id: 'lxc-nesting-off',
    matches: (failure, facts) =>
      !said(failure, 'EPERM', 'EACCES') || facts.confined() !== 'lxc' || failure.step === 'propagation'
        ? null
        : isMount(failure)
          ? 'likely'
          : isMaking(failure) && failure.errno !== null
            ? 'possible'
            : null,
    summary: () => 'this is an LXC container, which probably has nesting switched off',
    sources: () => [MARKS.manager, MARKS.variable, MARKS.label],
    remedy: (facts) =>
      hostCommands(facts, 'lxc config set CONTAINER security.nesting true', 'pct set ID --features nesting=1,keyctl=1'),
  },
  {
    id: 'proc-masked',
    predicts: true,
    matches: (failure, facts) => {
      if (failure.step !== 'mount-proc' || !said(failure, 'EPERM') || !isOutsideFirst(failure, facts)) return null;
      if (maskedParts(facts).length > 0 || hasNoProc(facts)) return 'certain';
      // Every engine of containers masks parts of proc, unless it is told not to.
      if (facts.logged(/too revealing/) || (facts.mounts() === undefined && facts.confined() === 'container'))
        return 'likely';
      if (failure.errno === 'EPERM' && (facts.mounts() === undefined || mayCountEmpty(facts))) return 'possible';
      return null;
    },
    summary: (_, facts) => {
      const parts = maskedParts(facts);
      if (parts.length > 0)
        return `a new proc would show what is hidden from the caller: something is mounted on ${parts.slice(0, 3).join(', ')}`;
      if (hasNoProc(facts)) return 'the caller sees no proc of its own, and a new one must not show more';
      if (facts.confined() === 'container' && !facts.logged(/too revealing/))
        return 'a new proc would most likely show what this container hides: its engine mounts something over parts of /proc';
      return !facts.logged(/too revealing/)
        ? 'a new proc would perhaps show what is hidden from the caller: nobody outside the first user namespace may mount one where something is mounted on a part of /proc'
        : 'a new proc would most likely show what is hidden from the caller: so says the kernel’s log';
    },
    sources: () => [`${SOURCE.mountinfo}#mounts on /proc/`, SPECIAL.log],
    remedy: (facts) => [
      ...(facts.confined() === 'container'
        ? inEngine(facts, {
            options: ['--security-opt systempaths=unconfined'],
            podman: ['--security-opt unmask=ALL'],
            fields: ['hostUsers: false, with securityContext: { procMount: Unmasked }'],
          })
        : []),
      ...maskedParts(facts).map((part) => `umount ${part}`),
    ],
  },
];
