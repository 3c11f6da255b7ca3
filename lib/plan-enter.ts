import { closeSync, constants, openSync } from 'node:fs';
import { err, ok, type Result } from 'neverthrow';
import type { Backend } from './backend.ts';
import { checkEnterSpec, type EnterSpec, type EnterTarget, sortTargets, type Targets } from './enter-spec.ts';
import { type EnterError, invalidOption, namespaceUnavailable } from './errors.ts';
import { readerOf } from './inspect/file-reader.ts';
import type { KernelReader } from './kernel-reader.ts';
import { NAMESPACE_TYPES, type NamespaceType } from './namespace.ts';
import type { EnterPlan, JoinPlan } from './plan.ts';
import { errnoOf, O_PATH, openProcess, ProcessHandle } from './process-handle.ts';
import { cgroupFile, deniesSetgroups, followedId, readContext, readEnvironment } from './target-facts.ts';

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

const openCgroup = (fds: Fds, handle: ProcessHandle, backend: string): Opened<number> =>
  cgroupFile(handle, backend).andThen((file): Opened<number> => {
    try {
      return ok(fds.keep(openSync(file, constants.O_WRONLY)));
    } catch (error) {
      return err(namespaceUnavailable(file, errnoOf(error)));
    }
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
      checkEnterSpec(spec, targets).andThen((): Opened<Entry> => {
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
