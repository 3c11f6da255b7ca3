import { err, errAsync, ok, type Result, ResultAsync } from 'neverthrow';
import type { Backend, Launched } from './backend.ts';
import { Child } from './child.ts';
import { diagnosed } from './diagnosed.ts';
import { type InvalidOption, invalidOption, type SpawnError } from './errors.ts';
import { openBackend } from './open.ts';
import type { SpawnPlan } from './plan.ts';
import { planSpawn } from './plan-spawn.ts';
import { signalNumber } from './signal.ts';
import type { SpawnSpec } from './spec.ts';
import { type StopWatch, watchStop } from './stop.ts';

/** The longest delay of a Node.js timer, milliseconds. */
const LONGEST_TIMEOUT_MS = 0x7fffffff;

const checkVerbOptions = (spec: SpawnSpec): Result<void, InvalidOption> => {
  const { timeoutMs, killSignal, signal, stdin } = spec;
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= LONGEST_TIMEOUT_MS)) {
    return err(invalidOption('timeoutMs', timeoutMs, `more than 0 and at most ${LONGEST_TIMEOUT_MS}`));
  }
  if (killSignal !== undefined && signalNumber(killSignal) === undefined) {
    return err(invalidOption('killSignal', killSignal, 'the name of a signal'));
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    return err(invalidOption('signal', signal, 'an AbortSignal'));
  }
  if (stdin !== undefined && typeof stdin !== 'string' && !(stdin instanceof Uint8Array)) {
    return err(invalidOption('stdin', stdin, 'a string or a Uint8Array'));
  }
  return ok(undefined);
};

/** A spec that has been checked, and who is to carry it out. */
export interface Prepared {
  readonly backend: Backend;
  readonly plan: SpawnPlan;
}

/** Checks everything that a spec says and opens its backend; nothing is created. */
export const prepareSpawn = (command: string, args: readonly string[], spec: SpawnSpec): Result<Prepared, SpawnError> =>
  planSpawn(command, args, spec)
    .andThen((plan) => checkVerbOptions(spec).map(() => plan))
    .andThen((plan) =>
      spec.stdin !== undefined && plan.stdio[0]?.type !== 'pipe'
        ? err(invalidOption('stdin', spec.stdin, '"pipe" as stdio[0] with it'))
        : ok(plan),
    )
    .andThen((plan) => openBackend(spec.backend).map(({ backend }) => ({ backend, plan })));

const feed = (launched: Launched, input: string | Uint8Array): void => {
  const [stdin] = launched.stdio;
  if (stdin === null || stdin === undefined || !('end' in stdin)) return;
  // A command need not read all of its input: EPIPE is its business, not an error of ours.
  stdin.on('error', () => stdin.destroy());
  stdin.end(input);
};

const explained = async (error: SpawnError, { namespaces }: SpawnPlan): Promise<SpawnError> =>
  error.type === 'setup-failed' ? diagnosed(error, namespaces) : error;

const follow = async (
  launched: Launched,
  watch: StopWatch,
  { backend, plan }: Prepared,
  { stdin, killSignal = 'SIGKILL' }: SpawnSpec,
): Promise<Result<Child, SpawnError>> => {
  let running = false;
  watch.onStop(() => {
    // A half-made child may be pid 1, which only SIGKILL reaches. That it ended meanwhile is no error.
    const number = running ? signalNumber(killSignal) : signalNumber('SIGKILL');
    launched.kill(number ?? 0).unwrapOr(undefined);
  });
  const started = await launched.started;
  const stopped = watch.stopped(null);
  if (started.isErr()) {
    watch.release();
    return err(stopped ?? (await explained(started.error, plan)));
  }
  running = true;
  if (stdin !== undefined) feed(launched, stdin);
  const child = new Child({ pid: started.value, backend: backend.name, launched, watch, killSignal });
  if (stopped === null) return ok(child);
  const exit = await child.exit;
  for (const stream of child.stdio) stream?.destroy();
  return err(exit.isErr() && exit.error.type !== 'exit-lost' ? exit.error : stopped);
};

/** Starts what has been checked, and stops it when the spec says so. */
export const startPrepared = (
  prepared: Prepared,
  spec: Pick<SpawnSpec, 'timeoutMs' | 'signal' | 'killSignal'>,
): ResultAsync<Child, SpawnError> => {
  const { backend, plan } = prepared;
  const watch = watchStop(spec);
  const before = watch.stopped(null);
  const launched = before === null ? backend.launch(plan) : err(before);
  if (launched.isErr()) {
    watch.release();
    return new ResultAsync(explained(launched.error, plan).then((error) => err(error)));
  }
  return new ResultAsync(follow(launched.value, watch, prepared, spec));
};

/**
 * Starts a command, in new namespaces or not.
 *
 * @remarks Works from any thread; the calling thread's own namespaces never change. Making namespaces other than `user`
 * takes CAP_SYS_ADMIN, or `user` in the same call. Returns once the caller may go on; the child is set up in the background.
 * @param command - a path, or a name that is searched in PATH inside the child
 * @param args - its arguments, without argv[0]
 * @param spec - what it is to be given
 * @returns the running child once its execve has succeeded; or `invalid-option` (nothing was created), `setup-failed` with
 * step, system call and errno, `exec-failed` (ENOENT, EACCES, ENOEXEC, E2BIG), `unsupported`, `backend-unavailable`,
 * `timed-out`, `aborted`. After an error nothing of the child is left
 * @example
 * ```ts
 * const child = await spawn('sh', ['-c', 'hostname; echo $$'], {
 *   namespaces: ['user', 'uts', 'pid', 'mnt'],
 *   mapRootUser: true,
 *   hostname: 'matrix',
 *   mountProc: true,
 *   stdio: 'inherit',
 * });
 * if (child.isErr()) console.error(child.error.message);
 * ```
 * @see clone(2), namespaces(7), unshare(1)
 */
export const spawn = (
  command: string,
  args: readonly string[] = [],
  spec: SpawnSpec = {},
): ResultAsync<Child, SpawnError> => {
  const prepared = prepareSpawn(command, args, spec);
  if (prepared.isErr()) return errAsync(prepared.error);
  return startPrepared(prepared.value, spec);
};
