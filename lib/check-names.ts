import { NAMESPACE_TYPES, type NamespaceType } from './namespace.ts';

/** For whom something is asked: root, or an ordinary user. */
export type Who = 'root' | 'user';

/** What a machine is asked for beside the namespace types. */
export const FEATURES = {
  proc: 'proc of one’s own pid namespace can be mounted',
  pivot_root: 'the root directory can be changed with pivot_root(2)',
  overlay: 'overlay can be mounted',
  mqueue: 'mqueue of one’s own ipc namespace can be mounted',
  'time-offsets': 'the clocks of a time namespace can be set',
  newuidmap: 'ranges of ids can be mapped',
  setns: 'a namespace can be joined',
  nesting: 'a user namespace can be made inside a user namespace',
  clone3: 'clone3(2) is there and allowed',
  pidfd: 'clone gives a pidfd, which can be signalled',
  'into-cgroup': 'clone3 puts the child into a cgroup of choice',
  'idmapped-mount': 'a mount of tmpfs can show other ids',
  'idmapped-root': 'a mount of the root file system can show other ids',
  'idmapped-tmp': 'a mount of the file system of $TMPDIR can show other ids',
} as const satisfies Readonly<Record<string, string>>;

/** A feature that a machine is asked for. */
export type Feature = keyof typeof FEATURES;

/** What a machine is asked for: a namespace type, or a feature. */
export type CheckName = NamespaceType | Feature;

/** Everything that a machine is asked for, types first. */
export const CHECKS: readonly CheckName[] = [...NAMESPACE_TYPES, ...(Object.keys(FEATURES) as Feature[])];

const FEATURE_TYPES: Readonly<Record<Feature, readonly NamespaceType[]>> = {
  proc: ['pid', 'mnt'],
  pivot_root: ['mnt'],
  overlay: ['mnt'],
  mqueue: ['ipc', 'mnt'],
  'time-offsets': ['time'],
  newuidmap: ['user'],
  setns: ['uts'],
  nesting: ['user'],
  clone3: [],
  pidfd: [],
  'into-cgroup': [],
  'idmapped-mount': ['mnt'],
  'idmapped-root': ['mnt'],
  'idmapped-tmp': ['mnt'],
};

const isFeature = (name: string): name is Feature => Object.hasOwn(FEATURES, name);

/** The types that a check asks for; `user` stands first, as the kernel makes it first. */
export const typesFor = (name: CheckName, inUserNamespace: boolean): readonly NamespaceType[] => {
  const own = isFeature(name) ? FEATURE_TYPES[name] : [name];
  return inUserNamespace && own.length > 0 ? [...new Set<NamespaceType>(['user', ...own])] : own;
};

/** What root has no need of, or what a user namespace changes nothing about. */
const ONCE: readonly CheckName[] = ['user', 'nesting', 'clone3', 'pidfd', 'into-cgroup'];

/** What only who owns the machine's own file systems may do: they belong to the first user namespace. */
const OWNED: readonly CheckName[] = ['idmapped-root', 'idmapped-tmp'];

/** What is asked for root, for root with a user namespace, and for an ordinary user, who cannot do without. */
export const checksFor = (who: Who, inUserNamespace: boolean): readonly CheckName[] => {
  if (who === 'user') return CHECKS.filter((name) => !OWNED.includes(name));
  const wanted = CHECKS.filter((name) => name !== 'newuidmap');
  return inUserNamespace ? wanted.filter((name) => !ONCE.includes(name) && !OWNED.includes(name)) : wanted;
};
