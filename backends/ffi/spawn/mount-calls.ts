import type { MountAttributes, MountPropagation } from '../../../lib/plan.ts';
import { AT, MOUNT, MOUNT_ATTR, MOUNT_ATTR_SIZE, MOVE_MOUNT, OPEN, OPEN_TREE } from '../abi/constants.ts';
import { type Argument, addressOfOp, int32At, NULL, num, resultOf, shown, words } from '../program/argument.ts';
import type { OpOptions, ProgramBuilder } from '../program/builder.ts';
import { OP } from '../program/layout.ts';

export const PROPAGATION_FLAGS = {
  private: MOUNT.MS_PRIVATE,
  slave: MOUNT.MS_SLAVE,
  shared: MOUNT.MS_SHARED,
  unbindable: MOUNT.MS_UNBINDABLE,
} as const satisfies Record<MountPropagation, number>;

/** The flags of mount(2); those of mount_setattr(2) have other names and the same bits. */
export const mountFlags = ({ readOnly, noSuid, noDev, noExec }: MountAttributes): number =>
  (readOnly ? MOUNT.MS_RDONLY : 0) |
  (noSuid ? MOUNT.MS_NOSUID : 0) |
  (noDev ? MOUNT.MS_NODEV : 0) |
  (noExec ? MOUNT.MS_NOEXEC : 0);

/** What a call of mount(2) says beside its target. */
export interface MountCall {
  readonly source?: string;
  readonly filesystem?: string;
  readonly flags: number;
  readonly data?: string;
}

export const addMount = (
  program: ProgramBuilder,
  target: string,
  { source = 'none', filesystem, flags, data = '' }: MountCall,
  options: OpOptions,
): void => {
  const type = filesystem === undefined ? NULL : program.string(filesystem);
  const text = data === '' ? NULL : program.string(data);
  program.op('mount', [program.string(source), program.string(target), type, words(flags, MOUNT), text], options);
};

/** Changes a mount that an fd refers to, by mount_setattr(2). */
export const addSetAttributes = (
  program: ProgramBuilder,
  fd: Argument,
  change: { readonly set?: number; readonly propagation?: MountPropagation | null; readonly recursive: boolean },
  options: OpOptions,
): void => {
  const { set = 0, propagation = null, recursive } = change;
  const attr = program.int64s([set, 0, propagation === null ? 0 : PROPAGATION_FLAGS[propagation], 0]);
  const names = Object.entries(MOUNT_ATTR).flatMap(([name, bit]) => ((set & bit) === 0 ? [] : [name]));
  const parts = [
    ...(set === 0 ? [] : [`attr_set=${names.join('|')}`]),
    ...(propagation === null ? [] : [`propagation=MS_${propagation.toUpperCase()}`]),
  ];
  const flags = words(AT.AT_EMPTY_PATH | (recursive ? AT.AT_RECURSIVE : 0), AT);
  const struct = shown(attr, `{${parts.join(', ')}}`);
  program.op('mount_setattr', [fd, program.string(''), flags, struct, num(MOUNT_ATTR_SIZE)], options);
};

/**
 * Maps the owners of a mount's files by a user namespace.
 *
 * @returns fds to be closed
 */
export const addIdMapped = (
  program: ProgramBuilder,
  tree: Argument,
  namespace: string,
  options: OpOptions,
): readonly Argument[] => {
  const readOnly = words(OPEN.O_RDONLY | OPEN.O_CLOEXEC, OPEN);
  const opened = program.op('openat', [words(AT.AT_FDCWD, AT), program.string(namespace), readOnly], {
    ...options,
    path: namespace,
  });
  const attr = program.int64s([MOUNT_ATTR.MOUNT_ATTR_IDMAP, 0, 0, 0]);
  // The fd has to stand in memory. An op's result stands in the op, and a pipe copies it from there.
  const pair = program.int32s(-1, -1);
  const [read, write] = [int32At(pair, 'pair.r'), int32At(pair + 4, 'pair.w')];
  program.op('pipe2', [shown(pair, 'pair'), words(OPEN.O_CLOEXEC, OPEN)], options);
  program.op('write', [write, addressOfOp(opened), num(OP.args)], options);
  program.op('read', [read, shown(program.room(OP.result), '&skipped'), num(OP.result)], options);
  program.op('read', [read, shown(attr + 24, '&attr.userns_fd'), num(8)], options);
  const struct = shown(attr, '{attr_set=MOUNT_ATTR_IDMAP, userns_fd}');
  const flags = words(AT.AT_EMPTY_PATH | AT.AT_RECURSIVE, AT);
  program.op('mount_setattr', [tree, program.string(''), flags, struct, num(MOUNT_ATTR_SIZE)], options);
  return [resultOf(opened, 'userns'), read, write];
};

/** A copy of the mount at a path, not attached anywhere yet; an empty path stands for the directory fd itself. */
export const addOpenTree = (
  program: ProgramBuilder,
  [dir, path]: readonly [dir: Argument, path: string],
  recursive: boolean,
  options: OpOptions,
): Argument => {
  const flags =
    OPEN_TREE.OPEN_TREE_CLONE |
    OPEN_TREE.OPEN_TREE_CLOEXEC |
    (recursive ? OPEN_TREE.AT_RECURSIVE : 0) |
    (path === '' ? OPEN_TREE.AT_EMPTY_PATH : 0);
  return resultOf(program.op('open_tree', [dir, program.string(path), words(flags, OPEN_TREE)], options), 'tree');
};

/** Attaches a copy to where an fd is. */
export const addMoveMount = (program: ProgramBuilder, tree: Argument, target: Argument, options: OpOptions): void => {
  const empty = program.string('');
  const flags = words(MOVE_MOUNT.MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT.MOVE_MOUNT_T_EMPTY_PATH, MOVE_MOUNT);
  program.op('move_mount', [tree, empty, target, empty, flags], options);
};
