import { err, errAsync, ok, type Result, ResultAsync } from 'neverthrow';
import type { Child } from './child.ts';
import type { EnterSpec, EnterTarget } from './enter-spec.ts';
import { type EnterError, type InvalidOption, invalidOption } from './errors.ts';
import type { FullIdRange } from './id-map.ts';
import type { CredentialsPlan, EnterPlan, SpawnPlan } from './plan.ts';
import { type Entry, openEntry } from './plan-enter.ts';
import { type Prepared, prepareSpawn, startPrepared } from './spawn.ts';
import type { SpawnSpec } from './spec.ts';

/** A target that has been opened, and the spawn that will enter it. */
interface PreparedEntry {
  readonly prepared: Prepared;
  readonly entry: Entry;
}

const entersUser = ({ userParentOf, joins }: EnterPlan): boolean =>
  userParentOf !== null || joins.some(({ type }) => type === 'user');

/** Lines of the caller's own id, as it is called where they are written. */
const renamed = (lines: readonly FullIdRange[], outside: number): readonly FullIdRange[] =>
  lines.map((line) => ({ ...line, outside }));

/** A new user namespace beside what is entered: who makes it is known inside of an entered one by its ids there. */
const planUserInside = (
  plan: SpawnPlan,
  enter: EnterPlan,
  { preserveCredentials, uidMap, gidMap }: EnterSpec,
): Result<SpawnPlan, InvalidOption> => {
  if (plan.owner !== null) return err(invalidOption('owner', plan.owner, 'nothing that is entered with it'));
  const { idMap } = plan;
  if (!entersUser(enter) || idMap === null) return ok({ ...plan, enter });
  const { uid, gid } = enter;
  if (uid === null || gid === null) {
    const wanted = 'no id maps of a new user namespace beside it, in an entered one';
    return err(invalidOption('preserveCredentials', preserveCredentials, wanted));
  }
  if (idMap.writer !== 'self') {
    const [option, value] = uidMap === undefined ? ['gidMap', gidMap] : ['uidMap', uidMap];
    return err(invalidOption(option, value, 'one line of the own id, beside an entered user namespace'));
  }
  return ok({
    ...plan,
    enter,
    idMap: { ...idMap, uid: renamed(idMap.uid, uid), gid: renamed(idMap.gid, gid) },
  });
};

const NO_CREDENTIALS: CredentialsPlan = {
  uid: null,
  gid: null,
  groups: null,
  bounding: null,
  inheritable: null,
  ambient: null,
  keepCaps: false,
  noNewPrivs: false,
  securebits: null,
  permitted: null,
  inherited: [],
};

/** The ids that are taken on inside are one thing with the other credentials, where there are any. */
const planEntry = (plan: SpawnPlan, { plan: enter }: Entry, spec: EnterSpec): Result<SpawnPlan, InvalidOption> => {
  if (plan.namespaces.includes('user')) return planUserInside(plan, enter, spec);
  const { groups, keepCaps } = spec;
  if (keepCaps === true && !entersUser(enter)) {
    return err(invalidOption('keepCaps', true, 'a user namespace that is entered with it'));
  }
  const credentials = plan.credentials ?? (keepCaps === true ? NO_CREDENTIALS : null);
  if (credentials === null) return ok({ ...plan, enter });
  const { uid, gid } = enter;
  const dropGroups = enter.dropGroups && groups === undefined;
  // Whether a user namespace that no process is known of lets groups be dropped, only trying tells.
  const triesGroups = dropGroups && enter.userParentOf !== null;
  return ok({
    ...plan,
    enter: { ...enter, uid: null, gid: null, dropGroups: triesGroups },
    credentials: {
      ...credentials,
      uid,
      gid,
      groups: dropGroups && !triesGroups ? [] : credentials.groups,
      keepCaps: keepCaps === true,
      ...(entersUser(enter) ? { permitted: null, inherited: [] } : {}),
    },
  });
};

const prepareEnter = (
  target: EnterTarget | readonly EnterTarget[],
  command: string,
  args: readonly string[],
  spec: EnterSpec,
): Result<PreparedEntry, EnterError> => {
  if (typeof spec !== 'object' || spec === null) return err(invalidOption('spec', spec, 'an object'));
  const { uid, gid, keepCaps, ...rest } = spec;
  if (keepCaps !== undefined && typeof keepCaps !== 'boolean') {
    return err(invalidOption('keepCaps', keepCaps, 'true or false'));
  }
  // In a new user namespace they are checked, and taken on, as for any spawn.
  const inside = Array.isArray(spec.namespaces) && spec.namespaces.includes('user');
  for (const [option, value] of Object.entries({ uid, gid })) {
    if (inside && value === 'follow') return err(invalidOption(option, value, 'a number, beside a new user namespace'));
  }
  const own = inside ? { uid, gid, keepCaps } : {};
  const spawned: SpawnSpec = {
    ...rest,
    ...Object.fromEntries(Object.entries(own).filter(([, one]) => one !== undefined)),
  };
  const entered: EnterSpec = inside ? rest : spec;
  // What can be found wrong without the target is found first.
  return prepareSpawn(command, args, spawned).andThen((first) =>
    openEntry(target, entered, first.backend).andThen((entry) => {
      const { backend } = first;
      const { env } = entry;
      const prepared: Result<Prepared, EnterError> =
        env === null ? ok(first) : prepareSpawn(command, args, { ...spawned, env });
      const planned = prepared.andThen(({ plan }): Result<SpawnPlan, EnterError> => planEntry(plan, entry, spec));
      if (planned.isErr()) entry.close();
      return planned.map((plan) => ({ entry, prepared: { backend, plan } }));
    }),
  );
};

/**
 * Starts a command in namespaces that exist: those of a process, or single ones.
 *
 * @remarks Works from any thread; the calling thread's own namespaces never change: it is the child that moves. Entering
 * takes CAP_SYS_ADMIN in the user namespaces that own the target's (and CAP_SYS_CHROOT for `mnt`), or that the target's user
 * namespace be entered with them; opening them takes the permission to ptrace(2) the target. A target process is held on to
 * while its files are opened, so that one that ends meanwhile is `process-gone`, and never somebody else. `user` is
 * entered where permissions want it: after the others where they allow, before them where they do not. Namespaces of the
 * spec are made after all have been joined: a new `pid` is below a joined one, a new `user` below a joined one or the caller's,
 * and owns what is made with it. `uid` and `gid` are ids in the innermost user namespace; a new one in a joined one is made as
 * uid and gid 0 there, and can map these alone. A new `pid` or `time` in a joined `pid` takes the ffi backend.
 * @param target - a process id, a Child, `{ pidfd }`, a ProcessHandle, a NamespaceHandle, or a list of them with one process
 * @param command - a path, or a name that is searched in PATH inside the child
 * @param args - its arguments, without argv[0]
 * @param spec - what it is to be given, and what of the target
 * @returns the running child once its execve has succeeded; or what {@link spawn} says, `process-gone`,
 * `namespace-unavailable`. After an error nothing of the child is left
 * @example
 * ```ts
 * const zion = { namespaces: ['user', 'uts'], mapRootUser: true, hostname: 'zion', stdio: 'ignore' } as const;
 * const target = await spawn('sleep', ['60'], zion);
 * if (target.isErr()) throw new Error(target.error.message);
 * const child = await enter(target.value, 'uname', ['-n'], { stdio: 'inherit' });
 * if (child.isOk()) await child.value.exit; // zion
 * await target.value[Symbol.asyncDispose]();
 * ```
 * @see setns(2), nsenter(1)
 */
export const enter = (
  target: EnterTarget | readonly EnterTarget[],
  command: string,
  args: readonly string[] = [],
  spec: EnterSpec = {},
): ResultAsync<Child, EnterError> => {
  const opened = prepareEnter(target, command, args, spec);
  if (opened.isErr()) return errAsync(opened.error);
  const { prepared, entry } = opened.value;
  const finish = async (): Promise<Result<Child, EnterError>> => {
    const starting = startPrepared(prepared, spec);
    // Earlier is cheaper: the child still has the same files open.
    if (prepared.backend.launchesLater !== true) entry.close();
    const started = await starting;
    entry.close();
    return started;
  };
  return new ResultAsync(finish());
};

/**
 * Tells what {@link enter} would do, and does none of it: the target is opened, looked at and let go.
 *
 * @param target - as for {@link enter}
 * @param command - a path, or a name that is searched in PATH inside the child
 * @param args - its arguments, without argv[0]
 * @param spec - what it is to be given, and what of the target
 * @returns for the ffi backend the system calls in their order, as strace(1) would print them, launch and carrier; for the
 * shell backend the exact argv. Or what {@link enter} says
 */
export const explainEnter = (
  target: EnterTarget | readonly EnterTarget[],
  command: string,
  args: readonly string[] = [],
  spec: EnterSpec = {},
): Result<string, EnterError> =>
  prepareEnter(target, command, args, spec).andThen(({ prepared: { backend, plan }, entry }) => {
    const text: Result<string, EnterError> = backend.explain(plan);
    entry.close();
    return text;
  });
