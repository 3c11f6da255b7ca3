import { type SetupFailed, setupFailed } from './errors.ts';
import type { NamespaceType } from './namespace.ts';

/** A map that a helper could not write is the helper's failure, and its words tell more than the errno. */
const helperOf = ({ syscall, call }: SetupFailed) => {
  const name = /^(new[ug]idmap)\(1\)$/.exec(syscall)?.[1];
  return name === undefined ? {} : ({ step: 'newuidmap', path: name, text: call, syscall: name } as const);
};

/**
 * Adds to a failed step why it failed, as far as this machine tells.
 *
 * The table of causes is loaded here, after a failure: who never meets one never pays for it.
 */
export const diagnosed = async (failure: SetupFailed, requested: readonly NamespaceType[]): Promise<SetupFailed> => {
  if (failure.diagnosis !== null) return failure;
  const { type: _, message: __, ...facts } = failure;
  try {
    const { diagnose } = await import('./host/diagnose.ts');
    return setupFailed({ ...facts, diagnosis: diagnose({ ...facts, ...helperOf(failure), requested }) });
  } catch {
    // A caller whose fds have run out can load nothing, and what failed is an answer without its cause, too.
    return failure;
  }
};
