import type { Result } from 'neverthrow';
import type { NamespaceType } from './namespace.ts';

/** A system call that was to open a namespace, and why it did not. */
export interface NsfsRefusal {
  readonly syscall: string;
  readonly errno: number;
}

/** What tells of namespaces and opens them by what only the kernel knows. Every fd that it opens is the caller's. */
export interface Nsfs {
  /** The id of an open namespace; null where the kernel tells none. */
  readonly idOf: (fd: number) => bigint | null;
  /** The network namespace of a socket: an fd of this process, or of another one. */
  readonly openSocket: (socket: number, pid: number | null) => Result<number, NsfsRefusal>;
  /** A namespace of the process behind a pidfd. */
  readonly openPidfd: (pidfd: number, type: NamespaceType) => Result<number, NsfsRefusal>;
  /** A namespace by its id; kernels that keep one list for each type want type and inode as well. */
  readonly openId: (
    id: bigint,
    known: { readonly type: NamespaceType; readonly inode: number } | null,
  ) => Result<number, NsfsRefusal>;
  /** The inode of a pidfd of a process, which no other process ever has; null where pidfds have none of their own. */
  readonly pidfdInode: (pid: number) => bigint | null;
}
