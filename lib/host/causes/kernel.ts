import { NAMESPACES, type NamespaceType } from '../../namespace.ts';
import type { Cause } from '../cause.ts';
import { type Facts, SOURCE } from '../facts.ts';
import { type Failure, isMaking, makes, said } from '../failure.ts';
import { isOlder } from '../kernel.ts';

/** The types among those wanted that the kernel has no file for; undefined when that cannot be seen. */
const missing = (failure: Failure, facts: Facts): readonly NamespaceType[] | undefined => {
  const listed = facts.evidence.read(SOURCE.namespaces)?.split(/\s+/);
  return listed === undefined ? undefined : failure.namespaces.filter((type) => !listed.includes(type));
};

const isTooNew = (type: NamespaceType, facts: Facts): boolean => {
  const kernel = facts.kernel();
  return kernel !== null && isOlder(kernel, NAMESPACES[type].since);
};

const isRefused = (failure: Failure): boolean => isMaking(failure) && said(failure, 'EINVAL', 'ENOSYS');

const flags = (types: readonly NamespaceType[]): string => types.map((type) => NAMESPACES[type].cloneName).join(', ');

const CONFIG_NAMES: Readonly<Record<NamespaceType, string>> = {
  cgroup: 'CONFIG_CGROUPS',
  ipc: 'CONFIG_IPC_NS',
  mnt: 'CONFIG_NAMESPACES',
  net: 'CONFIG_NET_NS',
  pid: 'CONFIG_PID_NS',
  time: 'CONFIG_TIME_NS',
  user: 'CONFIG_USER_NS',
  uts: 'CONFIG_UTS_NS',
};

const isWsl1 = (facts: Facts): boolean => /Microsoft/.test(facts.evidence.read(SOURCE.version) ?? '');

export const kernelCauses: readonly Cause[] = [
  {
    id: 'wsl1',
    matches: (failure, facts) => (isRefused(failure) && isWsl1(facts) ? 'certain' : null),
    summary: () => 'the first Windows Subsystem for Linux has no namespaces of this kind',
    sources: () => [SOURCE.version],
    remedy: () => ['wsl --set-version DISTRIBUTION 2'],
  },
  {
    id: 'platform-no-userns',
    matches: (failure, facts) =>
      isRefused(failure) && makes(failure, 'user') && typeof facts.evidence.read('/proc/vz') === 'string'
        ? 'likely'
        : null,
    summary: () => 'this looks like an OpenVZ container, which has no user namespaces of its own',
    sources: () => ['/proc/vz'],
    remedy: () => [],
  },
  {
    id: 'kernel-too-old',
    matches: (failure, facts) => {
      if (!isRefused(failure)) return null;
      const absent = missing(failure, facts);
      if (absent === undefined) return failure.namespaces.some((type) => isTooNew(type, facts)) ? 'likely' : null;
      // Distributions port features back, so a number alone proves nothing.
      return absent.some((type) => isTooNew(type, facts)) ? 'certain' : null;
    },
    summary: (failure, facts) => {
      const types = failure.namespaces.filter((type) => isTooNew(type, facts));
      const since = types.map((type) => `${NAMESPACES[type].cloneName} came with Linux ${NAMESPACES[type].since}`);
      const isSure = missing(failure, facts) !== undefined;
      return `this kernel is ${isSure ? '' : 'probably '}too old: ${since.join(', ')}`;
    },
    sources: () => [SOURCE.release, SOURCE.namespaces],
    remedy: () => [],
  },
  {
    id: 'config-user-ns-off',
    matches: (failure, facts) =>
      isRefused(failure) && makes(failure, 'user') && missing(failure, facts)?.includes('user') === true
        ? 'certain'
        : null,
    summary: () => 'this kernel was built without user namespaces (CONFIG_USER_NS)',
    sources: () => [SOURCE.namespaces, SOURCE.release],
    remedy: () => [],
  },
  {
    id: 'config-ns-off',
    matches: (failure, facts) => (isRefused(failure) && (missing(failure, facts)?.length ?? 0) > 0 ? 'certain' : null),
    summary: (failure, facts) => {
      const types = missing(failure, facts) ?? [];
      return `this kernel was built without ${flags(types)} (${types.map((type) => CONFIG_NAMES[type]).join(', ')})`;
    },
    sources: () => [SOURCE.namespaces, SOURCE.release],
    remedy: () => [],
  },
];
