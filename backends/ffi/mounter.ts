import { err, ok, type Result } from 'neverthrow';
import type { Mounter, MountRefusal } from '../../lib/mounter.ts';
import { MOUNT, UMOUNT } from './abi/constants.ts';
import type { OpName } from './abi/syscalls.ts';
import type { Host } from './host.ts';
import { type Argument, NULL, words } from './program/argument.ts';
import type { ProgramBuilder } from './program/builder.ts';

/** Makes one system call, in Node's own thread. */
const call = (
  { runCalls }: Host,
  name: OpName,
  args: (program: ProgramBuilder) => readonly Argument[],
): Result<void, MountRefusal> =>
  runCalls((program) => program.op(name, args(program), { onError: 'next' }))
    .mapErr((errno): MountRefusal => ({ syscall: 'mmap', errno }))
    .andThen((program) => {
      const result = program.result(0);
      return result < 0 ? err({ syscall: name, errno: -result }) : ok(undefined);
    });

/** Mounts by system calls; the memory of Node is not touched by them. */
export const mounterOf = (host: Host): Mounter => ({
  bind: (source, target) =>
    call(host, 'mount', (program) => [
      program.string(source),
      program.string(target),
      NULL,
      words(MOUNT.MS_BIND, MOUNT),
      NULL,
    ]),
  setPropagation: (path, mode) =>
    call(host, 'mount', (program) => [
      program.string('none'),
      program.string(path),
      NULL,
      words(mode === 'private' ? MOUNT.MS_PRIVATE : MOUNT.MS_SHARED, MOUNT),
      NULL,
    ]),
  unmount: (path, lazily) =>
    call(host, 'umount2', (program) => [
      program.string(path),
      words((lazily ? UMOUNT.MNT_DETACH : 0) | UMOUNT.UMOUNT_NOFOLLOW, UMOUNT),
    ]),
});
