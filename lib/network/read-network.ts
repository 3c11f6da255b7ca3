import { err, ok, type Result, ResultAsync } from 'neverthrow';
import type { Backend, NetworkRun } from '../backend.ts';
import { type EnterError, type ExitLost, exitLost, unsupported } from '../errors.ts';
import type { NetworkState } from '../network-state.ts';
import { openBackend } from '../open.ts';
import { plainPlan } from '../plain-plan.ts';
import { type EnterTarget, type Entry, openEntry } from '../plan-enter.ts';
import type { BackendChoice } from '../spec.ts';
import { KeptNamespaces } from './kept.ts';

/** What may come of {@link readNetwork}. */
export type ReadNetworkError = EnterError | ExitLost;

/** How often an answer is asked for anew that changed while it was given. */
const MOST_TRIES = 5;

const everything = (out: NodeJS.ReadableStream): Promise<Buffer> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const done = (): void => resolve(Buffer.concat(chunks));
    out.on('data', (chunk: Buffer) => chunks.push(chunk));
    out.on('error', done);
    out.on('close', done);
  });

const follow = async ({ launched, decode }: NetworkRun): Promise<Result<NetworkState | 'again', ReadNetworkError>> => {
  const started = await launched.started;
  if (started.isErr()) return err(started.error);
  const out = launched.stdio[1] as NodeJS.ReadableStream | null | undefined;
  const bytes = out ? await everything(out) : Buffer.alloc(0);
  const exit = await launched.exit;
  if (exit.isErr()) return err(exit.error);
  const state = decode(bytes);
  return state === null ? err(exitLost(started.value)) : ok(state);
};

const read = async (
  backend: Backend,
  targets: readonly EnterTarget[],
): Promise<Result<NetworkState, ReadNetworkError>> => {
  const { readNetwork: ask } = backend;
  if (ask === undefined)
    return err(unsupported(backend.name, 'reading a network', 'the ffi backend, or "ip -j" in it'));
  const entry: Result<Entry | null, EnterError> = targets.length === 0 ? ok(null) : openEntry(targets, {}, backend);
  if (entry.isErr()) return err(entry.error);
  const plan = {
    ...plainPlan('ns-network', []),
    enter: entry.value?.plan ?? null,
    stdio: [{ type: 'ignore' }, { type: 'pipe' }, { type: 'ignore' }] as const,
  };
  let state: Result<NetworkState | 'again', ReadNetworkError> = ok('again');
  for (let tries = 0; tries < MOST_TRIES && state.isOk() && state.value === 'again'; tries += 1) {
    const run = ask(plan);
    state = run.isErr() ? err(run.error) : await follow(run.value);
  }
  entry.value?.close();
  return state.andThen((told) => (told === 'again' ? err(exitLost(process.pid)) : ok(told)));
};

/**
 * Reads the interfaces, addresses and routes of a network namespace, as the kernel tells them.
 *
 * @remarks A process enters the target, asks, and ends; the calling thread stays where it is. Takes what `enter` takes, and
 * nothing for the caller's own network. Reads the main table. ffi backend alone.
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
  target?: EnterTarget | KeptNamespaces | readonly EnterTarget[],
  options: { readonly backend?: BackendChoice } = {},
): ResultAsync<NetworkState, ReadNetworkError> => {
  const list = (): readonly EnterTarget[] => {
    if (target === undefined) return [];
    if (target instanceof KeptNamespaces) return target.handles;
    return Array.isArray(target) ? target : [target as EnterTarget];
  };
  const opened = openBackend(options.backend);
  return new ResultAsync(opened.isErr() ? Promise.resolve(err(opened.error)) : read(opened.value.backend, list()));
};
