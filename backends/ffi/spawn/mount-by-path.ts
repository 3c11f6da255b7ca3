import type { MountAttributes, MountPropagation } from '../../../lib/plan.ts';
import { MOUNT } from '../abi/constants.ts';
import { type Argument, num, resultOf, shown } from '../program/argument.ts';
import type { OpOptions } from '../program/builder.ts';
import { addMount, mountFlags, PROPAGATION_FLAGS } from './mount-calls.ts';
import { jump, type Mounting, octal, openInRoot, PATH_FD, splitPath } from './mount-target.ts';
import type { MountBelow } from './mount-walk.ts';

/** A change of a mount's flags, or of its propagation, by mount(2). */
interface Change {
  readonly flags: number;
  readonly path: string;
}

export const flagChanges = (attributes: MountAttributes, below: readonly MountBelow[]): readonly Change[] => {
  const flags = mountFlags(attributes);
  if (flags === 0) return [];
  return below.map(({ path, flags: own }) => ({ path, flags: MOUNT.MS_REMOUNT | MOUNT.MS_BIND | flags | own }));
};

export const propagationChange = (propagation: MountPropagation | null): readonly Change[] =>
  propagation === null ? [] : [{ path: '.', flags: MOUNT.MS_REC | PROPAGATION_FLAGS[propagation] }];

/** Mounts on a file, and changes that mount, by mount(2): a file has no "." to stand for it. */
const addOnFile = (
  mounting: Mounting,
  target: string,
  source: string | null,
  changes: readonly Change[],
  options: OpOptions,
): readonly Argument[] => {
  const { program, root } = mounting;
  const [above, name] = splitPath(target);
  const place = root === null ? target : name;
  const fds: Argument[] = [];
  if (root !== null) {
    const parent = openInRoot(mounting, above, options);
    fds.push(parent);
    const isNoLink = program.label();
    const link = [parent, program.string(name), shown(program.room(8), '&byte'), num(1)];
    program.op('readlinkat', link, { onError: isNoLink, expected: true });
    // mount(2) would follow the link, and not inside of the root.
    program.op('mkdirat', [parent, program.string(name), octal(0o755)], options);
    program.place(isNoLink);
    program.op('fchdir', [parent], options);
  }
  if (source !== null) addMount(program, place, { source, flags: MOUNT.MS_BIND }, { ...options, path: source });
  for (const { flags, path } of changes) {
    if (path === '.') addMount(program, place, { flags }, options);
  }
  return fds;
};

/** Mounts on a directory, or on a file, and changes that mount, by mount(2). */
export const addByPath = (
  mounting: Mounting,
  fd: Argument,
  target: string,
  { source, recursive, changes }: { source: string | null; recursive: boolean; changes: readonly Change[] },
  options: OpOptions,
): readonly Argument[] => {
  const { program } = mounting;
  const [isFile, done] = [program.label(), program.label()];
  const probe = program.op('openat', [fd, program.string('.'), PATH_FD], { onError: isFile, expected: true });
  const fds = [resultOf(probe, 'dir')];
  program.op('fchdir', [fd], options);
  if (source !== null) {
    const flags = MOUNT.MS_BIND | (recursive ? MOUNT.MS_REC : 0);
    // The target is there: what may be missing is the source.
    addMount(program, '.', { source, flags }, source === '.' ? options : { ...options, path: source });
    if (changes.length > 0) {
      const mounted = openInRoot(mounting, target, options);
      fds.push(mounted);
      program.op('fchdir', [mounted], options);
    }
  }
  for (const { flags, path } of changes) addMount(program, path, { flags }, options);
  jump(program, done);
  program.place(isFile);
  fds.push(...addOnFile(mounting, target, source, changes, options));
  program.place(done);
  return fds;
};
