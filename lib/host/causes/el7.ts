import type { Cause } from '../cause.ts';
import { type Facts, SOURCE } from '../facts.ts';
import { type Failure, isMaking, makes, said } from '../failure.ts';
import { isOlder } from '../kernel.ts';
import { addKernelArgument, asRoot, hostCommands, setSysctl } from '../remedy.ts';

const PARAMETER = '/sys/module/user_namespace/parameters/enable';
const LIMIT = '/proc/sys/user/max_user_namespaces';

/** Whether this is an EL7 kernel whose build number is in the range; the release's name says nothing about it. */
const isBuild = (facts: Facts, from: number, to: number): boolean => {
  const build = facts.kernel()?.el7Build ?? null;
  return build !== null && build >= from && build <= to;
};

/** Whether the kernel was booted with the argument; undefined when that cannot be seen. */
const wasBootedWith = (facts: Facts, argument: string): boolean | undefined =>
  facts.evidence.read(SOURCE.cmdline)?.split(/\s+/).includes(argument);

const wantsBoth = (failure: Failure): boolean =>
  isMaking(failure) &&
  failure.namespaces.includes('mnt') &&
  (failure.requested ?? failure.namespaces).includes('user') &&
  said(failure, 'EPERM');

/** Red Hat's seventh generation: four kernels, four ways to have user namespaces. */
export const el7Causes: readonly Cause[] = [
  {
    id: 'el7-userns-unusable-7.0-7.1',
    matches: (failure, facts) =>
      makes(failure, 'user') && said(failure, 'EINVAL') && isBuild(facts, 0, 326) ? 'certain' : null,
    summary: () => 'user namespaces cannot be used on the kernels of release 7.0 and 7.1',
    sources: () => [SOURCE.release],
    remedy: (facts) => hostCommands(facts, asRoot(facts, 'yum update kernel'), asRoot(facts, 'reboot')),
  },
  {
    id: 'el7-userns-param-off',
    matches: (failure, facts) => {
      if (!makes(failure, 'user') || !said(failure, 'EINVAL') || !isBuild(facts, 327, 692)) return null;
      const parameter = facts.evidence.read(PARAMETER);
      if (typeof parameter === 'string') return /^[Nn0]/.test(parameter) ? 'certain' : null;
      return wasBootedWith(facts, 'user_namespace.enable=1') === true ? null : 'likely';
    },
    summary: (_, { evidence }) =>
      `user namespaces are ${typeof evidence.read(PARAMETER) === 'string' ? '' : 'probably '}off on this kernel, which wants user_namespace.enable=1 on its command line`,
    sources: () => [SOURCE.release, PARAMETER, SOURCE.cmdline],
    remedy: (facts) => addKernelArgument(facts, 'user_namespace.enable=1', '"$(grubby --default-kernel)"'),
  },
  {
    id: 'el7-mountns-in-userns-blocked-7.2-7.3',
    matches: (failure, facts) => (wantsBoth(failure) && isBuild(facts, 327, 692) ? 'certain' : null),
    summary: () => 'this kernel allows no mount namespace inside a user namespace, and has no switch for it',
    sources: () => [SOURCE.release],
    remedy: (facts) => hostCommands(facts, asRoot(facts, 'yum update kernel'), asRoot(facts, 'reboot')),
  },
  {
    id: 'el7-max-userns-zero',
    matches: (failure, facts) => {
      if (!makes(failure, 'user') || !said(failure, 'EINVAL', 'ENOSPC') || !isBuild(facts, 693, 99_999)) return null;
      const limit = facts.number(LIMIT);
      if (limit === 0) return 'certain';
      return limit === undefined ? 'likely' : null;
    },
    summary: (_, facts) =>
      `user.max_user_namespaces is ${facts.number(LIMIT) === 0 ? '' : 'probably '}0, as it is by default on this kernel`,
    sources: () => [LIMIT, SOURCE.release],
    remedy: (facts) => setSysctl(facts, 'user.max_user_namespaces', 28633, '51-userns.conf'),
  },
  {
    id: 'el7-unpriv-mountns-off',
    matches: (failure, facts) => {
      if (!wantsBoth(failure) || !isBuild(facts, 693, 956)) return null;
      const booted = wasBootedWith(facts, 'namespace.unpriv_enable=1');
      if (booted === true) return null;
      return booted === false ? 'certain' : 'likely';
    },
    summary: (_, facts) =>
      `this kernel allows a mount namespace inside a user namespace only with namespace.unpriv_enable=1 on its command line${wasBootedWith(facts, 'namespace.unpriv_enable=1') === false ? '' : ', which it probably has not'}`,
    sources: () => [SOURCE.release, SOURCE.cmdline],
    remedy: (facts) => addKernelArgument(facts, 'namespace.unpriv_enable=1', 'ALL'),
  },
  {
    id: 'el7-unshare-race',
    matches: (failure, facts) => {
      const kernel = facts.kernel();
      if (!makes(failure, 'user') || failure.errno !== 'EINVAL' || kernel === null) return null;
      return isBuild(facts, 0, 1061) || (kernel.el7Build === null && isOlder(kernel, '4.3')) ? 'possible' : null;
    },
    summary: () => 'on this kernel the call fails now and then while another process reads /proc; a retry may do',
    sources: () => [SOURCE.release],
    remedy: () => [],
  },
];
