import { err, type Result } from 'neverthrow';
import type { SpawnTiming } from './backend.ts';
import { type ExitLost, invalidOption, type SpawnError } from './errors.ts';
import { prepareSpawn } from './spawn.ts';
import type { SpawnSpec } from './spec.ts';

/** The options that mean something to a measured spawn. */
export type MeasureSpec = Omit<
  SpawnSpec,
  'stdio' | 'stdin' | 'signal' | 'timeoutMs' | 'killSignal' | 'detached' | 'parentDeathSignal'
>;

/**
 * Does one spawn from start to reaping and tells how long it took.
 *
 * @remarks **Blocks the calling thread** until the command has ended. The clock (CLOCK_MONOTONIC) is read next to the
 * system calls, inside the program: no JavaScript is in the measured path. stdio is /dev/null. Only the ffi backend can.
 * @param command - a path, or a name that is searched in PATH inside the child
 * @param args - its arguments, without argv[0]
 * @param spec - what it is to be given
 * @returns nanoseconds until clone3(2) had returned and until wait4(2) had, with the exit status; or what {@link spawn} says
 */
export const measureSpawn = (
  command: string,
  args: readonly string[] = [],
  spec: MeasureSpec = {},
): Result<SpawnTiming, SpawnError | ExitLost> =>
  prepareSpawn(command, args, { ...spec, stdio: 'ignore' }).andThen(
    ({ backend, plan }): Result<SpawnTiming, SpawnError | ExitLost> =>
      plan.idMap?.writer === 'parent'
        ? err(invalidOption('uidMap', 'several ids', 'a map that the child itself may write, when measured'))
        : backend.measure(plan),
  );
