import type { SpawnPlan } from '../../../lib/plan.ts';
import { AT, CLOSE_RANGE, FCNTL, OPEN } from '../abi/constants.ts';
import { type Argument, num, resultOf, shown, words } from '../program/argument.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';

/** The child's end of each pipe of stdio, by fd; null where there is none. */
export type ChildEnds = readonly (Argument | null)[];

const FD_CLOEXEC = 1;

/** The distinct fds of the caller that are to be handed on. */
export const givenFds = ({ stdio }: SpawnPlan): readonly number[] => [
  ...new Set(stdio.flatMap((entry) => (entry.type === 'fd' ? [entry.fd] : []))),
];

/** Opens what an ignored stream leads to. */
const addDevNull = (program: ProgramBuilder, fail: Label): Argument => {
  const path = '/dev/null';
  const flags = words(OPEN.O_RDWR | OPEN.O_CLOEXEC, OPEN);
  const opened = program.op('openat', [words(AT.AT_FDCWD, AT), program.string(path), flags], {
    step: 'stdio',
    onError: fail,
    path,
  });
  return resultOf(opened, 'null');
};

/** Opens the caller's /dev/null before mounts could hide it; null where no stream is ignored, or nothing is mounted. */
export const addEarlyDevNull = (
  program: ProgramBuilder,
  { stdio, mounts, root }: SpawnPlan,
  fail: Label,
): Argument | null => {
  const mayHide = mounts.length > 0 || root !== null;
  return mayHide && stdio.some(({ type }) => type === 'ignore') ? addDevNull(program, fail) : null;
};

/** Puts every stream where the command expects it; `opened` is /dev/null where it is open already, `slave` the terminal. */
export const addStdio = (
  program: ProgramBuilder,
  { stdio }: SpawnPlan,
  ends: ChildEnds,
  { opened, slave }: { readonly opened: Argument | null; readonly slave: Argument | null },
  fail: Label,
): void => {
  const options = { step: 'stdio', onError: fail } as const;
  const dupFd = words(FCNTL.F_DUPFD_CLOEXEC, FCNTL);
  let devNull = opened;
  const source = (fd: number): Argument => {
    const entry = stdio[fd];
    const end = ends[fd];
    if (end !== null && end !== undefined) return end;
    if (entry?.type === 'fd') return num(entry.fd);
    if (entry?.type === 'pty' && slave !== null) return slave;
    devNull ??= addDevNull(program, fail);
    return devNull;
  };
  // First every source to a number above all targets, so that no target overwrites a source; then each to its place.
  const moves: (readonly [number, number])[] = [];
  for (const [fd, entry] of stdio.entries()) {
    if (entry.type === 'fd' && entry.fd === fd) {
      // It is in its place, but where the vfork child itself does this it still is close-on-exec, as Node has it.
      program.op('fcntl', [num(fd), words(FCNTL.F_SETFD, FCNTL), num(0)], options);
      continue;
    }
    moves.push([program.op('fcntl', [source(fd), dupFd, num(stdio.length)], options), fd]);
  }
  for (const end of ends) {
    if (end !== null) program.op('close', [end], { step: 'stdio', onError: 'next' });
  }
  for (const [copy, fd] of moves) program.op('dup3', [resultOf(copy, `copy${fd}`), num(fd), num(0)], options);
};

/**
 * Makes the kernel close, at execve, every fd that the caller did not ask for. `strays` is null where close_range does so,
 * since Linux 5.11; else the fds that are open in Node.
 */
export const addCloseOthers = (
  program: ProgramBuilder,
  { stdio }: Pick<SpawnPlan, 'stdio'>,
  strays: readonly number[] | null,
  fail: Label,
): void => {
  const first = stdio.length;
  if (strays === null) {
    const args = [num(first), shown(0xffffffff, '~0U'), words(CLOSE_RANGE.CLOSE_RANGE_CLOEXEC, CLOSE_RANGE)];
    program.op('close_range', args, { step: 'stdio', onError: fail });
    return;
  }
  for (const fd of strays) {
    if (fd >= first) program.op('fcntl', [num(fd), words(FCNTL.F_SETFD, FCNTL), num(FD_CLOEXEC)], { onError: 'next' });
  }
};
