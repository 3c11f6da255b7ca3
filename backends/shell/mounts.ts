import { err, ok, type Result } from 'neverthrow';
import { type Unsupported, unsupported } from '../../lib/errors.ts';
import type { SpawnPlan } from '../../lib/plan.ts';

const NEEDS = 'the ffi backend: mount(8) follows symbolic links out of a new root, and tells no errno';

/** Refuses mounts, roots and an init, by the option that asks for them. */
export const refuseMounts = ({ mounts, root, init, pty }: SpawnPlan): Result<void, Unsupported> => {
  if (pty !== null) return err(unsupported('shell', 'stdio "pty"', 'the ffi backend: no tool hands a terminal over'));
  if (init) return err(unsupported('shell', 'init', 'the ffi backend: no tool of util-linux stays behind as pid 1'));
  if (root !== null) return err(unsupported('shell', 'root', NEEDS));
  return mounts.length > 0 ? err(unsupported('shell', 'mounts', NEEDS)) : ok(undefined);
};
