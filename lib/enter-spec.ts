import { err, ok, type Result } from 'neverthrow';
import { type InvalidOption, invalidOption } from './errors.ts';
import { isNamespaceType, NAMESPACE_TYPES, type NamespaceType } from './namespace.ts';
import { NamespaceHandle } from './namespace-handle.ts';
import type { ProcessHandle, ProcessTarget } from './process-handle.ts';
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

/** The targets told apart, once each has been found to be one. */
export interface Targets {
  readonly process: ProcessTarget | ProcessHandle | null;
  readonly handles: readonly NamespaceHandle[];
}

/** Tells processes and namespaces apart; refuses what cannot be entered together. */
export const sortTargets = (target: EnterTarget | readonly EnterTarget[]): Result<Targets, InvalidOption> => {
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

/** Checks all that {@link enter} has beyond a spawn; nothing is opened for it. */
export const checkEnterSpec = (spec: EnterSpec, { process, handles }: Targets): Result<void, InvalidOption> => {
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
