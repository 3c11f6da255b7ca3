import type { MountAttributes, MountPlan, SpawnPlan } from '../../../lib/plan.ts';
import { MOUNT, OPEN, UMOUNT } from '../abi/constants.ts';
import { type Argument, num, resultOf, shown, words } from '../program/argument.ts';
import type { Label, OpOptions } from '../program/builder.ts';
import { addDev } from './dev-ops.ts';
import { addByPath, flagChanges, propagationChange } from './mount-by-path.ts';
import {
  addIdMapped,
  addMount,
  addMoveMount,
  addOpenTree,
  addSetAttributes,
  mountFlags,
  PROPAGATION_FLAGS,
} from './mount-calls.ts';
import {
  HERE,
  jump,
  type Kind,
  type Mounting,
  octal,
  openInRoot,
  openOrMake,
  PATH_FD,
  splitPath,
} from './mount-target.ts';
import { callersMountsBelow } from './mount-walk.ts';

const QUIET = { onError: 'next' } as const;

const READ_ONLY: MountAttributes = { readOnly: true, noSuid: false, noDev: false, noExec: false };

type Entry<T extends MountPlan['type']> = Extract<MountPlan, { type: T }>;

/** Where what is made of given content lies until it is mounted: in a tmpfs that covers "/", and so is seen by nobody. */
const scratchPath = (index: number): string => `/../${index}`;

const usesScratch = (entry: MountPlan): boolean =>
  entry.type === 'file' || (entry.type === 'overlay' && entry.inMemory);

/** Covers a target with what is at a path of the caller's. */
const addBind = (
  mounting: Mounting,
  fd: Argument,
  target: string,
  bind: Omit<Entry<'bind'>, 'type' | 'target' | 'optional' | 'create'>,
  options: OpOptions,
): readonly Argument[] => {
  const { program, api } = mounting;
  const { source, recursive, attributes, propagation, idMap } = bind;
  const set = mountFlags(attributes);
  if (api === 'path') {
    const below = set === 0 ? [] : recursive ? callersMountsBelow(source) : callersMountsBelow(source).slice(0, 1);
    const changes = [...flagChanges(attributes, below), ...propagationChange(propagation)];
    return addByPath(mounting, fd, target, { source, recursive, changes }, options);
  }
  const tree = addOpenTree(program, [HERE, source], recursive, { ...options, path: source });
  const more = idMap === null ? [] : addIdMapped(program, tree, idMap, options);
  if (set !== 0) addSetAttributes(program, tree, { set, recursive: true }, options);
  addMoveMount(program, tree, fd, options);
  if (propagation !== null) addSetAttributes(program, tree, { propagation, recursive: true }, options);
  return [tree, ...more];
};

const PLAIN_BIND = {
  recursive: false,
  attributes: { ...READ_ONLY, readOnly: false },
  propagation: null,
  idMap: null,
} as const;

const addFilesystem = (
  mounting: Mounting,
  fd: Argument,
  { target, filesystem, attributes, data, propagation }: Entry<'filesystem'>,
  options: OpOptions,
): readonly Argument[] => {
  const { program } = mounting;
  program.op('fchdir', [fd], options);
  addMount(program, '.', { source: filesystem, filesystem, flags: mountFlags(attributes), data }, options);
  if (propagation === null) return [];
  const mounted = openInRoot(mounting, target, options);
  program.op('fchdir', [mounted], options);
  addMount(program, '.', { flags: PROPAGATION_FLAGS[propagation] }, options);
  return [mounted];
};

const addOverlay = (
  { program }: Mounting,
  fd: Argument,
  { data, inMemory, attributes }: Entry<'overlay'>,
  index: number,
  options: OpOptions,
): readonly Argument[] => {
  const scratch = scratchPath(index);
  const changes = inMemory ? `,upperdir=${scratch}/upper,workdir=${scratch}/work` : '';
  for (const dir of inMemory ? ['', '/upper', '/work'] : []) {
    program.op('mkdirat', [HERE, program.string(scratch + dir), octal(0o755)], options);
  }
  program.op('fchdir', [fd], options);
  const flags = mountFlags(attributes);
  addMount(program, '.', { source: 'overlay', filesystem: 'overlay', flags, data: data + changes }, options);
  return [];
};

const addFile = (
  mounting: Mounting,
  fd: Argument,
  { target, content, mode, readOnly }: Entry<'file'>,
  index: number,
  options: OpOptions,
): readonly Argument[] => {
  const { program } = mounting;
  const source = scratchPath(index);
  const bytes = Buffer.from(content, 'latin1');
  const create = words(OPEN.O_WRONLY | OPEN.O_CREAT | OPEN.O_EXCL | OPEN.O_CLOEXEC, OPEN);
  const made = program.op('openat', [HERE, program.string(source), create, octal(0o600)], options);
  const file = resultOf(made, 'file');
  if (bytes.length > 0) {
    // Without room for all of it a write would write a part, and that is no error.
    program.op('fallocate', [file, num(0), num(0), num(bytes.length)], options);
    program.op('write', [file, shown(program.data(bytes), '/* content */'), num(bytes.length)], options);
  }
  program.op('fchmod', [file, octal(mode)], options);
  const attributes = { ...PLAIN_BIND.attributes, readOnly };
  return [file, ...addBind(mounting, fd, target, { ...PLAIN_BIND, source, attributes }, options)];
};

const EMPTY = { source: 'tmpfs', filesystem: 'tmpfs', data: 'mode=555,size=4096' } as const;

const addMask = (
  mounting: Mounting,
  fd: Argument,
  { target }: Entry<'mask'>,
  options: OpOptions,
): readonly Argument[] => {
  const { program } = mounting;
  const [isFile, done] = [program.label(), program.label()];
  const probe = program.op('openat', [fd, program.string('.'), PATH_FD], { onError: isFile, expected: true });
  program.op('fchdir', [fd], options);
  const flags = MOUNT.MS_RDONLY | MOUNT.MS_NOSUID | MOUNT.MS_NODEV | MOUNT.MS_NOEXEC;
  addMount(program, '.', { ...EMPTY, flags }, options);
  jump(program, done);
  program.place(isFile);
  const fds = addBind(mounting, fd, target, { ...PLAIN_BIND, source: '/dev/null' }, options);
  program.place(done);
  return [resultOf(probe, 'dir'), ...fds];
};

/** Where a target is as the caller sees it. */
const callersPath = ({ root }: SpawnPlan, target: string): string =>
  root?.type === 'bind' ? `${root.source}${target}` : target;

const addReadOnly = (
  mounting: Mounting,
  fd: Argument,
  { target }: Entry<'read-only'>,
  plan: SpawnPlan,
  options: OpOptions,
): readonly Argument[] => {
  const { program, api } = mounting;
  if (api === 'path') {
    const changes = flagChanges(READ_ONLY, callersMountsBelow(callersPath(plan, target)));
    // Onto itself, because only mounts can be read-only.
    return addByPath(mounting, fd, target, { source: target === '/' ? null : '.', recursive: true, changes }, options);
  }
  const set = mountFlags(READ_ONLY);
  if (target === '/') {
    addSetAttributes(program, fd, { set, recursive: true }, options);
    return [];
  }
  const tree = addOpenTree(program, [fd, ''], true, options);
  addSetAttributes(program, tree, { set, recursive: true }, options);
  addMoveMount(program, tree, fd, options);
  return [tree];
};

const addPropagationOf = (
  mounting: Mounting,
  fd: Argument,
  { target, propagation }: Entry<'propagation'>,
  options: OpOptions,
): readonly Argument[] => {
  if (mounting.api === 'fd') {
    addSetAttributes(mounting.program, fd, { propagation, recursive: true }, options);
    return [];
  }
  const changes = propagationChange(propagation);
  return addByPath(mounting, fd, target, { source: null, recursive: true, changes }, options);
};

/** Entries about a name in a directory rather than about what it leads to. */
const addName = (
  mounting: Mounting,
  entry: Entry<'symlink'> | Entry<'unmount'>,
  options: OpOptions,
): readonly Argument[] => {
  const { program } = mounting;
  const [above, name] = splitPath(entry.target);
  const fds =
    entry.create && above !== '/'
      ? openOrMake(mounting, above, 'directory', options)
      : [openInRoot(mounting, above, options)];
  const [parent = num(-1)] = fds;
  if (entry.type === 'symlink') {
    program.op('symlinkat', [program.string(entry.to), parent, program.string(name)], options);
  } else {
    program.op('fchdir', [parent], options);
    const flags = words(UMOUNT.MNT_DETACH | UMOUNT.UMOUNT_NOFOLLOW, UMOUNT);
    program.op('umount2', [program.string(name), flags], options);
  }
  return fds;
};

const kindOf = (entry: MountPlan): Kind => {
  if (entry.type === 'bind') return { like: entry.source };
  return entry.type === 'file' ? 'file' : 'directory';
};

const addEntry = (
  mounting: Mounting,
  entry: MountPlan,
  index: number,
  plan: SpawnPlan,
  options: OpOptions,
): readonly Argument[] => {
  if (entry.type === 'symlink' || entry.type === 'unmount') return addName(mounting, entry, options);
  const { target, create } = entry;
  const mode = entry.type === 'directory' ? entry.mode : undefined;
  const fds = create
    ? openOrMake(mounting, target, kindOf(entry), options, mode)
    : [openInRoot(mounting, target, options)];
  const [fd = num(-1)] = fds;
  switch (entry.type) {
    case 'bind':
      return [...fds, ...addBind(mounting, fd, target, entry, options)];
    case 'filesystem':
      return [...fds, ...addFilesystem(mounting, fd, entry, options)];
    case 'overlay':
      return [...fds, ...addOverlay(mounting, fd, entry, index, options)];
    case 'dev':
      return [...fds, ...addDev(mounting, fd, target, options)];
    case 'file':
      return [...fds, ...addFile(mounting, fd, entry, index, options)];
    case 'mask':
      return [...fds, ...addMask(mounting, fd, entry, options)];
    case 'read-only':
      return [...fds, ...addReadOnly(mounting, fd, entry, plan, options)];
    case 'propagation':
      return [...fds, ...addPropagationOf(mounting, fd, entry, options)];
    case 'directory':
      return fds;
  }
};

/** Makes the mounts of a plan, in their order. */
export const addMounts = (mounting: Mounting, plan: SpawnPlan, fail: Label): void => {
  const { mounts } = plan;
  if (mounts.length === 0) return;
  const { program } = mounting;
  const scratch = mounts.some(usesScratch);
  const base = { step: 'mount', onError: fail } as const;
  // Permissions are those that are asked for.
  const mask = resultOf(program.op('umask', [num(0)], base), 'umask');
  if (scratch) {
    const flags = MOUNT.MS_NOSUID | MOUNT.MS_NODEV;
    const call = { source: 'tmpfs', filesystem: 'tmpfs', flags, data: 'mode=755' };
    addMount(program, '/', call, { ...base, path: '/' });
  }
  for (const [index, entry] of mounts.entries()) {
    const done = program.label();
    const options: OpOptions = entry.optional
      ? { step: 'mount', onError: done, expected: true, path: entry.target }
      : { ...base, path: entry.target };
    const fds = addEntry(mounting, entry, index, plan, options);
    program.place(done);
    for (const fd of fds) program.op('close', [fd], QUIET);
  }
  if (scratch) {
    const detach = words(UMOUNT.MNT_DETACH, UMOUNT);
    program.op('umount2', [program.string('/..'), detach], { ...base, path: '/' });
  }
  program.op('umask', [mask], base);
};

/** Mounts proc, after all other mounts. */
export const addMountProc = (mounting: Mounting, { mountProc, propagation }: SpawnPlan, fail: Label): void => {
  if (mountProc === null) return;
  const { program, root } = mounting;
  const options = { step: 'mount-proc', onError: fail, path: mountProc } as const;
  const fds = root === null ? [] : openOrMake(mounting, mountProc, 'directory', options);
  const [fd] = fds;
  if (fd !== undefined) program.op('fchdir', [fd], options);
  const target = fd === undefined ? mountProc : '.';
  if (propagation === 'shared' || propagation === 'unchanged') {
    // A proc that were mounted on a shared mount would come up outside, too; EINVAL where it is no mount point.
    addMount(program, target, { flags: MOUNT.MS_REC | MOUNT.MS_PRIVATE }, QUIET);
  }
  const flags = MOUNT.MS_NOSUID | MOUNT.MS_NODEV | MOUNT.MS_NOEXEC;
  addMount(program, target, { source: 'proc', filesystem: 'proc', flags }, options);
  for (const one of fds) program.op('close', [one], QUIET);
};
