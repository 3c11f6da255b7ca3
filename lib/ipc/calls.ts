import { errAsync, okAsync, type ResultAsync } from 'neverthrow';
import type { EnterTarget } from '../enter-spec.ts';
import { ERRNO } from '../errno.ts';
import { invalidOption, ipcFailed } from '../errors.ts';
import type { IpcAnswer, IpcRequest } from '../ipc.ts';
import { complaintAbout } from './checks.ts';
import type { IpcError, StopSpec } from './perform.ts';

/** How requests are done: where, and by which backend, is settled. */
type Perform = (requests: readonly IpcRequest[], stop: StopSpec) => ResultAsync<readonly IpcAnswer[], IpcError>;

/** What was given as a target: one, several, or none for the caller itself. */
export const targetList = (target: EnterTarget | readonly EnterTarget[] | undefined): readonly EnterTarget[] => {
  if (target === undefined) return [];
  return Array.isArray(target) ? target : [target as EnterTarget];
};

/** How many requests one process does; a list of more is done by several. */
const AT_ONCE = 250;

/** The calls that the methods are made of. */
export class IpcCalls {
  readonly #perform: Perform;

  constructor(perform: Perform) {
    this.#perform = perform;
  }

  /** Does requests in one process, once all of them can be meant. */
  perform(requests: readonly IpcRequest[], stop: StopSpec): ReturnType<Perform> {
    if (!Array.isArray(requests)) return errAsync(invalidOption('requests', requests, 'a list of IPC requests'));
    for (const [index, request] of requests.entries()) {
      const complaint = complaintAbout(request, `requests[${index}].`);
      if (complaint !== null) return errAsync(complaint);
    }
    return this.#perform(requests, stop);
  }

  /** One request, whose errno is an error. */
  one(request: IpcRequest, stop: StopSpec = {}): ResultAsync<IpcAnswer, IpcError> {
    const complaint = complaintAbout(request);
    if (complaint !== null) return errAsync(complaint);
    return this.#perform([request], stop).andThen(([answer]) => {
      if (answer === undefined) return errAsync(ipcFailed('no answer', ERRNO.EIO));
      return answer.result < 0 ? errAsync(ipcFailed(answer.call, -answer.result)) : okAsync(answer);
    });
  }

  /** One request that tells nothing but that it was done. */
  do(request: IpcRequest, stop: StopSpec = {}): ResultAsync<void, IpcError> {
    return this.one(request, stop).map(() => undefined);
  }

  /** A key that was not chosen by the caller is not the caller's business when somebody has it. */
  create(request: IpcRequest & { readonly key: number | null }, attempts = 8): ResultAsync<number, IpcError> {
    return this.one(request)
      .map(({ result }) => result)
      .orElse((error) =>
        request.key === null && attempts > 1 && error.type === 'ipc-failed' && error.errno === 'EEXIST'
          ? this.create(request, attempts - 1)
          : errAsync(error),
      );
  }

  /** What is told of each of many names; what has been removed meanwhile is left out. */
  each<T>(
    names: readonly string[],
    ask: (name: string) => IpcRequest,
    read: (name: string, bytes: Buffer) => T,
  ): ResultAsync<readonly T[], IpcError> {
    const [now, later] = [names.slice(0, AT_ONCE), names.slice(AT_ONCE)];
    if (now.length === 0) return okAsync([]);
    return this.#perform(now.map(ask), {}).andThen((answers) => {
      const told = answers.flatMap(({ result, bytes }, index) =>
        result < 0 ? [] : [read(now[index] as string, bytes)],
      );
      return this.each(later, ask, read).map((rest) => [...told, ...rest]);
    });
  }
}
