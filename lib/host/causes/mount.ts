import type { Cause } from '../cause.ts';
import { MARKS } from '../confinement.ts';
import { type Facts, SOURCE } from '../facts.ts';
import { asksFor, type Failure, said } from '../failure.ts';
import { hostCommands } from '../remedy.ts';

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

const hasNoProc = (facts: Facts): boolean => {
  const mounts = facts.mounts();
  return mounts !== undefined && mounts.length > 0 && !mounts.some(({ filesystem }) => filesystem === 'proc');
};

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
      if (failure.step !== 'mount-proc' || !said(failure, 'EPERM') || asksFor(failure, 'pid')) return null;
      if (!isOutsideFirst(failure, facts)) return null;
      return failure.requested !== undefined ? 'certain' : 'likely';
    },
    summary: () =>
      'proc shows a pid namespace, and may be mounted only by who owns it: "pid" is not among the namespaces',
    sources: () => [SOURCE.uidMap],
    remedy: () => ['add "pid" to the namespaces'],
  },
  {
    id: 'lxc-nesting-off',
    matches: (failure, facts) =>
      failure.step === 'mount-proc' && said(failure, 'EPERM', 'EACCES') && facts.confined() === 'lxc' ? 'likely' : null,
    summary: () => 'this is an LXC container, which probably has nesting switched off',
    sources: () => [MARKS.manager, MARKS.variable, MARKS.label],
    remedy: (facts) =>
      hostCommands(facts, 'lxc config set CONTAINER security.nesting true', 'pct set ID --features nesting=1,keyctl=1'),
  },
  {
    id: 'proc-masked',
    matches: (failure, facts) => {
      if (failure.step !== 'mount-proc' || !said(failure, 'EPERM') || !isOutsideFirst(failure, facts)) return null;
      return maskedParts(facts).length > 0 || hasNoProc(facts) ? 'certain' : null;
    },
    summary: (_, facts) =>
      hasNoProc(facts)
        ? 'the caller sees no proc of its own, and a new one must not show more'
        : `a new proc would show what is hidden from the caller: something is mounted on ${maskedParts(facts).slice(0, 3).join(', ')}`,
    sources: () => [`${SOURCE.mountinfo}#mounts on /proc/`],
    remedy: (facts) => [
      ...(facts.confined() === 'container'
        ? hostCommands(
            facts,
            'docker run --security-opt systempaths=unconfined ...',
            'podman run --security-opt unmask=ALL ...',
          )
        : []),
      ...maskedParts(facts).map((part) => `umount ${part}`),
    ],
  },
];
