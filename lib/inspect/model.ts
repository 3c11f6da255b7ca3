import type { NamespaceType } from '../namespace.ts';

/** Where a namespace is bind-mounted. */
export interface Pin {
  readonly path: string;
  /** The mount namespace in which the path means that. */
  readonly mountNamespace: number;
}

/** An open fd of a namespace. */
export interface FdHolder {
  readonly pid: number;
  readonly fd: number;
}

/** A thread that is in another namespace than its process. */
export interface ThreadHolder {
  readonly pid: number;
  readonly tid: number;
}

/** What keeps a namespace alive, as far as this caller sees it. */
export interface Holders {
  /** How many processes are in it, by their main threads. */
  readonly processes: number;
  readonly threads: readonly ThreadHolder[];
  readonly fds: readonly FdHolder[];
  readonly pins: readonly Pin[];
  /** Another namespace belongs to it, or is below it. */
  readonly descendants: boolean;
}

/** A namespace of this machine. */
export interface NamespaceInfo {
  readonly type: NamespaceType;
  /** The number in the links of /proc/PID/ns. */
  readonly inode: number;
  /** Never used again while this machine runs; since Linux 6.18 (for `mnt` since 6.8), by the ffi backend. */
  readonly id: bigint | null;
  /** How many processes are in it. */
  readonly processes: number;
  /** The lowest pid in it; null when there is none. */
  readonly pid: number | null;
  readonly parentPid: number | null;
  /** The command line of that process, or its name where it has none. */
  readonly command: string | null;
  /** The uid of that process. */
  readonly uid: number | null;
  /** The inode of the user namespace that it belongs to. */
  readonly owner: number | null;
  /** The inode of its parent; pid and user namespaces have one. */
  readonly parent: number | null;
  /** The uid that a user namespace belongs to. */
  readonly ownerUid: number | null;
  /** The maps of a user namespace, as the caller sees them. */
  readonly uidMap: string | null;
  readonly gidMap: string | null;
  /** The nsid that the caller's network namespace has for it; -1 for none. null for other types, and where it is not told. */
  readonly netNsId: number | null;
  /** A file of it that can be opened now; null where there is none. */
  readonly path: string | null;
  readonly holders: Holders;
}

/** A process and the namespaces that it is in. */
export interface ProcessInfo {
  readonly pid: number;
  readonly parentPid: number;
  readonly namespaces: Readonly<Partial<Record<NamespaceType, number>>>;
}

/** What could not be seen, because it is somebody else's. */
export interface Unseen {
  /** Processes whose namespaces this caller may not read. */
  readonly processes: number;
  /** Processes whose open fds this caller may not read. */
  readonly fds: number;
}

/** Everything that was found. */
export interface Inspection {
  /** By inode. */
  readonly namespaces: readonly NamespaceInfo[];
  /** By pid. */
  readonly processes: readonly ProcessInfo[];
  readonly unseen: Unseen;
}
