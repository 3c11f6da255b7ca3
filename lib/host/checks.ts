import { type CheckName, FEATURES, type Feature, type Who } from '../check-names.ts';
import type { ErrnoName } from '../errno.ts';
import type { NamespaceType } from '../namespace.ts';
import type { Failure } from './failure.ts';

const isFeature = (name: string): name is Feature => Object.hasOwn(FEATURES, name);

/**
 * The types that somebody asks for together: an ordinary user has to make a user namespace with them, root has not.
 * `user` stands first, as the kernel makes it first.
 */
const typesFor = (name: CheckName, who: Who): readonly NamespaceType[] => {
  const own = isFeature(name) ? FEATURE_TYPES[name] : [name];
  return who === 'root' && name !== 'newuidmap' && name !== 'nesting'
    ? own
    : [...new Set<NamespaceType>(['user', ...own])];
};

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
};

const ERRNOS: readonly ErrnoName[] = ['EINVAL', 'ENOSYS', 'ENOSPC', 'EUSERS', 'EPERM', 'EACCES'];

const making = (types: readonly NamespaceType[]): readonly Failure[] =>
  ERRNOS.map((errno) => ({ step: 'clone', errno, namespaces: types, requested: types }));

const inside = (types: readonly NamespaceType[], rest: Pick<Failure, 'step'> & Partial<Failure>): readonly Failure[] =>
  (['EPERM', 'EACCES'] as const).map((errno) => ({ errno, namespaces: types, requested: types, ...rest }));

/** Every way in which a check could fail, for the causes that can tell beforehand. */
export const conceivable = (name: CheckName, who: Who): readonly Failure[] => {
  const types = typesFor(name, who);
  const made = types.length === 0 ? [] : making(types);
  // What comes after the making takes capabilities there: the first thing that they are needed for is told of.
  const privileged = types.includes('user') ? inside(types, { step: 'credentials' }) : [];
  switch (name) {
    case 'newuidmap':
      // Root writes the maps itself.
      if (who === 'root') return made;
      return [
        ...made,
        ...(['ENOENT', 'EPERM', 'EINVAL', 'EACCES'] as const).map(
          (errno): Failure => ({ step: 'newuidmap', errno, namespaces: types, requested: types }),
        ),
      ];
    case 'proc':
      return [...made, ...privileged, ...inside(types, { step: 'mount-proc', path: '/proc' })];
    case 'overlay':
    case 'mqueue':
      return [...made, ...privileged, ...inside(types, { step: 'mount', filesystem: name })];
    case 'idmapped-mount':
      return [...made, ...privileged, { step: 'idmapped-mount', errno: 'EINVAL', namespaces: types, requested: types }];
    case 'clone3':
      return [{ step: 'clone', errno: 'EPERM', namespaces: [], requested: [], syscall: 'clone3' }];
    case 'pidfd':
    case 'into-cgroup':
      return [];
    default:
      return [...made, ...privileged];
  }
};
