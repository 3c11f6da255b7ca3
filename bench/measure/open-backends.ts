import {
  type BackendChoice,
  type BackendUnavailable,
  type InvalidOption,
  measureSpawn,
  openBackend,
} from '../../lib/index.ts';
import type { BackendContext } from './context.ts';

/** A backend that can be measured. */
interface Measurable {
  readonly name: string;
  readonly choice: BackendChoice;
  /** Whether it can time a spawn inside its own program. */
  readonly timesItself: boolean;
}

/** The backends that were asked for: those that can be measured, and what all of them say of themselves. */
export interface OpenedBackends {
  readonly measurable: readonly Measurable[];
  readonly context: readonly BackendContext[];
  readonly errors: readonly (BackendUnavailable | InvalidOption)[];
}

/** Nothing is there, so that nothing runs: a backend that can measure says so of the execve, another one of itself. */
const NO_COMMAND = '/nonexistent/command';

const timesItself = (backend: BackendChoice): boolean =>
  measureSpawn(NO_COMMAND, [], { backend }).match(
    () => true,
    ({ type }) => type !== 'unsupported',
  );

/** Opens backends one by one; one that is not available does not keep the others from being measured. */
export const openBackends = (choices: readonly BackendChoice[]): OpenedBackends => {
  const measurable: Measurable[] = [];
  const context: BackendContext[] = [];
  const errors: (BackendUnavailable | InvalidOption)[] = [];
  for (const choice of choices) {
    openBackend(choice)
      .andThen(({ backend }) => backend.available().map((line) => ({ name: backend.name, line })))
      .match(
        ({ name, line }) => {
          measurable.push({ name, choice, timesItself: timesItself(choice) });
          context.push({ name, available: true, line });
        },
        (error) => {
          const name = typeof choice === 'string' ? choice : choice.name;
          context.push({ name, available: false, line: 'reason' in error ? error.reason : error.message });
          errors.push(error);
        },
      );
  }
  return { measurable, context, errors };
};
