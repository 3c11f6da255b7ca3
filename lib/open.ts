import { err, ok, type Result } from 'neverthrow';
import { BACKENDS } from '../backends/index.ts';
import type { Backend } from './backend.ts';
import { type BackendUnavailable, backendUnavailable, type InvalidOption, invalidOption } from './errors.ts';
import type { BackendChoice } from './spec.ts';

/** A backend that can be used, and those that were preferred to it but cannot. */
export interface OpenedBackend {
  readonly backend: Backend;
  /** Why each backend before it in the order of preference is not the one; empty when it is the first. */
  readonly passedOver: readonly BackendUnavailable[];
}

const isBackend = (value: unknown): value is Backend =>
  typeof value === 'object' && value !== null && 'launch' in value && 'explain' in value;

const firstAvailable = (): Result<OpenedBackend, BackendUnavailable> => {
  const passedOver: BackendUnavailable[] = [];
  for (const backend of BACKENDS) {
    const available = backend.available();
    if (available.isOk()) return ok({ backend, passedOver });
    passedOver.push(available.error);
  }
  return err(backendUnavailable('auto', passedOver.map(({ message }) => message).join('; ')));
};

/** How the backend of a name works here and what it lacks, or `not available: ` and why; null: there is none. */
export const describeBackend = (name: string): string | null => {
  const backend = BACKENDS.find((known) => known.name === name);
  if (backend === undefined) return null;
  return backend.available().match(
    (text) => [text, ...(backend.lacking?.() ?? []).map((what) => `without ${what}`)].join('; '),
    ({ reason }) => `not available: ${reason}`,
  );
};

/**
 * Picks a backend; the one place where that happens.
 *
 * @remarks `auto`, and nothing, mean what the environment variable NS_BACKEND names, else the first that is available:
 * ffi, then shell. A backend that is asked for by name is never replaced by another one.
 * @param choice - a name, or a backend of your own
 * @returns the backend with the reasons why others were passed over, or `backend-unavailable`
 */
export const openBackend = (choice?: BackendChoice): Result<OpenedBackend, BackendUnavailable | InvalidOption> => {
  if (isBackend(choice)) return choice.available().map(() => ({ backend: choice, passedOver: [] }));
  const fromEnv = choice === undefined || choice === 'auto';
  const name = fromEnv ? (process.env['NS_BACKEND'] ?? 'auto') : choice;
  if (name === 'auto' || name === '') return firstAvailable();
  const backend = BACKENDS.find((candidate) => candidate.name === name);
  if (backend === undefined) {
    const names = ['auto', ...BACKENDS.map((known) => known.name)].join(', ');
    return err(invalidOption(fromEnv ? 'NS_BACKEND' : 'backend', name, `one of ${names}, or a Backend`));
  }
  return backend.available().map(() => ({ backend, passedOver: [] }));
};
