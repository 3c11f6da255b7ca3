import { err, ok, type Result } from 'neverthrow';
import { type InvalidOption, invalidOption, type MoveError, unsupported } from '../errors.ts';
import { NamespaceHandle } from '../namespace-handle.ts';
import { openBackend } from '../open.ts';
import type { ThreadPlan } from '../plan.ts';
import { planThread, refuseThread, type ThreadSpec } from '../plan-thread.ts';
import type { BackendChoice } from '../spec.ts';

/** What may come of moving the calling thread. */
export type ThreadError = InvalidOption | MoveError;

const NOTHING_NEW = { namespaces: [], hostname: null, domainname: null, propagation: null, network: null } as const;

const NEEDS = 'the ffi backend: another process cannot move a thread of this one';

/** Carries out a plan on the calling thread. */
export const moveThread = (plan: ThreadPlan, choice?: BackendChoice): Result<void, ThreadError> =>
  openBackend(choice).andThen(
    ({ backend }): Result<void, ThreadError> =>
      backend.moveThread === undefined
        ? err(unsupported(backend.name, 'moving the calling thread', NEEDS))
        : backend.moveThread(plan),
  );

/**
 * Moves the calling thread into new namespaces, and sets them up.
 *
 * @remarks **Only the calling thread moves**: libuv's pool threads, which do asynchronous fs and `dns.lookup`, stay where
 * they were, and so do all Workers that run already. Sockets, child processes and synchronous fs of this thread follow it. There
 * is no way back but {@link setnsThread} with a handle that was opened before. `user`, `pid` and `time` are refused: see
 * their reasons in the error. Takes CAP_SYS_ADMIN; a new `mnt` has private propagation unless `propagation` says otherwise.
 * For a thread that lives in its namespaces from its first line on use {@link NamespaceWorker}.
 * @param spec - `namespaces` (cgroup, ipc, mnt, net, uts), and what the new ones are to be given
 * @param options - `backend`: only ffi can do this
 * @returns nothing, or `setup-failed` with step and errno (EPERM: no CAP_SYS_ADMIN), `invalid-option`, `unsupported`,
 * `backend-unavailable`. When `unshare` failed the thread is where it was; when a later step failed it is in its new
 * namespaces, half set up
 * @see unshare(2)
 */
export const unshareThread = (
  spec: ThreadSpec,
  options: { readonly backend?: BackendChoice } = {},
): Result<void, ThreadError> => planThread(spec).andThen((plan) => moveThread(plan, options.backend));

/**
 * Moves the calling thread into namespaces that exist, one after the other.
 *
 * @remarks **Only the calling thread moves**, as with {@link unshareThread}. For `mnt` the thread first stops sharing its root
 * and working directory with the other threads, and gets those of the namespace. Takes CAP_SYS_ADMIN where the thread is and in
 * the user namespace that owns the target.
 * @param handles - open handles of the types cgroup, ipc, mnt, net, uts, each type once; they stay the caller's
 * @param options - `backend`: only ffi can do this
 * @returns nothing, or `setup-failed` with step `join` and errno (EPERM, EINVAL), `invalid-option`, `unsupported`,
 * `backend-unavailable`. After a failure those before it have been joined
 * @see setns(2)
 */
export const setnsThread = (
  handles: NamespaceHandle | readonly NamespaceHandle[],
  options: { readonly backend?: BackendChoice } = {},
): Result<void, ThreadError> => {
  const list: readonly NamespaceHandle[] = Array.isArray(handles) ? handles : [handles as NamespaceHandle];
  const wrong = list.findIndex((handle) => !(handle instanceof NamespaceHandle) || handle.fd < 0);
  if (list.length === 0 || wrong !== -1) return err(invalidOption('handles', list[wrong], 'open namespace handles'));
  const types = list.map(({ type }) => type);
  const twice = types.find((type, index) => types.indexOf(type) !== index);
  if (twice !== undefined) return err(invalidOption('handles', twice, 'one handle of each type'));
  const refusal = refuseThread(types, 'setns');
  if (refusal !== null) return err(refusal);
  const joins = list.map(({ type, fd }) => ({ type, fd }));
  return ok({ ...NOTHING_NEW, joins }).andThen((plan) => moveThread(plan, options.backend));
};
