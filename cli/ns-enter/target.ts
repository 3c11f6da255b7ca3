import { err, ok, type Result } from 'neverthrow';
import { type EnterError, type EnterTarget, type NamespaceHandle, openNamespace } from '../../lib/index.ts';
import { type UsageError, usageError } from '../ns-run/usage-error.ts';
import type { EnterRequest } from './request.ts';

/** What a command line names, opened. */
export interface OpenedTarget {
  readonly target: readonly EnterTarget[];
  readonly close: () => void;
}

/** Opens the files that a command line names, each of which must be a namespace of its option's type. */
export const openTarget = ({ pid, files }: EnterRequest): Result<OpenedTarget, EnterError | UsageError> => {
  const handles: NamespaceHandle[] = [];
  const close = (): void => {
    for (const handle of handles) handle.close();
  };
  for (const { option, type, path } of files) {
    const opened = openNamespace({ path });
    if (opened.isErr()) {
      close();
      return err(opened.error);
    }
    handles.push(opened.value);
    if (opened.value.type !== type) {
      close();
      return err(usageError(`Option "${option}" is "${path}", which is a namespace of type ${opened.value.type}`));
    }
  }
  return ok({ target: [...(pid === null ? [] : [pid]), ...handles], close });
};
