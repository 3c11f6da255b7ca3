import { type SetupFailed, setupFailed } from './errors.ts';
import type { NamespaceType } from './namespace.ts';

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
    return setupFailed({ ...facts, diagnosis: diagnose({ ...facts, requested }) });
  } catch {
    // A caller whose fds have run out can load nothing, and what failed is an answer without its cause, too.
    return failure;
  }
};
