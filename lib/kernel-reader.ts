import type { NamespaceType } from './namespace.ts';

/** A way up from a namespace: to the user namespace that owns it, or to the parent of a pid or user namespace. */
export type Step = 'owner' | 'parent';

/** A namespace to be asked about: a file of it or its id, and the ways to go up from there. */
export interface Question {
  readonly at: string | bigint;
  readonly up: readonly Step[];
}

/** What the kernel tells of a namespace; null where it tells nothing, or not to this caller. */
export interface Relations {
  readonly inode: number;
  readonly type: NamespaceType;
  /** Never used again while this machine runs; since Linux 6.18 (for `mnt` since 6.8). */
  readonly id: bigint | null;
  readonly owner: number | null;
  readonly parent: number | null;
  /** The uid that a user namespace belongs to, as the caller's maps show it. */
  readonly ownerUid: number | null;
}

/** A namespace of a process, opened; or why not. */
export interface OpenedNamespace {
  /** The caller's to close; an errno, negated, when it could not be opened. */
  readonly fd: number;
  /** The calling thread is in it itself; null: this kernel has no namespaces of that type. */
  readonly own: boolean | null;
}

/** What answers many small questions at once; one that has no answer is null. */
export interface KernelReader {
  /** The texts of links, each cut after 63 bytes. */
  readonly readLinks: (paths: readonly string[]) => readonly (string | null)[];
  /** The beginnings of files. */
  readonly readFiles: (paths: readonly string[], mostBytes: number) => readonly (Buffer | null)[];
  /** The ids of all namespaces that the caller may see; null where the kernel has no listns(2), which is before Linux 6.19. */
  readonly namespaceIds: () => readonly bigint[] | null;
  /** What the kernel tells of namespaces and their relatives. */
  readonly relations: (questions: readonly Question[]) => readonly (Relations | null)[];
  /** The nsid that the caller's network namespace has for others, by open fds of them; -1 for none. See ip-netns(8). */
  readonly netNsIds: (fds: readonly number[]) => readonly (number | null)[];
  /** Opens namespaces of a process, which is given by an open fd of its directory in /proc; one answer for each type. */
  readonly openNamespaces: (directory: number, types: readonly NamespaceType[]) => readonly OpenedNamespace[];
}
