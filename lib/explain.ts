import type { Result } from 'neverthrow';
import type { SpawnError } from './errors.ts';
import { prepareSpawn } from './spawn.ts';
import type { SpawnSpec } from './spec.ts';

/**
 * Tells what {@link spawn} would do, and does none of it.
 *
 * @param command - a path, or a name that is searched in PATH inside the child
 * @param args - its arguments, without argv[0]
 * @param spec - what it is to be given
 * @returns for the ffi backend the system calls in their order, as strace(1) would print them, launch and carrier; for the
 * shell backend the exact argv. Or `invalid-option`, `unsupported`, `backend-unavailable`
 */
export const explain = (
  command: string,
  args: readonly string[] = [],
  spec: SpawnSpec = {},
): Result<string, SpawnError> =>
  prepareSpawn(command, args, spec).andThen(({ backend, plan }) => backend.explain(plan));
