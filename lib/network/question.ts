import { closeSync, constants, openSync } from 'node:fs';
import { err, ok, type Result } from 'neverthrow';
import type { Backend, NetworkRun } from '../backend.ts';
import type { EnterTarget } from '../enter-spec.ts';
import { type EnterError, type ExitLost, exitLost, namespaceUnavailable, unsupported } from '../errors.ts';
import type { NetworkState } from '../network-state.ts';
import { plainPlan } from '../plain-plan.ts';
import type { JoinPlan, SpawnPlan } from '../plan.ts';
import { openEntry } from '../plan-enter.ts';
import { errnoOf } from '../process-handle.ts';
import { KeptNamespaces } from './kept.ts';

/** What may come of {@link readNetwork}. */
export type ReadNetworkError = EnterError | ExitLost;

/** Whose network: a process, handles with a `net` among them, or kept namespaces. */
export type NetworkTarget = EnterTarget | KeptNamespaces | readonly EnterTarget[];

/** How often an answer is asked for anew that changed while it was given. */
const MOST_TRIES = 5;

/** A plan that enters a network, to be asked in as often as one likes. */
export interface Question {
  readonly plan: SpawnPlan;
  readonly close: () => void;
}

const listOf = (target: NetworkTarget | undefined): readonly EnterTarget[] => {
  if (target === undefined) return [];
  if (target instanceof KeptNamespaces) return target.handles;
  return Array.isArray(target) ? target : [target as EnterTarget];
};

/** Opens the same namespaces once more, so that they stay open whatever the caller closes. */
const keepOpen = (joins: readonly JoinPlan[]): Result<readonly JoinPlan[], EnterError> => {
  const kept: JoinPlan[] = [];
  for (const { type, fd } of joins) {
    const path = `/proc/self/fd/${fd}`;
    try {
      kept.push({ type, fd: openSync(path, constants.O_RDONLY) });
    } catch (error) {
      for (const one of kept) closeSync(one.fd);
      return err(namespaceUnavailable(path, errnoOf(error)));
    }
  }
  return ok(kept);
};

/** Opens a target; without one it is the calling thread's own network. */
export const openQuestion = (target: NetworkTarget | undefined, backend: Backend): Result<Question, EnterError> => {
  const plan: SpawnPlan = {
    ...plainPlan('ns-network', []),
    stdio: [{ type: 'ignore' }, { type: 'pipe' }, { type: 'ignore' }],
  };
  const targets = listOf(target);
  if (target === undefined) return ok({ plan, close: () => {} });
  // To look takes no power inside, and ids that are taken on cannot be everywhere.
  return openEntry(targets, { preserveCredentials: true }, backend).andThen((entry) => {
    const kept = keepOpen(entry.plan.joins);
    entry.close();
    return kept.map((joins) => ({
      plan: { ...plan, enter: { ...entry.plan, joins } },
      close: () => {
        for (const { fd } of joins) closeSync(fd);
      },
    }));
  });
};

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

/** Asks what is in the network that a plan enters. */
export const ask = async (backend: Backend, { plan }: Question): Promise<Result<NetworkState, ReadNetworkError>> => {
  const { readNetwork } = backend;
  if (readNetwork === undefined) return err(unsupported(backend.name, 'reading a network', 'a backend that can do it'));
  let state: Result<NetworkState | 'again', ReadNetworkError> = ok('again');
  for (let tries = 0; tries < MOST_TRIES && state.isOk() && state.value === 'again'; tries += 1) {
    const run = readNetwork(plan);
    state = run.isErr() ? err(run.error) : await follow(run.value);
  }
  return state.andThen((told) => (told === 'again' ? err(exitLost(process.pid)) : ok(told)));
};
