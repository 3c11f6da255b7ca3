import { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import { err, ok, type Result } from 'neverthrow';
import { ERRNO } from './errno.ts';
import {
  type InvalidOption,
  invalidOption,
  type NamespaceUnavailable,
  namespaceUnavailable,
  type ProcessGone,
} from './errors.ts';
import { isNamespaceType, NAMESPACE_TYPES, type NamespaceType } from './namespace.ts';
import { errnoOf, openProcess, ProcessHandle, type ProcessTarget } from './process-handle.ts';

/**
 * A namespace that is held by an open file, and lives as long as that, whoever leaves it.
 *
 * @remarks Two handles mean the same namespace when device and inode are equal, whatever paths they came by.
 * @see namespaces(7), ioctl_ns(2)
 */
export class NamespaceHandle implements Disposable {
  readonly type: NamespaceType;
  /** The device of nsfs. */
  readonly device: number;
  /** The number in the links of /proc/PID/ns. */
  readonly inode: number;
  #fd: number;

  /** @internal */
  constructor(type: NamespaceType, fd: number) {
    const { dev, ino } = fstatSync(fd);
    this.type = type;
    this.device = dev;
    this.inode = ino;
    this.#fd = fd;
  }

  /** The open file, which stays this handle's; -1 once it has been closed. */
  get fd(): number {
    return this.#fd;
  }

  /** Whether both mean the same namespace. */
  equals(other: { readonly device: number; readonly inode: number }): boolean {
    return this.device === other.device && this.inode === other.inode;
  }

  /** Lets go of the namespace. May be called more than once. */
  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }

  /** The same as {@link NamespaceHandle.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** The link's text: `net:[4026531840]`. */
  toString(): string {
    return `${this.type}:[${this.inode}]`;
  }
}

/** Where a namespace is found: at a process, or as a file. */
export type NamespaceSource =
  | { readonly process: ProcessTarget | ProcessHandle; readonly type: NamespaceType }
  | { readonly path: string };

/** Why a namespace could not be opened. */
export type OpenError = InvalidOption | ProcessGone | NamespaceUnavailable;

/** A link to nsfs as the kernel writes it; since Linux 3.19. */
const typeIn = (text: string | undefined): NamespaceType | null => {
  const word = /^(\w+):\[\d+\]$/.exec(text ?? '')?.[1];
  return isNamespaceType(word) ? word : null;
};

/** What came by a bind mount has the path for a link: then the mount says what is mounted. */
const typeOfMount = (fd: number): NamespaceType | null => {
  const id = /^mnt_id:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
  const mounts = readFileSync('/proc/thread-self/mountinfo', 'utf8').split('\n');
  return typeIn(mounts.find((line) => line.startsWith(`${id} `))?.split(' ')[3]);
};

const typeOfFd = (fd: number): NamespaceType | null => {
  try {
    return typeIn(readlinkSync(`/proc/self/fd/${fd}`)) ?? typeOfMount(fd);
  } catch {
    return null;
  }
};

/** Opens a namespace's file: a link of /proc/PID/ns, or what one was bind-mounted on. */
const openNamespacePath = (path: string): Result<NamespaceHandle, InvalidOption | NamespaceUnavailable> => {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    return err(invalidOption('path', path, 'the path of a namespace'));
  }
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    return err(namespaceUnavailable(path, errnoOf(error)));
  }
  const type = typeOfFd(fd);
  if (type !== null) return ok(new NamespaceHandle(type, fd));
  closeSync(fd);
  return err(namespaceUnavailable(path, ERRNO.EINVAL));
};

/** Opens a namespace that a process is in. */
const openNamespaceOf = (
  handle: ProcessHandle,
  type: NamespaceType,
): Result<NamespaceHandle, ProcessGone | NamespaceUnavailable> =>
  handle.open(`ns/${type}`, constants.O_RDONLY).map((fd) => new NamespaceHandle(type, fd));

const openAt = (target: ProcessTarget | ProcessHandle, type: NamespaceType): Result<NamespaceHandle, OpenError> => {
  if (target instanceof ProcessHandle) return openNamespaceOf(target, type);
  return openProcess(target).andThen((handle) => {
    const opened = openNamespaceOf(handle, type);
    handle.close();
    return opened;
  });
};

/**
 * Opens a namespace, which lives from then on as long as the handle.
 *
 * @remarks Works from any thread and changes none. A process's namespaces take the permission to ptrace(2) it
 * (PTRACE_MODE_READ_FSCREDS); a path takes nothing but its own.
 * @param source - a process and a type, or a path: a link of /proc/PID/ns, or a name that a namespace is pinned to
 * @returns a handle to be closed, or `process-gone`, `namespace-unavailable` with the errno (EACCES: not yours to look at;
 * EINVAL: no namespace), `invalid-option`
 * @example
 * ```ts
 * const opened = openNamespace({ path: '/proc/self/ns/net' });
 * if (opened.isOk()) {
 *   console.log(opened.value.type); // net
 *   opened.value.close();
 * }
 * ```
 * @see namespaces(7)
 */
export const openNamespace = (source: NamespaceSource): Result<NamespaceHandle, OpenError> => {
  if (typeof source !== 'object' || source === null) {
    return err(invalidOption('source', source, '{ process, type } or { path }'));
  }
  if ('path' in source) return openNamespacePath(source.path);
  return isNamespaceType(source.type)
    ? openAt(source.process, source.type)
    : err(invalidOption('type', source.type, `one of ${NAMESPACE_TYPES.join(', ')}`));
};
