import { err, type Result, ResultAsync } from 'neverthrow';
import type { NetworkState } from '../network-state.ts';
import { openBackend } from '../open.ts';
import type { BackendChoice } from '../spec.ts';
import { ask, type NetworkTarget, openQuestion, type ReadNetworkError } from './question.ts';

const read = async (
  target: NetworkTarget | undefined,
  choice: BackendChoice | undefined,
): Promise<Result<NetworkState, ReadNetworkError>> => {
  const opened = openBackend(choice);
  if (opened.isErr()) return err(opened.error);
  const { backend } = opened.value;
  const question = openQuestion(target, backend);
  if (question.isErr()) return err(question.error);
  const state = await ask(backend, question.value);
  question.value.close();
  return state;
};

/**
 * Reads the interfaces, addresses and routes of a network namespace, as the kernel tells them.
 *
 * @remarks A process enters the target, asks, and ends; the calling thread stays where it is. Takes what `enter` takes, and
 * nothing for the caller's own network. Reads the main table. The shell backend asks by `ip -j`, which has to be there in the target's mounts, too.
 * @param target - a process, handles with a `net` among them, or kept namespaces; the calling thread's own when left out
 * @returns what is there, or what `enter` says, `unsupported`, `exit-lost` when the answer changed faster than it was read
 * @example
 * ```ts
 * const state = await readNetwork();
 * if (state.isOk()) console.log(state.value.links.map(({ name }) => name));
 * ```
 * @see rtnetlink(7), ip-address(8)
 */
export const readNetwork = (
  target?: NetworkTarget,
  options: { readonly backend?: BackendChoice } = {},
): ResultAsync<NetworkState, ReadNetworkError> => new ResultAsync(read(target, options.backend));
