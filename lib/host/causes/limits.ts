import type { NamespaceType } from '../../namespace.ts';
import type { Cause } from '../cause.ts';
import { type Facts, SOURCE } from '../facts.ts';
import { type Failure, isMaking, makes, said } from '../failure.ts';
import { setSysctl } from '../remedy.ts';

const limitFile = (type: NamespaceType): string => `/proc/sys/user/max_${type}_namespaces`;
const limitKey = (type: NamespaceType): string => `user.max_${type}_namespaces`;

const isFull = (failure: Failure): boolean => isMaking(failure) && said(failure, 'ENOSPC');

const zeroes = (failure: Failure, facts: Facts): readonly NamespaceType[] =>
  failure.namespaces.filter((type) => facts.number(limitFile(type)) === 0);

/** Whether a user namespace alone ran into a limit that is not known: mostly it is 0. */
const isAloneAndUnseen = (failure: Failure, facts: Facts): boolean =>
  failure.errno === 'ENOSPC' &&
  failure.namespaces.every((type) => type === 'user') &&
  failure.namespaces.length > 0 &&
  facts.number(limitFile('user')) === undefined &&
  facts.inFirstUserNamespace() !== false;

/** The kernel's own answer for a namespace that sets no limit. */
const NO_LIMIT = 0x7fffffff;

/** The wanted types whose limit is a real one, lowest first: the lowest is most likely the one that was met. */
const limited = (failure: Failure, facts: Facts): readonly NamespaceType[] => {
  const limit = (type: NamespaceType): number => facts.number(limitFile(type)) ?? NO_LIMIT;
  return failure.namespaces
    .filter((type) => limit(type) > 0 && limit(type) < NO_LIMIT)
    .sort((a, b) => limit(a) - limit(b));
};

const enough = 28633;

/** So many are soon used up by a single sandbox. */
const FEW = 64;

/** Twice what there is. */
const more = (facts: Facts, type: NamespaceType): number => 2 * Math.max(enough, facts.number(limitFile(type)) ?? 0);

const levels = (facts: Facts): number => facts.status('NSpid')?.split(/\s+/).length ?? 0;

/** What ran out: limits count per user and hold for every user namespace above, too. */
export const limitCauses: readonly Cause[] = [
  {
    id: 'max-userns-zero',
    predicts: true,
    matches: (failure, facts) =>
      isFull(failure) && facts.el7() === null
        ? zeroes(failure, facts).includes('user')
          ? 'certain'
          : isAloneAndUnseen(failure, facts)
            ? 'possible'
            : null
        : null,
    summary: (_, facts) =>
      facts.number(limitFile('user')) === 0
        ? 'user.max_user_namespaces is 0, so nobody may make a user namespace here'
        : 'ENOSPC means a limit of namespaces, not of a disk: perhaps user.max_user_namespaces is 0',
    sources: () => [limitFile('user')],
    remedy: (facts) => [
      ...setSysctl(facts, limitKey('user'), enough, '99-userns.conf'),
      'grep -rs max_user_namespaces /etc/sysctl.conf /etc/sysctl.d /run/sysctl.d /usr/lib/sysctl.d',
    ],
  },
  {
    id: 'max-ns-other-zero',
    predicts: true,
    matches: (failure, facts) =>
      isFull(failure) && zeroes(failure, facts).some((type) => type !== 'user') ? 'certain' : null,
    summary: (failure, facts) => {
      const keys = zeroes(failure, facts).filter((type) => type !== 'user');
      return `${keys.map(limitKey).join(', ')} is 0, so nobody may make such a namespace here`;
    },
    sources: (failure) => failure.namespaces.filter((type) => type !== 'user').map(limitFile),
    remedy: (facts, failure) =>
      zeroes(failure, facts)
        .filter((type) => type !== 'user')
        .flatMap((type) => setSysctl(facts, limitKey(type), enough, '99-namespaces.conf')),
  },
  {
    id: 'pidns-nesting-depth',
    predicts: true,
    matches: (failure, facts) => (isFull(failure) && makes(failure, 'pid') && levels(facts) > 32 ? 'certain' : null),
    summary: () => 'pid namespaces may be nested 32 levels deep, and this is the last one',
    sources: () => [`${SOURCE.status}#NSpid`],
    remedy: () => [],
  },
  {
    id: 'userns-nesting-depth',
    matches: (failure, facts) => {
      if (!makes(failure, 'user')) return null;
      if (failure.errno === 'EUSERS') return 'likely';
      return failure.errno === 'ENOSPC' && facts.inFirstUserNamespace() === false ? 'possible' : null;
    },
    summary: () =>
      'this is a user namespace already; perhaps the limit of nested ones (32 levels) is reached, or a limit of an outer one',
    sources: () => [SOURCE.uidMap, limitFile('user')],
    remedy: () => ['run it outside of what made this user namespace  # bwrap --disable-userns allows none below it'],
  },
  {
    id: 'userns-limit-exhausted',
    comesAndGoes: true,
    matches: (failure, facts) =>
      isFull(failure) && limited(failure, facts)[0] === 'user'
        ? failure.errno !== null
          ? 'likely'
          : (facts.number(limitFile('user')) ?? NO_LIMIT) < FEW
            ? 'possible'
            : null
        : null,
    summary: (_, facts) =>
      `this user probably has as many user namespaces as user.max_user_namespaces allows (${facts.number(limitFile('user'))})`,
    sources: () => [limitFile('user')],
    remedy: (facts) => ['lsns -t user', ...setSysctl(facts, limitKey('user'), more(facts, 'user'), '99-userns.conf')],
  },
  {
    id: 'ns-limit-exhausted',
    comesAndGoes: true,
    matches: (failure, facts) =>
      isFull(failure) && failure.errno !== null && (limited(failure, facts)[0] ?? 'user') !== 'user' ? 'likely' : null,
    summary: (failure, facts) => {
      const [type] = limited(failure, facts);
      return type === undefined
        ? 'this user has as many namespaces as it may'
        : `this user probably has as many ${type} namespaces as ${limitKey(type)} allows (${facts.number(limitFile(type))})`;
    },
    sources: (failure) => failure.namespaces.map(limitFile),
    remedy: (facts, failure) =>
      limited(failure, facts)
        .slice(0, 1)
        .flatMap((type) => [
          `lsns -t ${type}`,
          ...setSysctl(facts, limitKey(type), more(facts, type), '99-namespaces.conf'),
        ]),
  },
  {
    id: 'userns-max-level',
    predicts: true,
    matches: (failure, facts) => {
      const most = facts.number('/proc/sys/kernel/userns_max_level');
      if (!makes(failure, 'user') || !said(failure, 'EPERM', 'ENOSPC', 'EUSERS') || most === undefined || most === null)
        return null;
      if (most === 0) return 'certain';
      return facts.inFirstUserNamespace() === false ? 'possible' : null;
    },
    summary: (_, facts) =>
      `kernel.userns_max_level (${facts.number('/proc/sys/kernel/userns_max_level')}) perhaps allows no deeper user namespace`,
    sources: () => ['/proc/sys/kernel/userns_max_level', SOURCE.uidMap],
    remedy: (facts) => setSysctl(facts, 'kernel.userns_max_level', 33, '99-userns.conf'),
  },
  {
    id: 'ns-limit-unseen',
    matches: (failure, facts) =>
      isMaking(failure) &&
      failure.errno === 'ENOSPC' &&
      failure.namespaces.some((type) => facts.number(limitFile(type)) === undefined)
        ? 'possible'
        : null,
    summary: () =>
      'ENOSPC means a limit of namespaces, not of a disk; which limit it is, one of these files perhaps tells',
    sources: (failure) => failure.namespaces.map(limitFile),
    remedy: () => ['sysctl -a --pattern user.max_', 'lsns'],
  },
  {
    id: 'process-limit',
    comesAndGoes: true,
    matches: (failure) => (failure.step === 'clone' && failure.errno === 'EAGAIN' ? 'likely' : null),
    summary: () =>
      'this is no matter of namespaces: RLIMIT_NPROC, pids.max of the cgroup or kernel.pid_max probably allow no more processes',
    sources: () => ['/proc/self/limits#Max processes', '/proc/sys/kernel/pid_max', '/proc/sys/kernel/threads-max'],
    remedy: () => ['ulimit -u'],
  },
];
