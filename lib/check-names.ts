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
  'idmapped-mount': 'a mount can show other ids',
} as const satisfies Readonly<Record<string, string>>;

/** A feature that a machine is asked for. */
export type Feature = keyof typeof FEATURES;

/** What a machine is asked for: a namespace type, or a feature. */
export type CheckName = NamespaceType | Feature;

/** Everything that a machine is asked for, types first. */
export const CHECKS: readonly CheckName[] = [...NAMESPACE_TYPES, ...(Object.keys(FEATURES) as Feature[])];
