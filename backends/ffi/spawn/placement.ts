import { NAMESPACE_TYPES, type NamespaceType } from '../../../lib/namespace.ts';
import type { SpawnPlan } from '../../../lib/plan.ts';

/**
 * Where the set-up of a child is done: in a carrier, or in Node's own memory between clone3 and execve, either while Node
 * waits (`straight`) or while it goes on (`beside`).
 */
export type HostKind = 'carrier' | 'straight' | 'beside';

/** Which namespace is made where. */
export interface Placement {
  /** By the clone3 of the launch: what costs little, and what only a new process can enter. */
  readonly clone: readonly NamespaceType[];
  /** By unshare in the child, in this order: what would keep the event loop waiting. */
  readonly unshare: readonly NamespaceType[];
  /** A clone comes before all that is made: what is made inside a pid namespace that is entered is made by its processes. */
  readonly enters: boolean;
  /** By one more clone in the carrier; null when there is none. */
  readonly nested: readonly NamespaceType[] | null;
  /** That clone lives in the carrier's memory, while the carrier waits for its execve. */
  readonly borrows: boolean;
}

/** The order of unshare: cgroup last, because its root is the cgroup that the process is in by then. */
const DEAR: readonly NamespaceType[] = ['time', 'net', 'mnt', 'cgroup'];

/** What is made beside joined namespaces is made after the joining, and belongs to the user namespace that was joined. */
const placeAfterEntering = (
  types: readonly NamespaceType[],
  joins: readonly NamespaceType[],
  init: boolean,
  host: HostKind,
): Placement => {
  const joinsPid = joins.includes('pid');
  const enters = joinsPid && (types.includes('pid') || types.includes('user')) && host === 'carrier';
  const clones = (joinsPid && !enters) || types.includes('pid') || types.includes('time');
  const cheap = NAMESPACE_TYPES.filter((type) => !DEAR.includes(type) && type !== 'pid' && type !== 'user');
  return {
    clone: [],
    unshare: [...DEAR, ...cheap].filter((type) => types.includes(type)),
    enters,
    nested: clones && host === 'carrier' ? types.filter((type) => type === 'pid') : null,
    // The kernel lets nobody who shares memory into a time or a user namespace, and an init never executes anything.
    borrows: !init && !types.includes('user') && !types.includes('time') && !joins.includes('time'),
  };
};

/**
 * Decides where each namespace is made.
 *
 * A time namespace holds only children of the one who unshared it (before Linux 6.3 execve did not enter it either), so
 * that with `time` the carrier clones once more, and pid 1 has to be that clone.
 */
export const place = ({ namespaces: types, enter, owner, init }: SpawnPlan, host: HostKind): Placement => {
  // Everything but the user namespace itself, which is made as its owner, belongs to it.
  if (owner !== null)
    return placeAfterEntering(
      types.filter((type) => type !== 'user'),
      [],
      init,
      host,
    );
  if (enter !== null)
    return placeAfterEntering(
      types,
      // Without a fork what is entered holds only children, as if it were not entered.
      enter.joins.map(({ type }) => type).filter((type) => !enter.noFork || type !== 'pid'),
      init,
      host,
    );
  if (host === 'straight') return { clone: types, unshare: [], enters: false, nested: null, borrows: false };
  // Beside Node it is the execve that enters a time namespace.
  const nested = types.includes('time') && host === 'carrier';
  const inNested = (type: NamespaceType): boolean => nested && type === 'pid';
  return {
    clone: types.filter((type) => !DEAR.includes(type) && !inNested(type)),
    unshare: DEAR.filter((type) => types.includes(type)),
    enters: false,
    nested: nested ? types.filter(inNested) : null,
    borrows: false,
  };
};
