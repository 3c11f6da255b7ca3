import { NAMESPACES, type NamespaceType } from '../../namespace.ts';
import type { Cause } from '../cause.ts';
import { SPECIAL } from '../evidence.ts';
import { type Facts, SOURCE } from '../facts.ts';
import { type Failure, isMaking, isMount, makes, said } from '../failure.ts';
import { isOlder } from '../kernel.ts';

/** The types among those wanted that the kernel has no file for; undefined when that cannot be seen. */
const missing = (failure: Failure, facts: Facts): readonly NamespaceType[] | undefined => {
  const listed = facts.evidence.read(SOURCE.namespaces)?.split(/\s+/);
  return listed === undefined ? undefined : failure.namespaces.filter((type) => !listed.includes(type));
};

/** unshare(2) took these types later than clone(2) did. */
const UNSHARED_SINCE: Readonly<Partial<Record<NamespaceType, string>>> = { pid: '3.8' };

const sinceWhen = (type: NamespaceType, { step }: Failure): string =>
  (step === 'unshare' ? UNSHARED_SINCE : step === 'setns' ? OPENED_SINCE : {})[type] ?? NAMESPACES[type].since;

const isTooNew = (type: NamespaceType, failure: Failure, facts: Facts): boolean => {
  const kernel = facts.kernel();
  return kernel !== null && isOlder(kernel, sinceWhen(type, failure));
};

/** The types whose file was to be opened, and is not there: the kernel has none of it, where its process is. */
const isUnopened = (failure: Failure, facts: Facts): boolean =>
  failure.step === 'setns' &&
  failure.errno === 'ENOENT' &&
  failure.namespaces.length === 1 &&
  (missing(failure, facts)?.length ?? 1) > 0;

/** The files of these came later than the types. */
const OPENED_SINCE: Readonly<Partial<Record<NamespaceType, string>>> = {
  ipc: '3.0',
  mnt: '3.8',
  net: '3.0',
  pid: '3.8',
  user: '3.8',
  uts: '3.0',
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

/** The second one's kernels say `microsoft`, in small letters. */
const isWsl1 = (facts: Facts): boolean =>
  [SOURCE.version, SOURCE.release].some((source) => /Microsoft/.test(facts.evidence.read(source) ?? ''));

const configured = (facts: Facts, name: string): boolean | undefined => {
  const text = facts.evidence.read(SPECIAL.config);
  if (text === undefined || text === null || text === '') return undefined;
  return text.split('\n').includes(`${name}=y`);
};

/** The types among those wanted that the kernel was built without, as far as its configuration tells. */
const unconfigured = (failure: Failure, facts: Facts): readonly NamespaceType[] =>
  failure.namespaces.filter((type) => configured(facts, CONFIG_NAMES[type]) === false);

/**
 * The single type that EINVAL must be about, where nothing shows which files of namespaces there are: unshare(2) gives it
 * for no type but `user` for another reason.
 */
const onlyType = (failure: Failure, facts: Facts): NamespaceType | null => {
  const others = failure.namespaces.filter((type) => type !== 'user' && type !== 'mnt');
  const [type] = others;
  const isSeen = missing(failure, facts) !== undefined;
  return !isSeen &&
    failure.step === 'unshare' &&
    failure.errno === 'EINVAL' &&
    others.length === 1 &&
    type !== undefined
    ? type
    : null;
};

const saysEmulated = ({ text }: Failure): boolean => /\bqemu\b|binfmt_misc/i.test(text ?? '');

const PLATFORMS: readonly (readonly [name: string, matches: (facts: Facts) => boolean, source: string])[] = [
  [
    'an OpenVZ container',
    (facts) =>
      typeof facts.evidence.read('/proc/vz') === 'string' || /\dstab\d/.test(facts.evidence.read(SOURCE.release) ?? ''),
    '/proc/vz',
  ],
  ['gVisor', (facts) => facts.logged(/Starting gVisor/), SPECIAL.log],
  ['Android', (facts) => /-android\d|Android/.test(facts.evidence.read(SOURCE.version) ?? ''), SOURCE.version],
  ['a Heroku dyno', (facts) => typeof facts.evidence.read('environment DYNO') === 'string', 'environment DYNO'],
];

const isOpenvz = (facts: Facts): boolean => platform(facts)?.[0] === 'an OpenVZ container';

/** Whether it was to join a user namespace, which such platforms show and do not have. */
const isOfUser = ({ step, errno, namespaces }: Failure): boolean =>
  step === 'setns' && errno === 'EINVAL' && namespaces.includes('user');

const platform = (facts: Facts) => PLATFORMS.find(([, matches]) => matches(facts));

export const kernelCauses: readonly Cause[] = [
  {
    id: 'wsl1',
    predicts: true,
    matches: (failure, facts) => {
      if (!isWsl1(facts)) return null;
      if (isRefused(failure)) return 'certain';
      return isMount(failure) && said(failure, 'EINVAL', 'ENOSYS') ? 'likely' : null;
    },
    summary: (failure) =>
      isMount(failure)
        ? 'the first Windows Subsystem for Linux most likely has no mounts of this kind'
        : 'the first Windows Subsystem for Linux has no namespaces of this kind',
    sources: () => [SOURCE.version],
    remedy: () => ['wsl --set-version DISTRIBUTION 2'],
  },
  {
    id: 'platform-no-userns',
    predicts: true,
    matches: (failure, facts) =>
      (makes(failure, 'user') || isOfUser(failure) || (isMaking(failure) && isOpenvz(facts))) &&
      said(failure, 'EINVAL', 'ENOSYS', 'EPERM', 'EACCES') &&
      platform(facts) !== undefined
        ? 'likely'
        : null,
    summary: (_, facts) =>
      `this looks like ${platform(facts)?.[0] ?? 'a platform'}, which has no user namespaces of its own`,
    sources: () => PLATFORMS.map(([, , source]) => source),
    remedy: () => ['run it on another host, or in a virtual machine'],
  },
  {
    id: 'qemu-user',
    matches: (failure, facts) =>
      isRefused(failure) && failure.namespaces.length > 0 && saysEmulated(failure) && facts.el7() === null
        ? 'likely'
        : null,
    summary: () =>
      'the program most likely runs under the user mode of QEMU, which passes no flags of namespaces on to the kernel',
    sources: () => ['/proc/sys/fs/binfmt_misc', SOURCE.release],
    remedy: () => ['run a program of the machine’s own architecture, or a virtual machine of the other one'],
  },
  {
    id: 'kernel-too-old',
    predicts: true,
    matches: (failure, facts) => {
      if (!isRefused(failure) && !isUnopened(failure, facts)) return null;
      const absent = missing(failure, facts);
      if (absent === undefined)
        return failure.namespaces.some((type) => isTooNew(type, failure, facts)) ? 'likely' : null;
      // Distributions port features back, so a number alone proves nothing.
      return absent.some((type) => isTooNew(type, failure, facts)) ? 'certain' : null;
    },
    summary: (failure, facts) => {
      const types = failure.namespaces.filter((type) => isTooNew(type, failure, facts));
      const since = types.map((type) => `${NAMESPACES[type].cloneName} came with Linux ${sinceWhen(type, failure)}`);
      const isSure = missing(failure, facts) !== undefined;
      return `this kernel is ${isSure ? '' : 'probably '}too old: ${since.join(', ')}`;
    },
    sources: () => [SOURCE.release, SOURCE.namespaces],
    remedy: () => [],
  },
  {
    id: 'config-user-ns-off',
    predicts: true,
    matches: (failure, facts) => {
      if (!isRefused(failure) || !makes(failure, 'user')) return null;
      const absent = missing(failure, facts);
      if (absent?.includes('user') === true) return 'certain';
      if (absent !== undefined) return null;
      if (unconfigured(failure, facts).includes('user')) return 'certain';
      // Where nothing shows what the kernel has: every distribution's own has them since then.
      const kernel = facts.kernel();
      const isUnseen =
        failure.errno === 'EINVAL' && facts.el7() === null && configured(facts, 'CONFIG_USER_NS') === undefined;
      return isUnseen && (kernel === null || isOlder(kernel, '4.15')) ? 'possible' : null;
    },
    summary: (failure, facts) =>
      `this kernel was ${missing(failure, facts) === undefined && configured(facts, 'CONFIG_USER_NS') === undefined ? 'perhaps ' : ''}built without user namespaces (CONFIG_USER_NS)`,
    sources: () => [SOURCE.namespaces, SPECIAL.config, SOURCE.release],
    remedy: () => ['boot a kernel that has CONFIG_USER_NS=y; setuid helpers do without it'],
  },
  {
    id: 'config-ns-off',
    predicts: true,
    matches: (failure, facts) => {
      if (isUnopened(failure, facts))
        return failure.namespaces.some((type) => isTooNew(type, failure, facts)) ? null : 'likely';
      if (!isRefused(failure)) return null;
      const absent = missing(failure, facts);
      if (absent !== undefined) return absent.length > 0 ? 'certain' : null;
      if (unconfigured(failure, facts).length > 0) return 'certain';
      return onlyType(failure, facts) === null ? null : 'likely';
    },
    summary: (failure, facts) => {
      const absent = missing(failure, facts);
      const only = onlyType(failure, facts);
      const sure = absent ?? unconfigured(failure, facts);
      const types =
        sure.length > 0 ? sure : only === null ? (isUnopened(failure, facts) ? failure.namespaces : []) : [only];
      return `this kernel was ${sure.length > 0 ? '' : 'probably '}built without ${flags(types)} (${types.map((type) => CONFIG_NAMES[type]).join(', ')})`;
    },
    sources: () => [SOURCE.namespaces, SPECIAL.config, SOURCE.release],
    remedy: (facts, failure) => {
      const types = missing(failure, facts) ?? unconfigured(failure, facts);
      const names = (types.length > 0 ? types : failure.namespaces).map((type) => `${CONFIG_NAMES[type]}=y`);
      return [`boot a kernel that has ${names.join(', ')}; or leave this type out`];
    },
  },
];
