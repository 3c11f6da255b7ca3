import { type Cause, type Confidence, leastSure } from '../cause.ts';
import { distributionOf } from '../distribution.ts';
import { LAST_BUILD } from '../el7-build.ts';
import { type Facts, SOURCE } from '../facts.ts';
import { type Failure, isMaking, makes, said } from '../failure.ts';
import { isOlder } from '../kernel.ts';
import { addKernelArgument, asRoot, hostCommands, setSysctl } from '../remedy.ts';

const PARAMETER = '/sys/module/user_namespace/parameters/enable';
const LIMIT = '/proc/sys/user/max_user_namespaces';

/** How sure it is that this is an EL7 kernel whose build number is in the range. */
const build = (facts: Facts, from: number, to: number): Confidence | null => {
  const known = facts.el7();
  if (known === null || known.to < from || known.from > to) return null;
  if (known.from < from || known.to > to) return 'possible';
  return known.isRead ? 'certain' : 'likely';
};

/** The sysctls of /proc/sys/user came with build 693; undefined where that cannot be seen. */
const hasLimits = (facts: Facts): boolean | undefined => {
  const reading = facts.evidence.read(LIMIT);
  return reading === undefined ? undefined : reading !== null;
};

/** Whether the kernel was booted with the argument; undefined when that cannot be seen. */
const wasBootedWith = (facts: Facts, argument: string): boolean | undefined =>
  facts.evidence.read(SOURCE.cmdline)?.split(/\s+/).includes(argument);

/** Whether nothing is known of kernel and distribution: EINVAL is then most often one of these kernels. */
const isUnknown = (facts: Facts): boolean =>
  facts.kernel() === null &&
  distributionOf(facts.evidence).id === '' &&
  !/Microsoft/.test(facts.evidence.read(SOURCE.version) ?? '');

const wantsBoth = (failure: Failure): boolean =>
  isMaking(failure) &&
  (failure.namespaces.includes('mnt') || failure.isAssumed === true) &&
  (failure.requested ?? failure.namespaces).includes('user') &&
  said(failure, 'EPERM');

/** Red Hat's seventh generation: four kernels, four ways to have user namespaces. */
export const el7Causes: readonly Cause[] = [
  {
    id: 'el7-max-userns-zero',
    predicts: true,
    matches: (failure, facts) => {
      const sure = build(facts, 693, LAST_BUILD);
      const limit = facts.number(LIMIT);
      // With such a limit every other kernel says ENOSPC. What nobody saw says nothing about the kernel.
      if (
        failure.isHypothetical !== true &&
        sure === null &&
        facts.kernel() === null &&
        makes(failure, 'user') &&
        failure.errno === 'EINVAL'
      ) {
        if (limit === 0) return 'likely';
        return limit === undefined && isUnknown(facts) ? 'possible' : null;
      }
      if (!makes(failure, 'user') || !said(failure, 'EINVAL', 'ENOSPC') || sure === null) return null;
      // Where the file is, the kernel is none of the older ones.
      if (limit === 0) return sure === 'certain' ? 'certain' : 'likely';
      return limit === undefined ? leastSure('likely', sure) : null;
    },
    summary: (_, facts) =>
      facts.el7() === null && facts.number(LIMIT) === undefined
        ? 'if this is a kernel of Red Hat’s seventh generation, user.max_user_namespaces is probably 0, as it is by default there'
        : `user.max_user_namespaces is ${facts.number(LIMIT) === 0 ? '' : 'probably '}0, as it is by default on this kernel`,
    sources: () => [LIMIT, SOURCE.release],
    remedy: (facts) => setSysctl(facts, 'user.max_user_namespaces', 28633, '51-userns.conf'),
  },
  {
    id: 'el7-userns-unusable-7.0-7.1',
    predicts: true,
    matches: (failure, facts) =>
      makes(failure, 'user') && said(failure, 'EINVAL') && hasLimits(facts) !== true ? build(facts, 0, 326) : null,
    summary: () => 'user namespaces cannot be used on the kernels of release 7.0 and 7.1',
    sources: () => [SOURCE.release],
    remedy: (facts) => hostCommands(facts, asRoot(facts, 'yum update kernel'), asRoot(facts, 'reboot')),
  },
  {
    id: 'el7-userns-param-off',
    predicts: true,
    matches: (failure, facts) => {
      if (!makes(failure, 'user') || !said(failure, 'EINVAL') || hasLimits(facts) === true) return null;
      const parameter = facts.evidence.read(PARAMETER);
      const sure = typeof parameter === 'string' ? 'certain' : build(facts, 327, 692);
      if (sure === null || (facts.kernel() !== null && build(facts, 327, 692) === null)) return null;
      if (typeof parameter === 'string') return /^[Nn0]/.test(parameter) ? 'certain' : null;
      return wasBootedWith(facts, 'user_namespace.enable=1') === true ? null : leastSure('likely', sure);
    },
    summary: (_, { evidence }) =>
      `user namespaces are ${typeof evidence.read(PARAMETER) === 'string' ? '' : 'probably '}off on this kernel, which wants user_namespace.enable=1 on its command line`,
    sources: () => [SOURCE.release, PARAMETER, SOURCE.cmdline],
    remedy: (facts) => addKernelArgument(facts, 'user_namespace.enable=1', '"$(grubby --default-kernel)"'),
  },
  {
    id: 'el7-mountns-in-userns-blocked-7.2-7.3',
    predicts: true,
    matches: (failure, facts) => (wantsBoth(failure) && hasLimits(facts) !== true ? build(facts, 327, 692) : null),
    summary: () => 'this kernel allows no mount namespace inside a user namespace, and has no switch for it',
    sources: () => [SOURCE.release],
    remedy: (facts) => hostCommands(facts, asRoot(facts, 'yum update kernel'), asRoot(facts, 'reboot')),
  },
  {
    id: 'el7-unpriv-mountns-off',
    predicts: true,
    matches: (failure, facts) => {
      const sure = build(facts, 693, 956);
      if (!wantsBoth(failure) || sure === null) return null;
      const booted = wasBootedWith(facts, 'namespace.unpriv_enable=1');
      if (booted === true) return null;
      return leastSure(booted === false ? 'certain' : 'likely', sure);
    },
    summary: (_, facts) =>
      `this kernel allows a mount namespace inside a user namespace only with namespace.unpriv_enable=1 on its command line${wasBootedWith(facts, 'namespace.unpriv_enable=1') === false ? '' : ', which it probably has not'}`,
    sources: () => [SOURCE.release, SOURCE.cmdline],
    remedy: (facts) => addKernelArgument(facts, 'namespace.unpriv_enable=1', 'ALL'),
  },
  {
    id: 'el7-unshare-race',
    comesAndGoes: true,
    matches: (failure, facts) => {
      const kernel = facts.kernel();
      const isOldOther = kernel !== null && kernel.el7Build === null && isOlder(kernel, '4.3');
      const sure = isOldOther ? 'certain' : build(facts, 0, 1061);
      if (sure === null || !isMaking(failure) || !said(failure, 'EINVAL')) return null;
      // What stands in the way for good fails always.
      if (failure.isIntermittent === true) return leastSure('likely', sure);
      return makes(failure, 'user') && failure.errno === 'EINVAL' ? 'possible' : null;
    },
    summary: (failure) =>
      `on this kernel the call ${failure.isIntermittent === true ? 'most likely fails' : 'may fail'} now and then, while another process reads /proc/PID/status or maps; a retry may do`,
    sources: () => [SOURCE.release],
    remedy: () => ['try again, up to ten times'],
  },
];
