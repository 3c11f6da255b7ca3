import { err, ok, type Result } from 'neverthrow';
import { ERRNO } from '../../lib/errno.ts';
import { type Unsupported, unsupported } from '../../lib/errors.ts';
import type { Mounter, MountRefusal } from '../../lib/mounter.ts';
import { errnoInAny } from './parse.ts';
import { ask } from './run.ts';
import type { Tools } from './tools.ts';

/** umount(8) has words of its own for what is in use. */
const errnoOf = (text: string): number | null => {
  if (/target is busy/.test(text)) return ERRNO.EBUSY;
  if (/not mounted|no mount point specified/.test(text)) return ERRNO.EINVAL;
  if (/must be superuser|permission denied/i.test(text)) return ERRNO.EPERM;
  // Of a mount namespace that would be inside of itself move_mount(2) says ELOOP, mount(2) EINVAL.
  if (/wrong fs type, bad option|move_mount\(\) failed: Too many levels/.test(text)) return ERRNO.EINVAL;
  const errno = errnoInAny(text);
  return errno === null ? null : ERRNO[errno];
};

const call = (tool: string, name: string, args: readonly string[]): Result<void, MountRefusal> => {
  // Who succeeds says nothing.
  const text = ask(tool, args);
  return text.trim() === '' ? ok(undefined) : err({ syscall: `${name}(8)`, errno: errnoOf(text) });
};

/** Mounts by mount(8) and umount(8). */
export const mounterOf = ({ mount, umount }: Tools): Result<Mounter, Unsupported> => {
  if (mount === null || umount === null) {
    return err(unsupported('shell', 'pinning', 'mount(8) and umount(8) of util-linux'));
  }
  return ok({
    bind: (source, target) => call(mount, 'mount', ['--bind', source, target]),
    setPropagation: (path, mode) => call(mount, 'mount', [`--make-${mode}`, path]),
    unmount: (path, lazily) => call(umount, 'umount', [...(lazily ? ['--lazy'] : []), '--no-canonicalize', path]),
  });
};
