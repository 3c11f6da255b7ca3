import { err, ok, Result } from 'neverthrow';
import { type Checked, flag } from './checks.ts';
import { invalidOption } from './errors.ts';
import type { RootMethod, RootPlan } from './mounts.ts';
import type { NamespaceType } from './namespace.ts';
import { ownPath, sizeData } from './plan-mounts.ts';
import type { SpawnSpec } from './spec.ts';

const WANTED = 'a path, { type: "bind", source } or { type: "tmpfs" }';

const FIELDS = { bind: ['type', 'source', 'readOnly', 'method'], tmpfs: ['type', 'sizeBytes', 'readOnly'] } as const;

const isShared = ({ propagation }: SpawnSpec): boolean => propagation === 'shared' || propagation === 'unchanged';

const planMethod = (spec: SpawnSpec, method: unknown, types: ReadonlySet<NamespaceType>): Checked<RootMethod> => {
  if (method === 'chroot') return ok(method);
  if (method !== undefined && method !== 'pivot_root') {
    return err(invalidOption('root.method', method, '"pivot_root" or "chroot"'));
  }
  const obstacle = !types.has('mnt')
    ? '"mnt" among the namespaces with it'
    : isShared(spec)
      ? '"propagation" to be private or slave with it'
      : null;
  if (obstacle === null) return ok('pivot_root');
  return method === undefined ? ok('chroot') : err(invalidOption('root.method', method, obstacle));
};

const planSource = (option: string, value: unknown): Checked<string> =>
  ownPath(option, value).andThen((path) =>
    /^\/+$/.test(path) ? err(invalidOption(option, value, 'a directory other than "/"')) : ok(path),
  );

/** Checks `root`, and decides by which system call it is changed. */
export const planRoot = (spec: SpawnSpec, types: ReadonlySet<NamespaceType>): Checked<RootPlan | null> => {
  const { root } = spec;
  if (root === undefined) return ok(null);
  if (typeof root === 'string') {
    return Result.combine([planSource('root', root), planMethod(spec, undefined, types)]).map(([source, method]) => ({
      type: 'bind',
      source,
      method,
      readOnly: false,
    }));
  }
  if (typeof root !== 'object' || root === null || !Object.hasOwn(FIELDS, root.type)) {
    return err(invalidOption('root', root, WANTED));
  }
  const known: readonly string[] = FIELDS[root.type];
  for (const [name, value] of Object.entries(root)) {
    if (!known.includes(name)) return err(invalidOption(`root.${name}`, value, `one of ${known.join(', ')}`));
  }
  const readOnly = flag('root.readOnly', root.readOnly).andThen((isReadOnly) =>
    isReadOnly && !types.has('mnt')
      ? err(invalidOption('root.readOnly', true, '"mnt" among the namespaces with it'))
      : ok(isReadOnly),
  );
  if (root.type === 'bind') {
    return Result.combine([planSource('root.source', root.source), planMethod(spec, root.method, types), readOnly]).map(
      ([source, method, isReadOnly]) => ({ type: 'bind', source, method, readOnly: isReadOnly }),
    );
  }
  if (!types.has('mnt')) return err(invalidOption('root', root, '"mnt" among the namespaces with it'));
  if (isShared(spec)) {
    // It would cover the caller's own root directory, too.
    return err(invalidOption('root', root, '"propagation" to be private or slave with it'));
  }
  return Result.combine([sizeData('root.sizeBytes', root.sizeBytes), readOnly]).map(([size, isReadOnly]) => ({
    type: 'tmpfs',
    data: `mode=755${size}`,
    method: 'pivot_root',
    readOnly: isReadOnly,
  }));
};
