import { closeSync, constants, openSync, readFileSync, readlinkSync } from 'node:fs';
import { err, ok, type Result } from 'neverthrow';
import { askNsfs } from './ask-nsfs.ts';
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
} from './errors.ts';
import { inspect } from './inspect/inspect.ts';
import { isNamespaceType, NAMESPACE_TYPES, type NamespaceType } from './namespace.ts';
import { NamespaceHandle } from './namespace-handle.ts';
import type { Nsfs } from './nsfs.ts';
import { errnoOf, openProcess, ProcessHandle, type ProcessTarget } from './process-handle.ts';
import { type SocketTarget, socketFd } from './socket-fd.ts';
import type { BackendChoice } from './spec.ts';

/** Where a namespace is found: at a process, as a file, by a socket that lives in it, or by its id. */
export type NamespaceSource =
  | { readonly process: ProcessTarget | ProcessHandle; readonly type: NamespaceType }
  | { readonly path: string }
  /** The network namespace of a socket: of this process, or with `process` of another one, by the number of its fd. */
  | { readonly socket: SocketTarget; readonly process?: ProcessTarget | ProcessHandle }
  /** What {@link NamespaceHandle.id} and {@link NamespaceInfo.id} tell. */
  | { readonly id: bigint };

/** What {@link openNamespace} takes beside the source. */
export interface OpenSpec {
  /** `auto` when left out: ffi, else shell; or what the environment variable NS_BACKEND says. */
  readonly backend?: BackendChoice;
}

/** Why a namespace could not be opened. */
export type OpenError = InvalidOption | ProcessGone | NamespaceUnavailable | Unsupported | BackendUnavailable;

type Opened = Result<NamespaceHandle, OpenError>;

/** A handle that asks for its id when somebody wants to know it. */
const handleOf = (type: NamespaceType, fd: number, { backend }: OpenSpec): NamespaceHandle =>
  new NamespaceHandle(type, fd, (open) =>
    askNsfs(backend, 'the id of a namespace')
      .map((nsfs) => nsfs.idOf(open))
      .unwrapOr(null),
  );

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

/** Takes over an fd that is to be a namespace's; one that is none is closed. */
const handleOfFd = (fd: number, name: string, spec: OpenSpec): Result<NamespaceHandle, NamespaceUnavailable> => {
  const type = typeOfFd(fd);
  if (type !== null) return ok(handleOf(type, fd, spec));
  closeSync(fd);
  return err(namespaceUnavailable(name, ERRNO.EINVAL));
};

/** Opens a namespace's file: a link of /proc/PID/ns, or what one was bind-mounted on. */
const openPath = (path: string, spec: OpenSpec): Opened => {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    return err(invalidOption('path', path, 'the path of a namespace'));
  }
  try {
    return handleOfFd(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), path, spec);
  } catch (error) {
    return err(namespaceUnavailable(path, errnoOf(error)));
  }
};

/** Does something with a process that is held meanwhile. */
const withProcess = <T>(
  target: ProcessTarget | ProcessHandle,
  spec: OpenSpec,
  use: (handle: ProcessHandle) => Result<T, OpenError>,
): Result<T, OpenError> => {
  if (target instanceof ProcessHandle) return use(target);
  return openProcess(target, spec).andThen((handle) => {
    const used = use(handle);
    handle.close();
    return used;
  });
};

/** By the pidfd itself, which needs no /proc; null where the kernel, or the backend, leaves that to /proc. */
const openByPidfd = (target: ProcessTarget | ProcessHandle, type: NamespaceType, spec: OpenSpec): Opened | null => {
  if (typeof target !== 'object' || target === null || !('pidfd' in target) || !Number.isInteger(target.pidfd)) {
    return null;
  }
  const { pidfd } = target;
  const nsfs = askNsfs(spec.backend, 'opening by a pidfd');
  if (nsfs.isErr()) return null;
  const opened = nsfs.value.openPidfd(pidfd, type);
  if (opened.isOk()) return ok(handleOf(type, opened.value, spec));
  const { errno } = opened.error;
  if (errno === ERRNO.ESRCH) return err(processGone(-1));
  return errno === ERRNO.EPERM || errno === ERRNO.EACCES
    ? err(namespaceUnavailable(`ns/${type} of pidfd ${pidfd}`, errno))
    : null;
};

const openAt = (target: ProcessTarget | ProcessHandle, type: NamespaceType, spec: OpenSpec): Opened =>
  openByPidfd(target, type, spec) ??
  withProcess(target, spec, (handle) =>
    handle.open(`ns/${type}`, constants.O_RDONLY).map((fd) => handleOf(type, fd, spec)),
  );

const openSocket = (
  socket: SocketTarget,
  target: ProcessTarget | ProcessHandle | undefined,
  spec: OpenSpec,
): Opened => {
  const fd = socketFd(socket);
  if (fd === null) return err(invalidOption('socket', socket, 'an open socket, or its fd'));
  const opened = (pid: number | null, name: string): Opened =>
    askNsfs(spec.backend, 'opening a namespace by a socket').andThen((nsfs) =>
      nsfs
        .openSocket(fd, pid)
        .mapErr(({ syscall, errno }): OpenError => namespaceUnavailable(`${name}, ${syscall}`, errno))
        .map((namespace) => handleOf('net', namespace, spec)),
    );
  if (target === undefined) return opened(null, `socket ${fd}`);
  return withProcess(target, spec, (process) => {
    const namespace = opened(process.pid, `socket ${fd} of process ${process.pid}`);
    // While it still is that process, the number cannot have become another one's in between.
    if (process.exists) return namespace;
    if (namespace.isOk()) namespace.value.close();
    return err(processGone(process.pid));
  });
};

/** Looks for a namespace among all of the machine: kernels that keep a list for each type open none by an id alone. */
const findId = (id: bigint, nsfs: Nsfs, spec: OpenSpec): Opened =>
  inspect(spec).andThen(({ namespaces }): Opened => {
    const found = namespaces.find((namespace) => namespace.id === id);
    const gone = namespaceUnavailable(`namespace ${id}`, ERRNO.ENOENT);
    if (found === undefined) return err(gone);
    const { type, inode, path } = found;
    const byHandle = nsfs.openId(id, { type, inode });
    if (byHandle.isOk()) return ok(handleOf(type, byHandle.value, spec));
    if (path === null) return err(namespaceUnavailable(`namespace ${id}`, byHandle.error.errno));
    return openPath(path, spec).andThen((handle): Opened => {
      // Its process may have ended meanwhile, and its pid may be another one's.
      if (handle.id === id) return ok(handle);
      handle.close();
      return err(gone);
    });
  });

const openId = (id: bigint, spec: OpenSpec): Opened => {
  if (typeof id !== 'bigint' || id <= 0n || id >= 1n << 64n) {
    return err(invalidOption('id', id, 'a bigint from 1 to 2^64-1'));
  }
  return askNsfs(spec.backend, 'opening a namespace by its id').andThen((nsfs) => {
    const opened = nsfs.openId(id, null);
    return opened.isOk() ? handleOfFd(opened.value, `namespace ${id}`, spec) : findId(id, nsfs, spec);
  });
};

/**
 * Opens a namespace, which lives from then on as long as the handle.
 *
 * @remarks Works from any thread and changes none. A process's namespaces take the permission to ptrace(2) it
 * (PTRACE_MODE_READ_FSCREDS); a path takes nothing but its own. A `{ pidfd }` is asked itself (Linux 6.11, ffi backend), else
 * /proc. By a socket (ffi backend; Linux 4.9) it takes CAP_NET_ADMIN over its namespace, and by the fd of another process the
 * permission to ptrace(2) that (PTRACE_MODE_ATTACH_REALCREDS, Linux 5.6). By an id (ffi backend; Linux 6.18) it takes
 * CAP_SYS_ADMIN over a namespace that the caller is not in; Linux 6.18 wants more than the id, so that all namespaces of the
 * machine are gone through, which takes milliseconds, and finds what the caller may see.
 * @param source - a process and a type; a path: a link of /proc/PID/ns, or a name that a namespace is pinned to; a
 * socket of Node.js, or the fd of one, here or in another process; or an id
 * @param spec - the backend that makes the system calls
 * @returns a handle to be closed, or `process-gone`, `namespace-unavailable` with the errno (EACCES, EPERM: not yours to look
 * at; EINVAL: no namespace; ENOENT: no namespace of that id; ENOTSOCK, ENOTTY: no socket), `invalid-option`, `unsupported`
 * (a socket or an id without the ffi backend), `backend-unavailable`
 * @example
 * ```ts
 * const opened = openNamespace({ path: '/proc/self/ns/net' });
 * if (opened.isOk()) {
 *   console.log(opened.value.type); // net
 *   opened.value.close();
 * }
 * ```
 * @see namespaces(7), ioctl_ns(2), ioctl_pidfd(2), open_by_handle_at(2)
 */
export const openNamespace = (source: NamespaceSource, spec: OpenSpec = {}): Result<NamespaceHandle, OpenError> => {
  if (typeof source !== 'object' || source === null) {
    return err(invalidOption('source', source, '{ process, type }, { path }, { socket } or { id }'));
  }
  if (typeof spec !== 'object' || spec === null) return err(invalidOption('spec', spec, 'an object'));
  if ('path' in source) return openPath(source.path, spec);
  if ('socket' in source) return openSocket(source.socket, source.process, spec);
  if ('id' in source) return openId(source.id, spec);
  return isNamespaceType(source.type)
    ? openAt(source.process, source.type, spec)
    : err(invalidOption('type', source.type, `one of ${NAMESPACE_TYPES.join(', ')}`));
};
