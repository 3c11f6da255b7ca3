import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  unlinkSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { err, ok, type Result } from 'neverthrow';
import { ERRNO } from './errno.ts';
import {
  type BackendUnavailable,
  type InvalidOption,
  invalidOption,
  type NamespaceUnavailable,
  type PinFailed,
  type ProcessGone,
  pinFailed,
  type Unsupported,
  unsupported,
} from './errors.ts';
import type { FdHolder } from './inspect/model.ts';
import type { Mounter, MountRefusal } from './mounter.ts';
import { NamespaceHandle } from './namespace-handle.ts';
import { openBackend } from './open.ts';
import { type NamespaceSource, openNamespace } from './open-namespace.ts';
import { errnoOf } from './process-handle.ts';
import type { BackendChoice } from './spec.ts';

/** Where a namespace is pinned: a path, or the name of a network namespace as ip-netns(8) has it. */
export type PinPlace = string | { readonly name: string };

/** What {@link pin} and {@link unpin} take beside the place. */
export interface PinSpec {
  /** `auto` when left out: ffi, else shell; or what the environment variable NS_BACKEND says. */
  readonly backend?: BackendChoice;
}

/** What {@link unpin} takes beside the place. */
export interface UnpinSpec extends PinSpec {
  /** Also unpins what somebody has open, who then keeps the namespace alive. */
  readonly lazily?: boolean;
}

/** What may come of {@link pin} and {@link unpin}. */
export type PinError =
  | InvalidOption
  | Unsupported
  | BackendUnavailable
  | ProcessGone
  | NamespaceUnavailable
  | PinFailed;

/** The directory of ip-netns(8). */
const NETNS_DIRECTORY = '/run/netns';

const mounter = ({ backend: choice }: PinSpec): Result<Mounter, InvalidOption | Unsupported | BackendUnavailable> =>
  openBackend(choice).andThen(
    ({ backend }) => backend.mounter?.() ?? err(unsupported(backend.name, 'pinning', 'a backend that can mount')),
  );

const pathOf = (place: PinPlace): Result<string, InvalidOption> => {
  const name = typeof place === 'object' && place !== null ? place.name : null;
  if (name !== null) {
    const isName = typeof name === 'string' && /^[^/\0]{1,255}$/.test(name) && name !== '.' && name !== '..';
    return isName
      ? ok(`${NETNS_DIRECTORY}/${name}`)
      : err(invalidOption('name', name, 'a file name of at most 255 bytes'));
  }
  return typeof place === 'string' && place.startsWith('/') && !place.includes('\0')
    ? ok(place)
    : err(invalidOption('place', place, 'an absolute path, or { name }'));
};

const failed = (
  path: string,
  { syscall, errno }: MountRefusal,
  holders: readonly FdHolder[] = [],
  reason: string | null = null,
): PinFailed => pinFailed({ path, syscall, errno, holders, reason });

/** Runs a file operation of Node's that throws. */
const attempt = <T>(path: string, syscall: string, act: () => T): Result<T, PinFailed> => {
  try {
    return ok(act());
  } catch (error) {
    return err(failed(path, { syscall, errno: errnoOf(error) }));
  }
};

/** As ip-netns(8) prepares it: what is mounted below is seen by everybody who shares its mounts. */
const prepareNames = (mount: Mounter): Result<void, PinFailed> =>
  attempt(NETNS_DIRECTORY, 'mkdir', () => mkdirSync(NETNS_DIRECTORY, { recursive: true, mode: 0o755 })).andThen(() => {
    const shared = mount.setPropagation(NETNS_DIRECTORY, 'shared');
    if (shared.isOk()) return ok(undefined);
    // It is no mount point yet.
    return mount
      .bind(NETNS_DIRECTORY, NETNS_DIRECTORY)
      .andThen(() => mount.setPropagation(NETNS_DIRECTORY, 'shared'))
      .mapErr((refusal) => failed(NETNS_DIRECTORY, refusal));
  });

/** Makes the file that the namespace is mounted on; false when there was one, which stays as it is. */
const makeFile = (path: string): Result<boolean, PinFailed> => {
  try {
    closeSync(openSync(path, constants.O_RDONLY | constants.O_CREAT | constants.O_EXCL, 0));
    return ok(true);
  } catch (error) {
    const errno = errnoOf(error);
    return errno === ERRNO.EEXIST ? ok(false) : err(failed(path, { syscall: 'open', errno }));
  }
};

/**
 * A mount namespace's file cannot be mounted where the mount would be passed on (EINVAL): the file gets a private mount
 * of its own first, and the namespace comes on top of that.
 */
const bindPrivately = (mount: Mounter, source: string, path: string): Result<void, MountRefusal> =>
  mount.bind(path, path).andThen(() => {
    const bound = mount.setPropagation(path, 'private').andThen(() => mount.bind(source, path));
    if (bound.isErr()) mount.unmount(path, true).unwrapOr(undefined);
    return bound;
  });

/** The id of the mount namespace in which the calling thread mounts. */
const ownMountId = (): bigint | null =>
  openNamespace({ path: '/proc/thread-self/ns/mnt' })
    .map((own) => {
      const { id } = own;
      own.close();
      return id;
    })
    .unwrapOr(null);

/**
 * Why a mount namespace cannot be pinned here; null where nothing is known against it. A mount namespace holds what is
 * pinned in it, and no loop may come of that: the kernel compares ids, which Linux 6.18 and later give out by processor, in
 * lots of 4,096. So one that is younger may have the lower id, for good.
 */
const whyNotBelow = (handle: NamespaceHandle): string | null => {
  const { id } = handle;
  const own = ownMountId();
  if (id === null || own === null || id > own) return null;
  return `the kernel takes that mount namespace (id ${id}) for no younger than the one to be pinned in (id ${own})`;
};

const bindTo = (mount: Mounter, handle: NamespaceHandle, path: string): Result<void, PinFailed> =>
  makeFile(path).andThen((isNew) => {
    // A tool that mounts is another process.
    const source = `/proc/${process.pid}/fd/${handle.fd}`;
    const direct = mount.bind(source, path);
    const isRefused = direct.isErr() && direct.error.errno === ERRNO.EINVAL && handle.type === 'mnt';
    const reason = isRefused ? whyNotBelow(handle) : null;
    const bound = isRefused && reason === null ? bindPrivately(mount, source, path) : direct;
    if (bound.isErr() && isNew) {
      // What failed is what is told.
      attempt(path, 'unlink', () => unlinkSync(path)).unwrapOr(undefined);
    }
    return bound.mapErr((refusal) => failed(path, refusal, [], reason));
  });

/**
 * Pins a namespace to a file, so that it outlives its processes: a bind mount, as unshare(1) and ip-netns(8) make it.
 *
 * @remarks Mounts in the calling thread's mount namespace, which takes CAP_SYS_ADMIN over it. The file is made where there
 * is none. With `{ name }` the place is /run/netns/NAME, which `ip netns` lists and `ip netns exec` enters. A mount
 * namespace can be pinned only in one that is older, and is pinned on a private mount where the place is shared. Linux tells
 * younger from older by ids, which since 6.18 it gives out by processor: a younger one that was made on another processor
 * may be refused for good, and `reason` says so. Both made on one processor (sched_setaffinity(2), taskset(1)) are told apart.
 * @param source - a handle, which stays the caller's, or where the namespace is found
 * @param place - an absolute path, or the name of a network namespace
 * @param spec - which backend is to mount
 * @returns the path, or `pin-failed` with system call and errno (EPERM; EINVAL: a mount namespace that is not younger, with `reason`; ENOENT:
 * no such directory), `process-gone`, `namespace-unavailable`, `unsupported`, `backend-unavailable`, `invalid-option`
 * @see mount(2), namespaces(7), ip-netns(8)
 */
export const pin = (
  source: NamespaceHandle | NamespaceSource,
  place: PinPlace,
  spec: PinSpec = {},
): Result<string, PinError> =>
  pathOf(place).andThen((path): Result<string, PinError> => {
    const isName = typeof place === 'object';
    const opened: Result<NamespaceHandle, PinError> =
      source instanceof NamespaceHandle ? ok(source) : openNamespace(source);
    return opened.andThen((handle) => {
      const pinned = ((): Result<string, PinError> => {
        if (handle.fd < 0) return err(invalidOption('source', 'a closed handle', 'an open one'));
        if (isName && handle.type !== 'net') {
          return err(invalidOption('name', place.name, 'a path for a namespace that is not of type net'));
        }
        return mounter(spec).andThen((mount) =>
          (isName ? prepareNames(mount) : ok<void, PinFailed>(undefined))
            .andThen(() => bindTo(mount, handle, path))
            .map(() => path),
        );
      })();
      if (handle !== source) handle.close();
      return pinned;
    });
  });

/** The id of the mount on which a path ends, by the fdinfo of an fd. */
const mountIdOf = (path: string): string | null => {
  try {
    const fd = openSync(path, constants.O_RDONLY);
    const info = readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
    closeSync(fd);
    return /^mnt_id:\s+(\d+)$/m.exec(info)?.[1] ?? null;
  } catch {
    return null;
  }
};

/** Open fds of that mount, of all processes that the caller may look into. */
const holdersOf = (path: string): readonly FdHolder[] => {
  const wanted = mountIdOf(path);
  if (wanted === null) return [];
  const found: FdHolder[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        // Most fds are something else, which costs less to see; one of a pin has its path for a link.
        if (!readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('/')) continue;
        const info = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1');
        if (/^mnt_id:\s+(\d+)$/m.exec(info)?.[1] === wanted) found.push({ pid: Number(pid), fd: Number(fd) });
      }
    } catch {
      // Gone, or not this caller's to see.
    }
  }
  return found;
};

/** The file systems that are mounted on a path, the one that is seen last. */
const layersAt = (path: string): readonly string[] => {
  let place: string;
  try {
    place = `${realpathSync(dirname(path))}/${basename(path)}`.replace(/^\/\//, '/');
  } catch {
    return [];
  }
  const escaped = place.replace(/[ \t\n\\]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`);
  return readFileSync('/proc/thread-self/mountinfo', 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [before = '', after = ''] = line.split(' - ');
      return before.split(' ')[4] === escaped ? [after.split(' ')[0] ?? ''] : [];
    });
};

/**
 * Takes a pin away: the namespace goes, unless something else keeps it. The file is removed.
 *
 * @remarks Unmounts in the calling thread's mount namespace, which takes CAP_SYS_ADMIN over it.
 * @param place - an absolute path, or the name of a network namespace
 * @param spec - which backend is to unmount, and whether what is in use is unmounted, too
 * @returns nothing, or `pin-failed`: EBUSY with the processes that have it open, EINVAL (nothing is pinned there), EPERM;
 * `unsupported`, `backend-unavailable`, `invalid-option`
 * @see umount(2)
 */
export const unpin = (place: PinPlace, spec: UnpinSpec = {}): Result<void, PinError> =>
  pathOf(place).andThen((path) =>
    mounter(spec).andThen((mount): Result<void, PinError> => {
      const layers = layersAt(path);
      if (layers.at(-1) !== 'nsfs') return err(failed(path, { syscall: 'umount2', errno: ERRNO.EINVAL }));
      // Of the private mount below a mount namespace nobody is to see anything.
      const below = layers.at(-2);
      const rounds = below === undefined || below === 'nsfs' ? 1 : 2;
      for (let round = 0; round < rounds; round += 1) {
        const unmounted = mount.unmount(path, spec.lazily === true);
        if (unmounted.isOk()) continue;
        const busy = unmounted.error.errno === ERRNO.EBUSY;
        return err(failed(path, unmounted.error, busy ? holdersOf(path) : []));
      }
      // Something was pinned there before, and is again.
      return layers.length > rounds ? ok(undefined) : attempt(path, 'unlink', () => unlinkSync(path));
    }),
  );
