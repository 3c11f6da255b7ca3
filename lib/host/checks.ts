import { type CheckName, typesFor } from '../check-names.ts';
import type { ErrnoName } from '../errno.ts';
import type { NamespaceType } from '../namespace.ts';
import type { Failure } from './failure.ts';

const ERRNOS: readonly ErrnoName[] = ['EINVAL', 'ENOSYS', 'ENOSPC', 'EUSERS', 'EPERM', 'EACCES'];

const making = (types: readonly NamespaceType[]): readonly Failure[] =>
  ERRNOS.map((errno) => ({ step: 'clone', errno, namespaces: types, requested: types }));

const inside = (types: readonly NamespaceType[], rest: Pick<Failure, 'step'> & Partial<Failure>): readonly Failure[] =>
  (['EPERM', 'EACCES'] as const).map((errno) => ({ errno, namespaces: types, requested: types, ...rest }));

/** Every way in which a check could fail, for the causes that can tell beforehand. */
export const conceivable = (name: CheckName, inUserNamespace: boolean): readonly Failure[] =>
  waysToFail(name, inUserNamespace).map((failure) => ({ ...failure, isHypothetical: true }));

const waysToFail = (name: CheckName, inUserNamespace: boolean): readonly Failure[] => {
  const types = typesFor(name, inUserNamespace);
  const made = types.length === 0 ? [] : making(types);
  // What comes after the making takes capabilities there: the first thing that they are needed for is told of.
  const privileged = types.includes('user') ? inside(types, { step: 'credentials' }) : [];
  switch (name) {
    case 'newuidmap':
      // Root writes the maps itself.
      if (!inUserNamespace) return [];
      return [
        ...made,
        ...(['EPERM', 'EINVAL', 'EACCES'] as const).map(
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
    case 'idmapped-root':
    case 'idmapped-tmp':
      // Which file systems can is known of no kernel for sure.
      return made;
    case 'clone3':
      return [{ step: 'clone', errno: 'EPERM', namespaces: [], requested: [], syscall: 'clone3' }];
    case 'pidfd':
    case 'into-cgroup':
      return [];
    default:
      return [...made, ...privileged];
  }
};
