import { closeSync, constants, existsSync, openSync, readFileSync } from 'node:fs';
import { err, ok, type Result } from 'neverthrow';
import { askNsfs } from './ask-nsfs.ts';
import { Child } from './child.ts';
import { ERRNO } from './errno.ts';
import {
  type BackendUnavailable,
  type InvalidOption,
  invalidOption,
  type NamespaceUnavailable,
  namespaceUnavailable,
  type ProcessGone,
  processGone,
  type Unsupported,
  unsupported,
} from './errors.ts';
import type { KernelReader } from './kernel-reader.ts';
import type { NamespaceType } from './namespace.ts';
import type { JoinPlan } from './plan.ts';
import type { BackendChoice } from './spec.ts';

/** Who is meant: a process id, a child of this library's, an open pidfd, or a pid with the inode of its pidfd. */
export type ProcessTarget =
  | number
  | Child
  | { readonly pidfd: number }
  /** A pid together with the inode of its pidfd, which no other process ever has: since Linux 6.9, by the ffi backend. */
  | { readonly pid: number; readonly pidfdInode: bigint };

/** What {@link openProcess} takes beside the target. */
export interface OpenProcessSpec {
  /** The backend that is asked for the inode of a pidfd; `auto` when left out. */
  readonly backend?: BackendChoice;
}

/** What may come of {@link openProcess}. */
export type OpenProcessError = ProcessGone | NamespaceUnavailable | InvalidOption | Unsupported | BackendUnavailable;

/** asm-generic/fcntl.h, which Node.js does not have: a name without the right to read. */
export const O_PATH = 0o10000000;

/** The errno of a file that Node.js could not open, or read. */
export const errnoOf = (error: unknown): number => Math.abs((error as NodeJS.ErrnoException).errno ?? ERRNO.EIO);

/**
 * A process that is held on to: everything asked through it is asked of that process, never of one that got its pid
 * later.
 *
 * @remarks Holds the directory /proc/PID open, which the kernel binds to the process and not to the number. The process
 * may end all the same; whatever is asked then says that it is gone.
 * @see proc_pid(5)
 */
export class ProcessHandle implements Disposable {
  /** The process id in the caller's pid namespace. */
  readonly pid: number;
  #fd: number;

  /** @internal */
  constructor(pid: number, fd: number) {
    this.pid = pid;
    this.#fd = fd;
  }

  /** Whether the process is still there; one that has ended and was not waited for is. */
  get exists(): boolean {
    return this.#fd >= 0 && existsSync(this.path('stat'));
  }

  /** @internal A file of this process. */
  path(name: string): string {
    return `/proc/self/fd/${this.#fd}/${name}`;
  }

  /** @internal Opens a file of this process; the fd is the caller's. */
  open(name: string, flags: number): Result<number, ProcessGone | NamespaceUnavailable> {
    if (this.#fd < 0) return err(processGone(this.pid));
    try {
      return ok(openSync(this.path(name), flags));
    } catch (error) {
      return err(this.#failed(name, errnoOf(error)));
    }
  }

  /** @internal Reads a file of this process. */
  read(name: string): Result<Buffer, ProcessGone | NamespaceUnavailable> {
    if (this.#fd < 0) return err(processGone(this.pid));
    try {
      return ok(readFileSync(this.path(name)));
    } catch (error) {
      return err(this.#failed(name, errnoOf(error)));
    }
  }

  /**
   * @internal Opens its namespaces.
   *
   * @param foreignOnly - leaves out what the calling thread is in already, and what this kernel has not
   * @returns fds that are the caller's; none is open after an error
   */
  openNamespaces(
    reader: Pick<KernelReader, 'openNamespaces'>,
    types: readonly NamespaceType[],
    foreignOnly: boolean,
  ): Result<readonly JoinPlan[], ProcessGone | NamespaceUnavailable> {
    if (this.#fd < 0) return err(processGone(this.pid));
    const joins: JoinPlan[] = [];
    let failure: { readonly name: string; readonly code: number } | null = null;
    for (const [index, { fd, own }] of reader.openNamespaces(this.#fd, types).entries()) {
      const type = types[index] as NamespaceType;
      const isWanted = !foreignOnly || own === false;
      if (fd >= 0 && isWanted) joins.push({ type, fd });
      else if (fd >= 0) closeSync(fd);
      else if (isWanted) failure ??= { name: `ns/${type}`, code: -fd };
    }
    if (failure === null) return ok(joins);
    for (const { fd } of joins) closeSync(fd);
    return err(this.#failed(failure.name, failure.code));
  }

  /** Lets go of the process. May be called more than once. */
  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }

  /** The same as {@link ProcessHandle.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #failed(name: string, code: number): ProcessGone | NamespaceUnavailable {
    // What has ended, waited for or not, has no namespaces; its files say so in several ways.
    const missing = code === ERRNO.ENOENT || code === ERRNO.ESRCH;
    const isKnown = !name.startsWith('ns/') || existsSync(`/proc/self/${name}`);
    if ((missing && isKnown) || !this.exists) return processGone(this.pid);
    return namespaceUnavailable(`/proc/${this.pid}/${name}`, code);
  }
}

const openDirectory = (pid: number): Result<ProcessHandle, ProcessGone | NamespaceUnavailable> => {
  try {
    return ok(new ProcessHandle(pid, openSync(`/proc/${pid}`, O_PATH | constants.O_DIRECTORY)));
  } catch (error) {
    const code = errnoOf(error);
    return err(code === ERRNO.ENOENT ? processGone(pid) : namespaceUnavailable(`/proc/${pid}`, code));
  }
};

/** The pid behind a pidfd, as this pid namespace numbers it; -1 when it has ended, 0 when it is not seen from here. */
const pidOf = (pidfd: number): number | null => {
  try {
    const pid = /^Pid:\s+(-?\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${pidfd}`, 'latin1'))?.[1];
    return pid === undefined ? null : Number(pid);
  } catch {
    return null;
  }
};

const openByPidfd = (pidfd: number): Result<ProcessHandle, ProcessGone | NamespaceUnavailable | InvalidOption> => {
  const pid = pidOf(pidfd);
  if (pid === null) return err(invalidOption('pidfd', pidfd, 'an open pidfd'));
  if (pid <= 0) return err(processGone(pid));
  return openDirectory(pid).andThen((handle) => {
    // While it still is that process, the number cannot have become another one's in between.
    if (pidOf(pidfd) === pid) return ok(handle);
    handle.close();
    return err(processGone(pid));
  });
};

const openChild = (child: Child): Result<ProcessHandle, ProcessGone | NamespaceUnavailable> =>
  openDirectory(child.pid).andThen((handle) => {
    // A child that has not been waited for keeps its pid.
    if (child.isPresent()) return ok(handle);
    handle.close();
    return err(processGone(child.pid));
  });

const openByInode = (
  pid: number,
  inode: bigint,
  { backend }: OpenProcessSpec,
): Result<ProcessHandle, OpenProcessError> =>
  askNsfs(backend, 'finding a process by the inode of its pidfd').andThen((nsfs) =>
    openDirectory(pid).andThen((handle): Result<ProcessHandle, OpenProcessError> => {
      const known = nsfs.pidfdInode(pid);
      // While it still is that process, the number cannot have become another one's in between.
      if (known === inode && handle.exists) return ok(handle);
      const isThere = handle.exists;
      handle.close();
      return known === null && isThere
        ? err(unsupported('ffi', 'finding a process by the inode of its pidfd', 'Linux 6.9 or newer'))
        : err(processGone(pid));
    }),
  );

const isPid = (pid: unknown): pid is number =>
  typeof pid === 'number' && Number.isInteger(pid) && pid > 0 && pid <= 0x7fffffff;

/**
 * Takes hold of a process, so that a pid that is used again is never mistaken for it.
 *
 * @remarks Works from any thread, needs no privilege and /proc. What is asked through the handle later takes the
 * permission to ptrace(2) the process.
 * @param target - a process id, a child of this library's, an open pidfd, which stays the caller's, or a process id with
 * the inode of its pidfd, which nsenter(1) writes as PID:inode
 * @param spec - the backend that looks at the pidfd
 * @returns a handle to be closed, or `process-gone`, `namespace-unavailable` (/proc does not show it), `invalid-option`; with
 * an inode `unsupported` (before Linux 6.9, or without the ffi backend) and `backend-unavailable`
 * @see proc_pid(5), pidfd_open(2)
 */
export const openProcess = (
  target: ProcessTarget,
  spec: OpenProcessSpec = {},
): Result<ProcessHandle, OpenProcessError> => {
  if (target instanceof Child) return openChild(target);
  if (typeof target === 'object' && target !== null) {
    if ('pidfdInode' in target) {
      const { pid, pidfdInode } = target;
      if (isPid(pid) && typeof pidfdInode === 'bigint' && pidfdInode > 0n) return openByInode(pid, pidfdInode, spec);
    } else if (Number.isInteger(target.pidfd) && target.pidfd >= 0) return openByPidfd(target.pidfd);
  }
  return isPid(target)
    ? openDirectory(target)
    : err(invalidOption('target', target, 'a process id, a Child, { pidfd }, or { pid, pidfdInode }'));
};
