import { AT, OPEN, OPEN_HOW_SIZE, RESOLVE, S_IFREG, STAT_SIZE } from '../abi/constants.ts';
import { type Argument, num, resultOf, shown, words } from '../program/argument.ts';
import type { Label, OpOptions, ProgramBuilder } from '../program/builder.ts';

/**
 * How mounts are made: by fds, with openat2, open_tree, move_mount and mount_setattr (all there since Linux 5.12), or by
 * paths, with mount(2) alone.
 */
export type MountApi = 'fd' | 'path';

/** What the mounts of a child are made with. */
export interface Mounting {
  readonly program: ProgramBuilder;
  readonly api: MountApi;
  /** The new root, and the old one to come back to; null: the root stays. */
  readonly root: { readonly fd: Argument; readonly old: Argument } | null;
}

/** What is made where a target is missing. */
export type Kind = 'directory' | 'file' | { readonly like: string };

export const HERE = words(AT.AT_FDCWD, AT);
export const PATH_FD = words(OPEN.O_PATH | OPEN.O_CLOEXEC, OPEN);
const QUIET = { onError: 'next' } as const;
const MADE_MODE = 0o755;

export const octal = (mode: number): Argument => shown(mode, `0${mode.toString(8)}`);

/** Goes on elsewhere: a close of no fd, which always fails. */
export const jump = (program: ProgramBuilder, label: Label): void => {
  program.op('close', [num(-1)], { onError: label, expected: true });
};

/**
 * Opens a path of the new root, which no symbolic link leads out of.
 *
 * By paths it is looked up inside of the root, by chroot and back; there a link of /proc could still lead out.
 */
export const openInRoot = (mounting: Mounting, path: string, options: OpOptions): Argument => {
  const { program, api, root } = mounting;
  if (root === null) {
    return resultOf(program.op('openat', [HERE, program.string(path), PATH_FD], { ...options, path }), 'target');
  }
  if (api === 'fd') {
    const how = program.int64s([
      OPEN.O_PATH | OPEN.O_CLOEXEC,
      0,
      RESOLVE.RESOLVE_IN_ROOT | RESOLVE.RESOLVE_NO_MAGICLINKS,
    ]);
    const text = '{flags=O_PATH|O_CLOEXEC, resolve=RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}';
    const args = [root.fd, program.string(path), shown(how, text), num(OPEN_HOW_SIZE)];
    return resultOf(program.op('openat2', args, { ...options, path }), 'target');
  }
  const dot = program.string('.');
  const comeBack = (): void => {
    program.op('fchdir', [root.old], options);
    program.op('chroot', [dot], options);
  };
  const missed = program.label();
  const done = program.label();
  program.op('fchdir', [root.fd], options);
  program.op('chroot', [dot], options);
  const opened = program.op('openat', [HERE, program.string(path), PATH_FD], { ...options, path, onError: missed });
  comeBack();
  jump(program, done);
  program.place(missed);
  comeBack();
  if (options.onError !== 'next') jump(program, options.onError);
  program.place(done);
  return resultOf(opened, 'target');
};

/** Makes one name in a directory: a directory, an empty file, or what a path of the caller's is. */
const addMake = (
  { program }: Mounting,
  parent: Argument,
  name: string,
  kind: Kind,
  mode: number,
  options: OpOptions,
): void => {
  const text = program.string(name);
  const file = (): void => {
    program.op('mknodat', [parent, text, shown(S_IFREG | 0o644, 'S_IFREG|0644'), num(0)], options);
  };
  const directory = (): void => {
    program.op('mkdirat', [parent, text, octal(mode)], options);
  };
  if (kind === 'file') file();
  if (kind === 'directory') directory();
  if (typeof kind === 'string') return;
  const isFile = program.label();
  const probe = [HERE, program.string(`${kind.like}/.`), PATH_FD];
  const probed = program.op('openat', probe, { onError: isFile, expected: true });
  program.op('close', [resultOf(probed, 'source')], QUIET);
  directory();
  program.place(isFile);
  file();
};

/** The directory above a path, and the name in it. */
export const splitPath = (path: string): readonly [parent: string, name: string] => {
  const slash = path.lastIndexOf('/');
  return [path.slice(0, slash) || '/', path.slice(slash + 1)];
};

/**
 * Opens a target and makes what is missing of it, name by name.
 *
 * @returns the target's fd, and all others that may be open
 */
export const openOrMake = (
  mounting: Mounting,
  path: string,
  kind: Kind,
  options: OpOptions,
  mode = MADE_MODE,
): readonly Argument[] => {
  const { program, root } = mounting;
  const fds: Argument[] = [];
  let parent: Argument;
  if (root === null) {
    parent = openInRoot(mounting, '/', options);
    fds.push(parent);
  } else {
    parent = root.fd;
  }
  const names = path.split('/').slice(1);
  for (const [index, name] of names.entries()) {
    const prefix = `/${names.slice(0, index + 1).join('/')}`;
    const isLast = index === names.length - 1;
    const [again, missing, exists, next] = [program.label(), program.label(), program.label(), program.label()];
    program.place(again);
    const opened = openInRoot(mounting, prefix, { ...options, onError: missing, expected: true });
    jump(program, next);
    program.place(missing);
    // What it takes to make it is what failed, unless it is there; then it is the opening.
    const making = { ...options, onError: exists, onZero: again, path: prefix };
    addMake(mounting, parent, name, isLast ? kind : 'directory', isLast ? mode : MADE_MODE, making);
    program.place(exists);
    const stat = [parent, program.string(name), shown(program.room(STAT_SIZE), '&stat')];
    program.op('newfstatat', [...stat, words(AT.AT_SYMLINK_NOFOLLOW, AT)], { ...options, expected: true });
    fds.push(openInRoot(mounting, prefix, options), opened);
    jump(program, again);
    program.place(next);
    parent = opened;
  }
  return [parent, ...fds];
};
