import type { ResultAsync } from 'neverthrow';
import type { EnterTarget } from '../enter-spec.ts';
import { IpcCalls, targetList } from './calls.ts';
import type { IpcSpec } from './namespace.ts';
import { type IpcError, performIpc } from './perform.ts';

/** An object of POSIX shared memory. */
export interface PosixMemoryInfo {
  /** As shm_open(3) takes it, with its slash. */
  readonly name: string;
  readonly sizeBytes: number;
  /** What it takes of memory or swap. */
  readonly usedBytes: number;
  /** The nine bits of the permissions. */
  readonly mode: number;
  /** As the process that looked saw them: in the user namespace that was entered, where one was. */
  readonly uid: number;
  readonly gid: number;
  /** When its content was last changed by a system call; writing through a mapping may not count. */
  readonly modified: Date;
  /** It is a named semaphore: sem_open(3) keeps those in the same place, under names that begin with `sem.`. */
  readonly semaphore: boolean;
}

const MODE_BITS = 0o777;

const infoOf = (name: string, bytes: Buffer): PosixMemoryInfo => {
  const [mode = '0', ...numbers] = bytes.toString('latin1').split(' ');
  const [sizeBytes = 0, blocks = 0, blockBytes = 0, uid = 0, gid = 0, seconds = 0] = numbers.map(Number);
  return {
    name,
    sizeBytes,
    usedBytes: blocks * blockBytes,
    mode: Number.parseInt(mode, 16) & MODE_BITS,
    uid,
    gid,
    modified: new Date(seconds * 1000),
    semaphore: name.startsWith('/sem.'),
  };
};

/**
 * The POSIX shared memory of one mount namespace.
 *
 * @remarks It does not belong to an ipc namespace: shm_open(3) opens files in /dev/shm, a tmpfs(5), which a process sees
 * or not by its mount namespace and its root directory. A new mount namespace sees that of its maker until another file
 * system is mounted there. Every call is made by a process that enters the target's mount namespace, and its root
 * directory, and ends; the calling thread stays where it is. Where the target is in another user namespace, that is
 * entered too, and root there makes the call. The shell backend creates, lists and removes; reading and writing it
 * refuses.
 * @see shm_overview(7), mount_namespaces(7)
 */
export class PosixMemory {
  readonly #calls: IpcCalls;

  /** @internal */
  constructor(target: readonly EnterTarget[], spec: IpcSpec) {
    this.#calls = new IpcCalls((requests, stop) => performIpc(target, 'mnt', requests, { ...spec, ...stop }));
  }

  /**
   * Makes an object, all zero.
   *
   * @param name - a slash, and at most 254 bytes without one
   * @param sizeBytes - how large; it takes memory only where it is written
   * @param spec - its permissions, 0o600 when left out; the caller's umask takes nothing away from them
   * @returns nothing, or `ipc-failed`: EEXIST, ENOENT (there is no /dev/shm), EACCES, EFBIG, EINVAL (too large); after an
   * error there is no new object
   * @see shm_open(3), ftruncate(2)
   */
  create(
    name: string,
    sizeBytes: number,
    { mode = 0o600 }: { readonly mode?: number } = {},
  ): ResultAsync<void, IpcError> {
    return this.#calls.do({ type: 'posix-memory-create', name, sizeBytes, mode });
  }

  /**
   * Removes a name; the memory goes when nobody has it open or mapped any more.
   *
   * @returns nothing, or `ipc-failed`: ENOENT, EACCES or EPERM (it is somebody else's, in a sticky directory)
   * @see shm_unlink(3)
   */
  remove(name: string): ResultAsync<void, IpcError> {
    return this.#calls.do({ type: 'posix-memory-remove', name });
  }

  /**
   * All objects, in no order, and the named semaphores beside them. Names that are not UTF-8 cannot be said, and are left
   * out.
   *
   * @returns what is there, or `ipc-failed`: ENOENT (there is no /dev/shm), EACCES
   */
  list(): ResultAsync<readonly PosixMemoryInfo[], IpcError> {
    return this.#calls.one({ type: 'posix-memory-list' }).andThen(({ bytes }) => {
      const names = bytes.toString('utf8').split('/').filter(Boolean);
      return this.#calls.each(
        names.map((name) => `/${name}`),
        (name) => ({ type: 'posix-memory-stat', name }),
        infoOf,
      );
    });
  }

  /**
   * Reads from an object.
   *
   * @param where - from which byte on, 0 when left out, and how many bytes at most, up to 16 MiB
   * @returns the bytes, fewer or none where the object ends before; or `ipc-failed`: ENOENT, EACCES, ELOOP (a symbolic
   * link), EINVAL (no file)
   */
  read(
    name: string,
    { offset = 0, length }: { readonly offset?: number; readonly length: number },
  ): ResultAsync<Buffer, IpcError> {
    return this.#calls.one({ type: 'posix-memory-read', name, offset, length }).map(({ bytes }) => bytes);
  }

  /**
   * Writes into an object, which becomes larger where the bytes reach beyond its end.
   *
   * @param data - at most 16 MiB
   * @param where - from which byte on; 0 when left out
   * @returns how many bytes were written; or `ipc-failed`: ENOENT, EACCES, ELOOP, ENOSPC (the tmpfs is full), EFBIG
   */
  write(
    name: string,
    data: Uint8Array,
    { offset = 0 }: { readonly offset?: number } = {},
  ): ResultAsync<number, IpcError> {
    return this.#calls.one({ type: 'posix-memory-write', name, offset, data }).map(({ result }) => result);
  }
}

/**
 * The POSIX shared memory that a target sees.
 *
 * @remarks Opens nothing by itself: the target is opened, and let go, by each call.
 * @param target - a process id, a Child, `{ pidfd }`, a ProcessHandle: what that process sees in /dev/shm; or a
 * NamespaceHandle of type `mnt` (with one of type `user` beside it, where that gives the right to it); what the caller
 * sees when left out
 * @param spec - which backend is to make the calls
 * @example
 * ```ts
 * const own = posixMemory();
 * await own.create('/example', 4_096).unwrapOr(undefined);
 * await own.write('/example', Buffer.from('there is no spoon')).unwrapOr(0);
 * const read = await own.read('/example', { offset: 9, length: 8 });
 * if (read.isOk()) console.log(String(read.value)); // no spoon
 * await own.remove('/example').unwrapOr(undefined);
 * ```
 * @see shm_overview(7)
 */
export const posixMemory = (target?: EnterTarget | readonly EnterTarget[], spec: IpcSpec = {}): PosixMemory =>
  new PosixMemory(targetList(target), spec);
