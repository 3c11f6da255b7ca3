import { err, ok, type Result } from 'neverthrow';
import {
  type BackendChoice,
  type EnterError,
  type EnterTarget,
  type NamespaceHandle,
  openNamespace,
  openProcess,
  type ProcessHandle,
} from '../../lib/index.ts';
import { type UsageError, usageError } from '../ns-run/usage-error.ts';
import type { EnterRequest } from './request.ts';

/** What a command line names, opened. */
export interface OpenedTarget {
  readonly target: readonly EnterTarget[];
  readonly close: () => void;
}

/** Opens what a command line names, each of which must be a namespace of its option's type. */
export const openTarget = (
  { process, named }: EnterRequest,
  backend: BackendChoice | undefined,
): Result<OpenedTarget, EnterError | UsageError> => {
  const choice = backend === undefined ? {} : { backend };
  const opened: { close(): void }[] = [];
  const close = (): void => {
    for (const one of opened) one.close();
  };
  // Where nothing is entered, the caller itself is the target.
  const wanted = process ?? (named.length === 0 ? globalThis.process.pid : null);
  // One process, however many options mean it.
  const held: Result<ProcessHandle | null, EnterError> = wanted === null ? ok(null) : openProcess(wanted, choice);
  return held.andThen((handle): Result<OpenedTarget, EnterError | UsageError> => {
    if (handle !== null) opened.push(handle);
    const handles: NamespaceHandle[] = [];
    for (const { option, type, text, source } of named) {
      const inTarget = 'socket' in source && handle !== null ? { ...source, process: handle } : source;
      const namespace = openNamespace(inTarget, choice);
      if (namespace.isErr()) {
        close();
        return err(namespace.error);
      }
      opened.push(namespace.value);
      handles.push(namespace.value);
      if (namespace.value.type !== type) {
        close();
        return err(usageError(`Option "${option}" is "${text}", which is a namespace of type ${namespace.value.type}`));
      }
    }
    return ok({ target: [...(handle === null ? [] : [handle]), ...handles], close });
  });
};
