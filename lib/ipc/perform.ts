import { closeSync, readlinkSync } from 'node:fs';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import type { Backend, IpcRun } from '../backend.ts';
import type { EnterTarget } from '../enter-spec.ts';
import { ERRNO } from '../errno.ts';
import { type EnterError, type ExitLost, type IpcFailed, invalidOption, ipcFailed, unsupported } from '../errors.ts';
import { readerOf } from '../inspect/file-reader.ts';
import type { IpcAnswer, IpcRequest } from '../ipc.ts';
import { NamespaceHandle } from '../namespace-handle.ts';
import { openBackend } from '../open.ts';
import { plainPlan } from '../plain-plan.ts';
import { type Entry, openEntry } from '../plan-enter.ts';
import { openProcess, ProcessHandle, type ProcessTarget } from '../process-handle.ts';
import type { BackendChoice } from '../spec.ts';
import { watchStop } from '../stop.ts';

/** What may come of an IPC call. */
export type IpcError = EnterError | ExitLost | IpcFailed;

/** When a call gives up. */
export interface StopSpec {
  /** Gives up after so many milliseconds. */
  readonly timeoutMs?: number;
  /** Gives up when aborted. */
  readonly signal?: AbortSignal;
}

interface PerformSpec extends StopSpec {
  readonly backend?: BackendChoice;
}

/** What the objects belong to: an ipc namespace, or a mount namespace as the target sees it from its root directory. */
export type Home = 'ipc' | 'mnt';

const LONGEST_TIMEOUT_MS = 0x7fffffff;
const SIGKILL = 9;

/** Whether a process of the caller's own mount namespace has another root directory than the caller. */
const hasOtherRoot = (handle: ProcessHandle): boolean => {
  try {
    return readlinkSync(handle.path('root')) !== '/';
  } catch {
    // Why it cannot be looked at will be said when it is opened.
    return true;
  }
};

/** Opens the target, and the user namespace that gives the right to it; null: the calling thread is there already. */
const openTarget = (target: readonly EnterTarget[], home: Home, backend: Backend): Result<Entry | null, EnterError> => {
  if (target.length === 0) return ok(null);
  const process = target.find((one): one is ProcessTarget | ProcessHandle => !(one instanceof NamespaceHandle));
  if (process === undefined) return openEntry(target, {}, backend);
  const handles = target.filter((one) => one !== process);
  const given = process instanceof ProcessHandle;
  const held: Result<ProcessHandle, EnterError> = given ? ok(process) : openProcess(process);
  return held.andThen((handle) => {
    const joins = handle.openNamespaces(readerOf(backend), [home, 'user'], true);
    const entry = joins.andThen((opened): Result<Entry | null, EnterError> => {
      for (const { fd } of opened) closeSync(fd);
      const foreign = opened.map(({ type }) => type);
      const isForeign = foreign.includes(home);
      const targetRoot = home === 'mnt' && (isForeign || hasOtherRoot(handle));
      // Who is in the same namespace needs no other rights than it has.
      if (!isForeign && !targetRoot && handles.length === 0) return ok(null);
      const stoodFor = handles.flatMap((one) => (one instanceof NamespaceHandle ? [one.type] : []));
      const types = [home, 'user' as const].filter((type) => foreign.includes(type) && !stoodFor.includes(type));
      return openEntry([handle, ...handles], { types, targetRoot }, backend);
    });
    if (!given) handle.close();
    return entry;
  });
};

/** Everything that comes through the child's stdout. */
const collect = (out: NodeJS.ReadableStream): Promise<Buffer> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = [];
    out.on('data', (chunk: Buffer) => chunks.push(chunk));
    const done = (): void => resolve(Buffer.concat(chunks));
    out.on('error', done);
    out.on('close', done);
  });

const follow = async (
  { launched, decode }: IpcRun,
  stop: StopSpec,
  close: () => void,
): Promise<Result<readonly IpcAnswer[], IpcError>> => {
  const watch = watchStop(stop);
  // That it has ended meanwhile is no error.
  watch.onStop(() => launched.kill(SIGKILL).unwrapOr(undefined));
  const started = await launched.started;
  close();
  const out = launched.stdio[1] as NodeJS.ReadableStream | null | undefined;
  const bytes = started.isOk() && out ? await collect(out) : Buffer.alloc(0);
  const exit = started.isOk() ? await launched.exit : null;
  watch.release();
  const stopped = watch.stopped(exit?.unwrapOr(null) ?? null);
  if (stopped !== null) return err(stopped);
  if (started.isErr()) return err(started.error);
  if (exit?.isErr() === true) return err(exit.error);
  const answers = decode(bytes);
  return answers === null ? err(ipcFailed('the process that was to do it ended early', ERRNO.EIO)) : ok(answers);
};

const perform = async (
  target: readonly EnterTarget[],
  home: Home,
  requests: readonly IpcRequest[],
  spec: PerformSpec,
): Promise<Result<readonly IpcAnswer[], IpcError>> => {
  const { timeoutMs, signal } = spec;
  if (timeoutMs !== undefined && !(timeoutMs > 0 && timeoutMs <= LONGEST_TIMEOUT_MS)) {
    return err(invalidOption('timeoutMs', timeoutMs, `more than 0 and at most ${LONGEST_TIMEOUT_MS}`));
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    return err(invalidOption('signal', signal, 'an AbortSignal'));
  }
  const opened = openBackend(spec.backend);
  if (opened.isErr()) return err(opened.error);
  const { backend } = opened.value;
  const entered = openTarget(target, home, backend);
  if (entered.isErr()) return err(entered.error);
  const entry = entered.value;
  const close = (): void => entry?.close();
  const plan = {
    ...plainPlan('ns-ipc', []),
    enter: entry?.plan ?? null,
    stdio: [{ type: 'ignore' }, { type: 'pipe' }, { type: 'ignore' }] as const,
  };
  const run: Result<IpcRun, IpcError> =
    backend.ipc?.(plan, requests) ?? err(unsupported(backend.name, 'IPC', 'a backend that can do it'));
  if (run.isErr()) {
    close();
    return err(run.error);
  }
  return follow(run.value, spec, close);
};

/** Does requests where the objects of a target are at home, by a process that enters it and ends. */
export const performIpc = (
  target: readonly EnterTarget[],
  home: Home,
  requests: readonly IpcRequest[],
  spec: PerformSpec,
): ResultAsync<readonly IpcAnswer[], IpcError> => new ResultAsync(perform(target, home, requests, spec));
