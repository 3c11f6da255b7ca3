import { err, ok, Result } from 'neverthrow';
import { type Checked, flag } from './checks.ts';
import { invalidOption } from './errors.ts';
import type { RootMethod, RootPlan, RootSpec } from './mounts.ts';
import type { NamespaceType } from './namespace.ts';
import { ownPath, sizeData } from './plan-mounts.ts';
import type { SpawnSpec } from './spec.ts';

const WANTED = 'a path, { type: "bind", source } or { type: "tmpfs" }';

const FIELDS = { bind: ['type', 'source', 'readOnly', 'method'], tmpfs: ['type', 'sizeBytes', 'readOnly'] } as const;

/** The root that there is: it stays. */
const isSlash = (path: string): boolean => /^\/+$/.test(path);

const isShared = ({ propagation }: SpawnSpec): boolean => propagation === 'shared' || propagation === 'unchanged';

/** Why pivot_root cannot do it; null when it can. */
const obstacle = (spec: SpawnSpec, source: string, types: ReadonlySet<NamespaceType>): string | null => {
  if (isSlash(source)) return 'a directory other than "/" with it';
  if (!types.has('mnt')) return '"mnt" among the namespaces with it';
  return isShared(spec) ? '"propagation" to be private or slave with it' : null;
};

const planMethod = (
  spec: SpawnSpec,
  source: string,
  method: unknown,
  types: ReadonlySet<NamespaceType>,
): Checked<RootMethod> => {
  if (method === 'chroot') return ok(method);
  if (method !== undefined && method !== 'pivot_root') {
    return err(invalidOption('root.method', method, '"pivot_root" or "chroot"'));
  }
  const why = obstacle(spec, source, types);
  if (why === null) return ok('pivot_root');
  return method === undefined ? ok('chroot') : err(invalidOption('root.method', method, why));
};

const planReadOnly = (value: unknown, types: ReadonlySet<NamespaceType>): Checked<boolean> =>
  flag('root.readOnly', value).andThen((readOnly) =>
    readOnly && !types.has('mnt')
      ? err(invalidOption('root.readOnly', true, '"mnt" among the namespaces with it'))
      : ok(readOnly),
  );

const planBind = (
  spec: SpawnSpec,
  root: Extract<RootSpec, { type: 'bind' }>,
  types: ReadonlySet<NamespaceType>,
): Checked<RootPlan> =>
  Result.combine([ownPath('root.source', root.source), planReadOnly(root.readOnly, types)]).andThen(
    ([source, readOnly]): Checked<RootPlan> => {
      if (readOnly && isSlash(source)) {
        return err(invalidOption('root.readOnly', true, 'a directory other than "/" with it; "mounts" can do that'));
      }
      return planMethod(spec, source, root.method, types).map((method) => ({ type: 'bind', source, method, readOnly }));
    },
  );

const planTmpfs = (
  spec: SpawnSpec,
  root: Extract<RootSpec, { type: 'tmpfs' }>,
  types: ReadonlySet<NamespaceType>,
): Checked<RootPlan> => {
  if (!types.has('mnt')) return err(invalidOption('root', root, '"mnt" among the namespaces with it'));
  // It would cover the caller's own root directory, too.
  if (isShared(spec)) return err(invalidOption('root', root, '"propagation" to be private or slave with it'));
  return Result.combine([sizeData('root.sizeBytes', root.sizeBytes), planReadOnly(root.readOnly, types)]).map(
    ([size, readOnly]) => ({ type: 'tmpfs', data: `mode=755${size}`, method: 'pivot_root', readOnly }),
  );
};

/** Checks `root`, and decides by which system call it is changed. */
export const planRoot = (spec: SpawnSpec, types: ReadonlySet<NamespaceType>): Checked<RootPlan | null> => {
  const { root } = spec;
  if (root === undefined) return ok(null);
  if (typeof root === 'string') {
    return ownPath('root', root).andThen((source) =>
      planMethod(spec, source, undefined, types).map(
        (method): RootPlan => ({ type: 'bind', source, method, readOnly: false }),
      ),
    );
  }
  if (typeof root !== 'object' || root === null || !Object.hasOwn(FIELDS, root.type)) {
    return err(invalidOption('root', root, WANTED));
  }
  const known: readonly string[] = FIELDS[root.type];
  for (const [name, value] of Object.entries(root)) {
    if (!known.includes(name)) return err(invalidOption(`root.${name}`, value, `one of ${known.join(', ')}`));
  }
  return root.type === 'bind' ? planBind(spec, root, types) : planTmpfs(spec, root, types);
};
