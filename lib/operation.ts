import type { NamespaceType } from './namespace.ts';

/** One thing whose time is taken next to the system calls. */
export type KernelOperation =
  /** A clone whose child exits at once, or executes a command, and the wait for it. */
  | {
      readonly type: 'clone';
      readonly namespaces: readonly NamespaceType[];
      readonly call: 'clone3' | 'clone';
      /** Who clones: Node's own thread, or a process of a few pages without threads. */
      readonly caller: 'node' | 'small';
      /** `shared`: CLONE_VM|CLONE_VFORK; `copied`: as fork(2) does, whose price grows with the memory of Node. */
      readonly memory: 'shared' | 'copied';
      /** An absolute path; null: the child exits at once. */
      readonly command: string | null;
      /** So many calls of getppid(2) before the child goes on: a delay of known size. */
      readonly delayCalls: number;
    }
  /** Two readings of the clock with nothing between them: what the clock itself costs. */
  | { readonly type: 'nothing' }
  /** unshare(2) of one type, in a child. */
  | { readonly type: 'unshare'; readonly namespace: NamespaceType }
  /** setns(2) to the namespace of another process, in a child. */
  | { readonly type: 'setns'; readonly namespace: NamespaceType }
  /** Writing setgroups, uid_map and gid_map of a new user namespace. */
  | { readonly type: 'id-map' }
  /** Making all mounts private; one tmpfs, one bind mount, one proc. */
  | { readonly type: 'mounts' }
  /** Setting `lo` up in a new network namespace. */
  | { readonly type: 'network' }
  /** Making so many namespaces of a type one after the other, and waiting until the kernel has freed the last one. */
  | { readonly type: 'tear-down'; readonly namespace: NamespaceType; readonly count: number };

/** What an operation found: nanoseconds by the name of what was timed, in the order in which it was done. */
export type OperationTimes = Readonly<Record<string, number>>;

/** The most namespaces that one tear-down operation may make. */
export const MOST_TORN_DOWN = 1000;

/** The most calls by which an operation may be delayed. */
export const MOST_DELAY_CALLS = 2000;
