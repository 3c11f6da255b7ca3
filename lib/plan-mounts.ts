import { posix } from 'node:path';
import { err, ok, Result } from 'neverthrow';
import { type Checked, flag, needs, optional, pathString } from './checks.ts';
import { invalidOption } from './errors.ts';
import type { KernelMount, MountAttributes, MountPlan, MountPropagation, MountSpec } from './mounts.ts';
import type { NamespaceType } from './namespace.ts';
import type { SpawnSpec } from './spec.ts';

/** The most entries, and the most names in all of their targets: what a program has room for. */
const MOST_ENTRIES = 500;
const MOST_NAMES = 3_000;
/** The most bytes of all files together. */
const MOST_CONTENT = 16 * 1024 * 1024;
/** mount(2) takes one page of options, with a NUL at its end. */
const LONGEST_DATA = 4_095;

const FLAGS = ['readOnly', 'noSuid', 'noDev', 'noExec'] as const;

/** What an entry of each type may say, beside type, target and optional. */
const FIELDS: Readonly<Record<MountSpec['type'], readonly string[]>> = {
  bind: ['source', 'recursive', 'propagation', 'idMap', ...FLAGS],
  tmpfs: ['sizeBytes', 'mode', 'propagation', ...FLAGS],
  proc: ['readOnly', 'hidepid', 'subset'],
  sysfs: ['readOnly'],
  devpts: ['readOnly'],
  mqueue: ['readOnly'],
  cgroup2: ['readOnly'],
  overlay: ['lower', 'upper', 'work', ...FLAGS],
  dev: [],
  file: ['content', 'mode', 'readOnly'],
  symlink: ['to'],
  directory: ['mode'],
  mask: [],
  'read-only': [],
  unmount: [],
  propagation: ['propagation'],
};

const PROPAGATIONS: readonly MountPropagation[] = ['private', 'slave', 'shared', 'unbindable'];

/** Numbers, which every kernel takes; words only since Linux 5.8. */
const HIDEPID = { off: 0, noaccess: 1, invisible: 2, ptraceable: 4 } as const;

const oneOf = <T extends string>(option: string, value: unknown, words: readonly T[]): Checked<T> =>
  words.includes(value as T) ? ok(value as T) : err(invalidOption(option, value, `one of ${words.join(', ')}`));

const permissions = (option: string, value: unknown, otherwise: number): Checked<number> => {
  if (value === undefined) return ok(otherwise);
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0o7777
    ? ok(value)
    : err(invalidOption(option, value, 'permissions from 0 to 0o7777'));
};

/** The size of a tmpfs as its option; empty for the kernel's own. */
export const sizeData = (option: string, value: unknown): Checked<string> => {
  if (value === undefined) return ok('');
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1
    ? ok(`,size=${value}`)
    : err(invalidOption(option, value, 'bytes, 1 or more'));
};

/** A path of the caller's, made absolute: the set-up has another working directory by the time it is used. */
export const ownPath = (option: string, value: unknown): Checked<string> =>
  pathString(option, value).map((path) => (path.startsWith('/') ? path : posix.resolve(path)));

const planTarget = (option: string, value: unknown, type: MountSpec['type']): Checked<string> =>
  pathString(option, value).andThen((path) => {
    if (!path.startsWith('/')) return err(invalidOption(option, value, 'an absolute path'));
    const normal = posix.normalize(path);
    const target = normal === '/' ? normal : normal.replace(/\/$/, '');
    return target !== '/' || type === 'read-only' || type === 'propagation'
      ? ok(target)
      : err(invalidOption(option, value, 'a directory other than "/"; that is what "root" is for'));
  });

const planAttributes = (option: string, entry: Partial<MountAttributes>): Checked<MountAttributes> =>
  Result.combine(FLAGS.map((name) => flag(`${option}.${name}`, entry[name]))).map(
    ([readOnly = false, noSuid = false, noDev = false, noExec = false]) => ({ readOnly, noSuid, noDev, noExec }),
  );

const planPropagation = (option: string, value: unknown): Checked<MountPropagation | null> =>
  optional(value, (word) => oneOf(`${option}.propagation`, word, PROPAGATIONS));

type Entry<T extends MountSpec['type']> = Extract<MountSpec, { type: T }>;
type Body = MountPlan extends infer P ? (P extends unknown ? Omit<P, 'target' | 'optional' | 'create'> : never) : never;

const planBind = (option: string, entry: Entry<'bind'>): Checked<Body> =>
  Result.combine([
    ownPath(`${option}.source`, entry.source),
    flag(`${option}.recursive`, entry.recursive ?? true),
    planAttributes(option, entry),
    planPropagation(option, entry.propagation),
    optional(entry.idMap, (path) => ownPath(`${option}.idMap`, path)),
  ]).map(([source, recursive, attributes, propagation, idMap]) => ({
    type: 'bind',
    source,
    recursive,
    attributes,
    propagation,
    idMap,
  }));

const planTmpfs = (option: string, entry: Entry<'tmpfs'>): Checked<Body> =>
  Result.combine([
    permissions(`${option}.mode`, entry.mode, 0o1777),
    sizeData(`${option}.sizeBytes`, entry.sizeBytes),
    planAttributes(option, entry),
    planPropagation(option, entry.propagation),
  ]).map(([mode, size, attributes, propagation]) => ({
    type: 'filesystem',
    filesystem: 'tmpfs',
    attributes,
    data: `mode=${mode.toString(8)}${size}`,
    propagation,
  }));

const kernelAttributes = (readOnly: boolean, noDev = true): MountAttributes => ({
  readOnly,
  noSuid: true,
  noDev,
  noExec: true,
});

const planProc = (option: string, entry: Entry<'proc'>): Checked<Body> =>
  Result.combine([
    flag(`${option}.readOnly`, entry.readOnly),
    optional(entry.hidepid, (word) =>
      oneOf(`${option}.hidepid`, word, Object.keys(HIDEPID) as (keyof typeof HIDEPID)[]),
    ),
    optional(entry.subset, (word) => oneOf(`${option}.subset`, word, ['pid'])),
  ]).map(([readOnly, hidepid, subset]) => ({
    type: 'filesystem',
    filesystem: 'proc',
    attributes: kernelAttributes(readOnly),
    data: [
      ...(hidepid === null ? [] : [`hidepid=${HIDEPID[hidepid]}`]),
      ...(subset === null ? [] : [`subset=${subset}`]),
    ].join(','),
    propagation: null,
  }));

const KERNEL_DATA = {
  sysfs: '',
  // Without newinstance, before Linux 4.7, it would be the host's.
  devpts: 'newinstance,ptmxmode=0666,mode=620',
  mqueue: '',
  cgroup2: '',
} as const;

const planKernel = (option: string, { type, readOnly }: KernelMount): Checked<Body> =>
  flag(`${option}.readOnly`, readOnly).map((isReadOnly) => ({
    type: 'filesystem',
    filesystem: type,
    attributes: kernelAttributes(isReadOnly, type !== 'devpts'),
    data: KERNEL_DATA[type],
    propagation: null,
  }));

/** A path as a value among the options of overlayfs: colons, commas and backslashes have a meaning there. */
const overlayEscaped = (path: string): string => path.replace(/[\\,:]/g, '\\$&');

const overlayData = (
  lower: readonly string[],
  upper: { readonly path: string; readonly work: string } | null,
): string =>
  [
    `lowerdir=${lower.map(overlayEscaped).join(':')}`,
    ...(upper === null ? [] : [`upperdir=${overlayEscaped(upper.path)}`, `workdir=${overlayEscaped(upper.work)}`]),
  ].join(',');

type Upper = { readonly path: string; readonly work: string } | 'tmpfs' | null;

const planUpper = (option: string, { upper, work }: Entry<'overlay'>): Checked<Upper> => {
  if (typeof upper === 'object' && upper !== null && upper.type === 'tmpfs') {
    return work === undefined
      ? ok('tmpfs')
      : err(invalidOption(`${option}.work`, work, 'nothing beside an upper in memory'));
  }
  if (upper === undefined) {
    return work === undefined ? ok(null) : err(invalidOption(`${option}.work`, work, '"upper" to be a path with it'));
  }
  if (typeof upper !== 'string') return err(invalidOption(`${option}.upper`, upper, 'a path or { type: "tmpfs" }'));
  if (work === undefined) return err(invalidOption(`${option}.work`, work, 'an empty directory beside "upper"'));
  return Result.combine([ownPath(`${option}.upper`, upper), ownPath(`${option}.work`, work)]).map(([path, dir]) => ({
    path,
    work: dir,
  }));
};

const planLower = (option: string, lower: unknown, least: number): Checked<readonly string[]> =>
  Array.isArray(lower) && lower.length >= least
    ? Result.combine(lower.map((path, index) => ownPath(`${option}[${index}]`, path)))
    : err(invalidOption(option, lower, `a list of at least ${least} ${least === 1 ? 'path' : 'paths'}`));

const planOverlay = (option: string, entry: Entry<'overlay'>): Checked<Body> =>
  Result.combine([
    // Without an upper directory, one lower directory would be a bind mount; overlayfs refuses it.
    planLower(`${option}.lower`, entry.lower, entry.upper === undefined ? 2 : 1),
    planUpper(option, entry),
    planAttributes(option, entry),
  ]).andThen(([lower, upper, attributes]): Checked<Body> => {
    const data = overlayData(lower, upper === 'tmpfs' ? null : upper);
    const bytes = Buffer.byteLength(data);
    // Room for the paths of directories that are still to be made.
    const most = LONGEST_DATA - 64;
    return bytes > most
      ? err(invalidOption(`${option}.lower`, `${bytes} bytes`, `paths of at most ${most} bytes together`))
      : ok({ type: 'overlay', data, inMemory: upper === 'tmpfs', attributes });
  });

const planFile = (option: string, entry: Entry<'file'>): Checked<Body> => {
  const { content } = entry;
  if (typeof content !== 'string' && !(content instanceof Uint8Array)) {
    return err(invalidOption(`${option}.content`, content, 'a string or a Uint8Array'));
  }
  return Result.combine([
    permissions(`${option}.mode`, entry.mode, 0o644),
    flag(`${option}.readOnly`, entry.readOnly),
  ]).map(([mode, readOnly]) => ({
    type: 'file',
    content: (typeof content === 'string'
      ? Buffer.from(content)
      : Buffer.from(content.buffer, content.byteOffset, content.byteLength)
    ).toString('latin1'),
    mode,
    readOnly,
  }));
};

const planBody = (option: string, entry: MountSpec): Checked<Body> => {
  switch (entry.type) {
    case 'bind':
      return planBind(option, entry);
    case 'tmpfs':
      return planTmpfs(option, entry);
    case 'proc':
      return planProc(option, entry);
    case 'sysfs':
    case 'devpts':
    case 'mqueue':
    case 'cgroup2':
      return planKernel(option, entry);
    case 'overlay':
      return planOverlay(option, entry);
    case 'file':
      return planFile(option, entry);
    case 'symlink':
      return pathString(`${option}.to`, entry.to).map((to) => ({ type: 'symlink', to }));
    case 'directory':
      return permissions(`${option}.mode`, entry.mode, 0o755).map((mode) => ({ type: 'directory', mode }));
    case 'propagation':
      return oneOf(`${option}.propagation`, entry.propagation, PROPAGATIONS).map((propagation) => ({
        type: 'propagation',
        propagation,
      }));
    case 'dev':
    case 'mask':
    case 'read-only':
    case 'unmount':
      return ok({ type: entry.type });
  }
};

/** Entries that change what is there, and so have nothing to be made for them. */
const CHANGES: readonly MountSpec['type'][] = ['mask', 'read-only', 'unmount', 'propagation'];

const planEntry = (option: string, entry: MountSpec, hasRoot: boolean): Checked<MountPlan> => {
  if (typeof entry !== 'object' || entry === null) return err(invalidOption(option, entry, 'an object'));
  if (!Object.hasOwn(FIELDS, entry.type)) {
    return err(invalidOption(`${option}.type`, entry.type, `one of ${Object.keys(FIELDS).join(', ')}`));
  }
  const known = ['type', 'target', 'optional', ...FIELDS[entry.type]];
  for (const [name, value] of Object.entries(entry)) {
    // A readonly that is not readOnly would leave a mount writable.
    if (!known.includes(name)) return err(invalidOption(`${option}.${name}`, value, `one of ${known.join(', ')}`));
  }
  return planTarget(`${option}.target`, entry.target, entry.type).andThen((target) =>
    Result.combine([flag(`${option}.optional`, entry.optional), planBody(option, entry)]).map(
      ([isOptional, body]): MountPlan => ({
        ...body,
        target,
        optional: isOptional,
        create: (hasRoot || entry.type === 'directory') && !CHANGES.includes(entry.type),
      }),
    ),
  );
};

const roomFor = (plans: readonly MountPlan[]): Checked<readonly MountPlan[]> => {
  const names = plans.reduce((sum, { target }) => sum + target.split('/').length - 1, 0);
  if (names > MOST_NAMES)
    return err(invalidOption('mounts', `${names} names`, `targets of ${MOST_NAMES} names together`));
  const bytes = plans.reduce((sum, plan) => sum + (plan.type === 'file' ? plan.content.length : 0), 0);
  return bytes > MOST_CONTENT
    ? err(invalidOption('mounts', `${bytes} bytes`, `files of at most ${MOST_CONTENT} bytes together`))
    : ok(plans);
};

/** What is made in memory lies on the root for a moment, where a shared mount would show it to the caller. */
const privateFor = (
  plans: readonly MountPlan[],
  propagation: SpawnSpec['propagation'],
): Checked<readonly MountPlan[]> => {
  if (propagation !== 'shared' && propagation !== 'unchanged') return ok(plans);
  const index = plans.findIndex((plan) => plan.type === 'file' || (plan.type === 'overlay' && plan.inMemory));
  return index === -1
    ? ok(plans)
    : err(invalidOption(`mounts[${index}]`, plans[index]?.target, '"propagation" to be private or slave with it'));
};

/** Checks `mounts`; nothing is asked of the file system, which may be another one by the time of the set-up. */
export const planMounts = (
  { mounts, root, propagation }: SpawnSpec,
  types: ReadonlySet<NamespaceType>,
): Checked<readonly MountPlan[]> => {
  if (mounts === undefined) return ok([]);
  if (!Array.isArray(mounts)) return err(invalidOption('mounts', mounts, 'a list of mounts'));
  if (mounts.length > MOST_ENTRIES) {
    return err(invalidOption('mounts', `${mounts.length} entries`, `at most ${MOST_ENTRIES} entries`));
  }
  const list = mounts as readonly MountSpec[];
  return Result.combine(list.map((entry, index) => planEntry(`mounts[${index}]`, entry, root !== undefined))).andThen(
    (plans) =>
      plans.length === 0
        ? ok(plans)
        : needs('mounts', plans, types, 'mnt')
            .andThen(roomFor)
            .andThen((fitting) => privateFor(fitting, propagation)),
  );
};
