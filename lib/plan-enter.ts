import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { err, ok, type Result } from 'neverthrow';
import type { Backend } from './backend.ts';
import { type EnterError, type InvalidOption, invalidOption, namespaceUnavailable, unsupported } from './errors.ts';
import { readerOf } from './inspect/file-reader.ts';
import type { KernelReader } from './kernel-reader.ts';
import { isNamespaceType, NAMESPACE_TYPES, type NamespaceType } from './namespace.ts';
import { NamespaceHandle } from './namespace-handle.ts';
import type { EnterPlan, JoinPlan } from './plan.ts';
import { errnoOf, O_PATH, openProcess, ProcessHandle, type ProcessTarget } from './process-handle.ts';
import type { SpawnSpec } from './spec.ts';

/** What is entered: the namespaces of a process, or single namespaces. */
export type EnterTarget = ProcessTarget | ProcessHandle | NamespaceHandle;

/** What {@link enter} takes: a spec, and what else of the target the command is to have. */
export interface EnterSpec extends Omit<SpawnSpec, 'uid' | 'gid'> {
  /** Which namespaces of the target process to enter; all that the caller is not in already when left out. */
  readonly types?: readonly NamespaceType[];
  /** The target's root directory, or a directory as the caller sees it, becomes the root directory. */
  readonly targetRoot?: boolean | string;
  /** The target's working directory, or a directory as the caller sees it, becomes the working directory. */
  readonly targetCwd?: boolean | string;
  /** The environment that the target was started with; excludes `env`. */
  readonly targetEnv?: boolean;
  /** Moves the command into the target's cgroup, of the unified hierarchy; see cgroups(7). */
  readonly joinCgroup?: boolean;
  /** Gives the command the target's SELinux context; see setexeccon(3). */
  readonly followContext?: boolean;
  /** Enters the user namespace that owns the others, or the parent of `user`. Since Linux 4.9. */
  readonly userParent?: boolean;
  /**
   * The user id inside, or `follow`: the effective one of the target process; 0 when a user namespace is entered, unless
   * `preserveCredentials`.
   */
  readonly uid?: number | 'follow';
  /**
   * The group id inside, or `follow`, without supplementary groups where the target's user namespace lets them be dropped; 0
   * when a user namespace is entered, unless `preserveCredentials`.
   */
  readonly gid?: number | 'follow';
  /** Keeps the caller's ids when a user namespace is entered. */
  readonly preserveCredentials?: boolean;
  /**
   * Leaves the command itself out of an entered pid namespace: only its children are in it. With `pid` or `time` among the
   * new namespaces it is refused, which takes a new process as well.
   */
  readonly noFork?: boolean;
}

/** Everything that was opened to enter a target. */
export interface Entry {
  readonly plan: EnterPlan;
  /** The environment of the target; null when it was not asked for. */
  readonly env: Readonly<Record<string, string>> | null;
  /** Closes what was opened here; not the handles that the caller gave. */
  readonly close: () => void;
}

type Opened<T> = Result<T, EnterError>;

/** fds that belong to one call of enter. */
class Fds {
  readonly #fds: number[] = [];

  keep(fd: number): number {
    this.#fds.push(fd);
    return fd;
  }

  readonly close = (): void => {
    for (const fd of this.#fds.splice(0)) closeSync(fd);
  };
}

/** The targets told apart, once each has been found to be one. */
interface Targets {
  readonly process: ProcessTarget | ProcessHandle | null;
  readonly handles: readonly NamespaceHandle[];
}

const sortTargets = (target: EnterTarget | readonly EnterTarget[]): Result<Targets, InvalidOption> => {
  const all: readonly EnterTarget[] = Array.isArray(target) ? target : [target as EnterTarget];
  const handles: NamespaceHandle[] = [];
  const processes: (ProcessTarget | ProcessHandle)[] = [];
  for (const one of all) {
    if (one instanceof NamespaceHandle) handles.push(one);
    else processes.push(one);
  }
  if (all.length === 0 || processes.length > 1) {
    return err(invalidOption('target', `${processes.length} processes`, 'one process, namespaces, or both'));
  }
  for (const [index, { type, fd }] of handles.entries()) {
    if (fd < 0) return err(invalidOption('target', `a closed handle of type ${type}`, 'open handles'));
    if (handles.findIndex((other) => other.type === type) !== index) {
      return err(invalidOption('target', `two handles of type ${type}`, 'one of each type'));
    }
  }
  return ok({ process: processes[0] ?? null, handles });
};

const DENY = Buffer.from('deny');

const SWITCHES = [
  'targetEnv',
  'joinCgroup',
  'followContext',
  'userParent',
  'preserveCredentials',
  'noFork',
] as const satisfies readonly (keyof EnterSpec)[];

/** Options that ask something of a target process. */
const OF_PROCESS = ['types', 'targetEnv', 'joinCgroup', 'followContext'] as const;

const LAST_ID = 0xfffffffe;

const checkSpec = (spec: EnterSpec, { process, handles }: Targets): Result<void, InvalidOption> => {
  const { types } = spec;
  if (types !== undefined) {
    if (!Array.isArray(types)) return err(invalidOption('types', types, 'a list of namespace types'));
    const wrong = types.findIndex((type) => !isNamespaceType(type));
    if (wrong !== -1) {
      return err(invalidOption(`types[${wrong}]`, types[wrong], `one of ${NAMESPACE_TYPES.join(', ')}`));
    }
    const twice = types.find((type) => handles.some((handle) => handle.type === type));
    if (twice !== undefined) return err(invalidOption('types', twice, 'no type that a handle stands for'));
  }
  for (const option of SWITCHES) {
    const value = spec[option];
    if (value !== undefined && typeof value !== 'boolean') return err(invalidOption(option, value, 'true or false'));
  }
  for (const option of ['targetRoot', 'targetCwd'] as const) {
    const value = spec[option];
    const isPath = typeof value === 'string' && value !== '' && !value.includes('\0');
    if (value !== undefined && typeof value !== 'boolean' && !isPath) {
      return err(invalidOption(option, value, 'true, false or a path'));
    }
    if (value === true && process === null) return err(invalidOption(option, value, 'a process as the target with it'));
  }
  for (const option of OF_PROCESS) {
    const value = spec[option];
    if (value !== undefined && value !== false && process === null) {
      return err(invalidOption(option, value, 'a process as the target with it'));
    }
  }
  for (const option of ['uid', 'gid'] as const) {
    const value = spec[option];
    if (
      value === undefined ||
      (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= LAST_ID)
    ) {
      continue;
    }
    if (value !== 'follow') return err(invalidOption(option, value, `a number from 0 to ${LAST_ID}, or "follow"`));
    if (process === null) return err(invalidOption(option, value, 'a process as the target with it'));
    // Its ids are known in its own user namespace only.
    if (spec.userParent === true || handles.some(({ type }) => type === 'user')) {
      return err(invalidOption(option, value, "a number, where another user namespace than the process's is entered"));
    }
  }
  const forks = spec.namespaces?.find((type) => type === 'pid' || type === 'time');
  if (spec.noFork === true && forks !== undefined) {
    return err(invalidOption('noFork', true, `no new ${forks} namespace with it`));
  }
  return spec.targetEnv === true && spec.env !== undefined
    ? err(invalidOption('targetEnv', true, 'no "env" beside it'))
    : ok(undefined);
};

const openDirectory = (
  fds: Fds,
  handle: ProcessHandle | null,
  link: 'root' | 'cwd',
  value: boolean | string | undefined,
): Opened<number | null> => {
  if (value === undefined || value === false) return ok(null);
  const flags = O_PATH | constants.O_DIRECTORY;
  if (handle !== null && value === true) return handle.open(link, flags).map((fd) => fds.keep(fd));
  try {
    return ok(fds.keep(openSync(String(value), flags)));
  } catch (error) {
    return err(namespaceUnavailable(String(value), errnoOf(error)));
  }
};

const UNIFIED = /^0::(\/.*)$/m;

/** Where the unified hierarchy is mounted, by /proc/self/mountinfo: its own mount, or that of the hybrid layout. */
const unifiedMount = (): string | null => {
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    if (after.startsWith('cgroup2 ')) return before.split(' ')[4] ?? null;
  }
  return null;
};

const openCgroup = (fds: Fds, handle: ProcessHandle, backend: string): Opened<number> =>
  handle.read('cgroup').andThen((text): Opened<number> => {
    const path = UNIFIED.exec(text.toString('utf8'))?.[1];
    const mount = unifiedMount();
    if (path === undefined || mount === null) {
      return err(unsupported(backend, '"joinCgroup"', 'the unified cgroup hierarchy, mounted'));
    }
    const file = `${mount}${path === '/' ? '' : path}/cgroup.procs`;
    try {
      return ok(fds.keep(openSync(file, constants.O_WRONLY)));
    } catch (error) {
      return err(namespaceUnavailable(file, errnoOf(error)));
    }
  });

const readEnvironment = (handle: ProcessHandle): Opened<Readonly<Record<string, string>>> =>
  handle.read('environ').map((bytes) => {
    const entries = bytes.toString('utf8').split('\0');
    return Object.fromEntries(
      entries.flatMap((entry) => {
        const equals = entry.indexOf('=');
        return equals > 0 ? [[entry.slice(0, equals), entry.slice(equals + 1)]] : [];
      }),
    );
  });

const readContext = (handle: ProcessHandle, backend: string): Opened<string> => {
  try {
    // The file is there only where selinuxfs is mounted, which is where SELinux is on.
    readFileSync('/sys/fs/selinux/enforce');
  } catch {
    return err(unsupported(backend, '"followContext"', 'SELinux, which this kernel does not run'));
  }
  return handle.read('attr/current').map((bytes) => bytes.toString('utf8').replace(/\0.*$/s, ''));
};

const STATUS_LINES = { uid: /^Uid:\s+\d+\s+(\d+)/m, gid: /^Gid:\s+\d+\s+(\d+)/m } as const;

/** The effective id of a process, as it is called in its own user namespace, or by the caller. */
const followedId = (handle: ProcessHandle, kind: 'uid' | 'gid', inside: boolean): Opened<number> =>
  handle.read('status').andThen((status): Opened<number> => {
    const id = Number(STATUS_LINES[kind].exec(status.toString('latin1'))?.[1] ?? NaN);
    if (!inside) return ok(id);
    return handle.read(`${kind}_map`).andThen((map): Opened<number> => {
      for (const line of map.toString('latin1').split('\n')) {
        const [first = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number);
        if (id >= outside && id < outside + count) return ok(first + id - outside);
      }
      return err(invalidOption(kind, 'follow', `a number: ${id} of process ${handle.pid} is not mapped inside`));
    });
  });

const planId = (
  value: EnterSpec['uid'],
  kind: 'uid' | 'gid',
  handle: ProcessHandle | null,
  { entersUser, becomesRoot }: { readonly entersUser: boolean; readonly becomesRoot: boolean },
): Opened<number | null> => {
  if (value === 'follow') return handle === null ? ok(null) : followedId(handle, kind, entersUser);
  return ok(value ?? (becomesRoot ? 0 : null));
};

/** Whether groups cannot be dropped in the user namespace of a process, which every process there has kept then. */
const deniesSetgroups = (reader: KernelReader, handle: ProcessHandle | null): boolean =>
  handle !== null && reader.readFiles([handle.path('setgroups')], DENY.length)[0]?.equals(DENY) === true;

const openJoins = (
  fds: Fds,
  handle: ProcessHandle | null,
  { handles }: Targets,
  types: EnterSpec['types'],
  reader: KernelReader,
): Opened<readonly JoinPlan[]> => {
  const joins = new Map<NamespaceType, number>(handles.map(({ type, fd }) => [type, fd]));
  if (handle !== null) {
    const wanted = (types ?? NAMESPACE_TYPES).filter((type) => !joins.has(type));
    const opened = handle.openNamespaces(reader, wanted, types === undefined);
    if (opened.isErr()) return err(opened.error);
    for (const { type, fd } of opened.value) joins.set(type, fds.keep(fd));
  }
  return ok(
    NAMESPACE_TYPES.flatMap((type) => {
      const fd = joins.get(type);
      return fd === undefined ? [] : [{ type, fd }];
    }),
  );
};

const openAll = (
  fds: Fds,
  handle: ProcessHandle | null,
  targets: Targets,
  spec: EnterSpec,
  backend: Pick<Backend, 'name' | 'reader'>,
): Opened<Entry> => {
  const { name } = backend;
  const reader = readerOf(backend);
  const asked = <T>(wanted: boolean | undefined, open: (handle: ProcessHandle) => Opened<T>): Opened<T | null> =>
    wanted === true && handle !== null ? open(handle) : ok(null);
  const { userParent, preserveCredentials } = spec;
  return openJoins(fds, handle, targets, spec.types, reader).andThen((joins) => {
    const user = joins.find(({ type }) => type === 'user');
    const owned = user ?? joins[0];
    if (userParent === true && owned === undefined) {
      return err(invalidOption('userParent', true, 'a namespace to enter with it'));
    }
    const entersUser = user !== undefined || userParent === true;
    const ways = { entersUser, becomesRoot: entersUser && preserveCredentials !== true };
    const ids = planId(spec.uid, 'uid', handle, ways).andThen((uid) =>
      planId(spec.gid, 'gid', handle, ways).map((gid) => ({ uid, gid })),
    );
    return openDirectory(fds, handle, 'root', spec.targetRoot).andThen((root) =>
      openDirectory(fds, handle, 'cwd', spec.targetCwd).andThen((workingDirectory) =>
        asked(spec.joinCgroup, (process) => openCgroup(fds, process, name)).andThen((cgroupProcs) =>
          asked(spec.followContext, (process) => readContext(process, name)).andThen((securityContext) =>
            asked(spec.targetEnv, readEnvironment).andThen((env) =>
              ids.map(({ uid, gid }): Entry => {
                const userParentOf = userParent === true ? (owned?.fd ?? null) : null;
                const plan: EnterPlan = {
                  joins: userParent === true ? joins.filter(({ type }) => type !== 'user') : joins,
                  noFork: spec.noFork === true && joins.some(({ type }) => type === 'pid'),
                  userParentOf,
                  root,
                  workingDirectory,
                  cgroupProcs,
                  securityContext,
                  uid,
                  gid,
                  dropGroups: gid !== null && !(user !== undefined && deniesSetgroups(reader, handle)),
                };
                return { plan, env, close: fds.close };
              }),
            ),
          ),
        ),
      ),
    );
  });
};

/**
 * Opens everything that it takes to enter a target, through one hold on its process.
 *
 * @returns what was opened, to be closed when the command runs; after an error nothing is open
 */
export const openEntry = (
  target: EnterTarget | readonly EnterTarget[],
  spec: EnterSpec,
  backend: Pick<Backend, 'name' | 'reader'>,
): Opened<Entry> =>
  sortTargets(target).andThen(
    (targets): Opened<Entry> =>
      checkSpec(spec, targets).andThen((): Opened<Entry> => {
        const fds = new Fds();
        const { process } = targets;
        const given = process === null || process instanceof ProcessHandle;
        const held: Opened<ProcessHandle | null> = given ? ok(process) : openProcess(process, spec);
        const opened = held.andThen((handle) => openAll(fds, handle, targets, spec, backend));
        if (held.isOk() && !given) held.value?.close();
        if (opened.isErr()) fds.close();
        return opened;
      }),
  );
