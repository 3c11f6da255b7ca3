import type { Cause } from '../cause.ts';
import { SPECIAL } from '../evidence.ts';
import { type Facts, SOURCE } from '../facts.ts';
import { asksFor, isMaking, makes, said } from '../failure.ts';

/** Whether the caller's root directory is not that of its mount namespace. One that is no mount point cannot be. */
const isChrooted = (facts: Facts): boolean | undefined => {
  const compared = facts.evidence.read(SPECIAL.root);
  if (compared === 'no' || compared === 'yes') return compared === 'no';
  const mounts = facts.mounts();
  return mounts === undefined || mounts.length === 0 ? undefined : !mounts.some(({ mountPoint }) => mountPoint === '/');
};

/** The caller's root is a directory of a filesystem: so look a chroot into a mount point, and many a container. */
const mayBeChrooted = (facts: Facts): boolean =>
  facts.mounts()?.some(({ mountPoint, root }) => mountPoint === '/' && root !== '/') === true;

const insteadOfChroot = [
  'systemd-nspawn --directory=DIRECTORY  # or bwrap --bind DIRECTORY /, both pivot_root instead of chroot',
];

/** What the caller is, or lacks. */
export const callerCauses: readonly Cause[] = [
  {
    id: 'unmapped-ids',
    predicts: true,
    matches: (failure, facts) =>
      makes(failure, 'user') && said(failure, 'EPERM') && facts.ownIdsMapped() === false ? 'certain' : null,
    summary: () => 'the caller’s own user or group id is not mapped in the user namespace that it is in',
    sources: () => [SOURCE.uidMap, SOURCE.gidMap, `${SOURCE.status}#Uid`, `${SOURCE.status}#Gid`],
    remedy: () => [],
  },
  {
    id: 'chroot-caller',
    predicts: true,
    matches: (failure, facts) => {
      const chrooted = isChrooted(facts);
      // Without a mount at "/" there is nothing whose propagation could be set.
      if (failure.step === 'propagation') return chrooted === true && said(failure, 'EINVAL') ? 'certain' : null;
      if (!makes(failure, 'user') || !said(failure, 'EPERM')) return null;
      if (chrooted !== undefined) return chrooted ? 'certain' : mayBeChrooted(facts) ? 'possible' : null;
      // Of root, where nothing surrounds it that forbids more, little else is refused.
      const isFree = facts.isOrdinary() === false && facts.confined() === 'nothing known';
      return failure.errno === 'EPERM' && isFree ? 'possible' : null;
    },
    summary: (failure, facts) => {
      if (failure.step === 'propagation') return 'the caller is in a chroot whose root directory is no mount point';
      return isChrooted(facts) === true
        ? 'the caller is in a chroot, from where nobody, root neither, may make a user namespace'
        : 'the caller may be in a chroot, from where nobody, root neither, may make a user namespace';
    },
    sources: () => [SPECIAL.root, `${SOURCE.mountinfo}#mounts on /`],
    remedy: (_, failure) =>
      failure.step === 'propagation'
        ? ['mount --bind DIRECTORY DIRECTORY  # before chroot DIRECTORY', ...insteadOfChroot]
        : insteadOfChroot,
  },
];

/** A capability that the caller lacks; asked last, for where it is not simply so, something took it away. */
export const capabilityCauses: readonly Cause[] = [
  {
    id: 'needs-cap-sys-admin',
    predicts: true,
    matches: (failure, facts) => {
      if (!isMaking(failure) || !said(failure, 'EPERM') || failure.namespaces.length === 0) return null;
      if (asksFor(failure, 'user')) return null;
      if (facts.has('CAP_SYS_ADMIN') === undefined && facts.isOrdinary() === true) return 'likely';
      if (facts.has('CAP_SYS_ADMIN') !== false) return null;
      return failure.step === 'clone' || failure.requested !== undefined ? 'certain' : 'likely';
    },
    summary: (_, facts) =>
      `without a new user namespace this takes CAP_SYS_ADMIN, which the caller ${facts.has('CAP_SYS_ADMIN') === false ? 'has not' : 'probably has not'}`,
    sources: () => [`${SOURCE.status}#CapEff`],
    remedy: () => ['add "user" to the namespaces'],
  },
];
