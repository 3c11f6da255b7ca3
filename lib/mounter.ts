import type { Result } from 'neverthrow';

/** A mount or unmount that failed. */
export interface MountRefusal {
  /** The system call, or the tool that made it. */
  readonly syscall: string;
  /** null when a tool said only words. */
  readonly errno: number | null;
}

/** What mounts in the calling thread's own mount namespace. */
export interface Mounter {
  /** Makes what is at `source` appear at `target`, too. */
  readonly bind: (source: string, target: string) => Result<void, MountRefusal>;
  /** Says what becomes of mounts below a mount point. */
  readonly setPropagation: (path: string, mode: 'private' | 'shared') => Result<void, MountRefusal>;
  /** Unmounts what was mounted there last; `lazily`: also what is in use, which then goes when nobody uses it any more. */
  readonly unmount: (path: string, lazily: boolean) => Result<void, MountRefusal>;
}
