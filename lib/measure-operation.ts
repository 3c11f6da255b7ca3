import { err, type Result } from 'neverthrow';
import {
  type BackendUnavailable,
  type ExitLost,
  type InvalidOption,
  invalidOption,
  type LaunchError,
  type Unsupported,
  unsupported,
} from './errors.ts';
import { isNamespaceType, NAMESPACE_TYPES } from './namespace.ts';
import { openBackend } from './open.ts';
import { type KernelOperation, MOST_DELAY_CALLS, MOST_TORN_DOWN, type OperationTimes } from './operation.ts';
import type { BackendChoice } from './spec.ts';

const wrongNamespaces = (option: string, types: readonly unknown[]): InvalidOption | null => {
  const wrong = types.find((type) => !isNamespaceType(type));
  return wrong === undefined ? null : invalidOption(option, wrong, `one of ${NAMESPACE_TYPES.join(', ')}`);
};

const wrongCount = (option: string, value: number, least: number, most: number): InvalidOption | null =>
  Number.isInteger(value) && value >= least && value <= most
    ? null
    : invalidOption(option, value, `a whole number from ${least} to ${most}`);

const oneOf = (option: string, value: string, words: readonly string[]): InvalidOption | null =>
  words.includes(value) ? null : invalidOption(option, value, `one of ${words.join(', ')}`);

const wrongCommand = (command: string | null): InvalidOption | null =>
  command === null || (typeof command === 'string' && command.startsWith('/') && !command.includes('\0'))
    ? null
    : invalidOption('command', command, 'an absolute path, or null');

/** The first part of an operation that cannot be meant. */
const findWrong = (operation: KernelOperation): InvalidOption | null => {
  switch (operation.type) {
    case 'clone':
      return (
        wrongNamespaces('namespaces', operation.namespaces) ??
        oneOf('call', operation.call, ['clone3', 'clone']) ??
        oneOf('caller', operation.caller, ['node', 'small']) ??
        oneOf('memory', operation.memory, ['shared', 'copied']) ??
        (operation.memory === 'copied' && operation.caller !== 'node'
          ? invalidOption('caller', operation.caller, 'node, whose memory it is that is copied')
          : null) ??
        wrongCommand(operation.command) ??
        wrongCount('delayCalls', operation.delayCalls, 0, MOST_DELAY_CALLS) ??
        (operation.call === 'clone' && operation.namespaces.includes('time')
          ? invalidOption('call', 'clone', 'clone3 for a time namespace, whose flag clone(2) takes for a signal')
          : null)
      );
    case 'unshare':
    case 'setns':
      return wrongNamespaces('namespace', [operation.namespace]);
    case 'tear-down':
      return (
        wrongNamespaces('namespace', [operation.namespace]) ?? wrongCount('count', operation.count, 1, MOST_TORN_DOWN)
      );
    case 'nothing':
    case 'id-map':
    case 'mounts':
    case 'network':
      return null;
  }
};

/**
 * Takes the time of one kernel operation, or of a few that belong together.
 *
 * @remarks **Blocks the calling thread.** The clock (CLOCK_MONOTONIC) is read next to the system calls; no JavaScript is in
 * the measured path. Everything but a clone happens in a child that ends with the operation. Without CAP_SYS_ADMIN what needs
 * it is done inside a new user namespace. Only the ffi backend can.
 * @returns nanoseconds by what was timed; or the step that failed, `unsupported`, `invalid-option`
 */
export const measureOperation = (
  operation: KernelOperation,
  backend?: BackendChoice,
): Result<OperationTimes, LaunchError | ExitLost | Unsupported | BackendUnavailable | InvalidOption> => {
  const wrong = findWrong(operation);
  if (wrong !== null) return err(wrong);
  return openBackend(backend).andThen(
    ({ backend: opened }): Result<OperationTimes, LaunchError | ExitLost | Unsupported> =>
      opened.time === undefined
        ? err(unsupported(opened.name, 'timing single system calls', 'the ffi backend'))
        : opened.time(operation),
  );
};
