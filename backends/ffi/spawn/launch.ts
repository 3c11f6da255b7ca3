import { isMainThread } from 'node:worker_threads';
import { err, ok, type Result } from 'neverthrow';
import { ERRNO } from '../../../lib/errno.ts';
import { execFailed, type LaunchError } from '../../../lib/errors.ts';
import type { SpawnPlan } from '../../../lib/plan.ts';
import { giveUpWay, isConclusive, mayHostBeside, type Way, wayFor } from '../carrier/vehicles.ts';
import type { Host } from '../host.ts';
import { NULL, num } from '../program/argument.ts';
import type { OpInfo } from '../program/builder.ts';
import { HEADER, RECORD } from '../program/layout.ts';
import { clonesIntoCgroup } from './cgroup-ops.ts';
import type { CompiledSpawn } from './compile.ts';
import { CompiledCache } from './compiled-cache.ts';
import { frozenEnv } from './environment.ts';
import { stepFailed } from './failure.ts';
import { mountApiFor, refuseByPath } from './mount-api.ts';
import { type StatusPart, takeStatus } from './status-pipe.ts';
import { hostsFor, refuseStraight } from './straight.ts';
import { entersTimeOnExec } from './time-on-exec.ts';

/** A launch that has run: there is a child. Its memory is valid until the next program runs. */
export interface Launch {
  readonly compiled: CompiledSpawn;
  readonly pid: number;
  readonly pidfd: number;
  /** What the status pipe has said already; its end is closed when it has ended. */
  readonly status: StatusPart;
  readonly way: Way;
  /** To be called once, when the child has become the command or nothing. */
  readonly release: () => void;
}

/** More than the kernel takes of argv and environment together, whatever the limits: 3/4 of _STK_LIM. */
const MOST_STRING_BYTES = 6 * 1_024 * 1_024;

const stringBytes = ({ argv, env }: SpawnPlan): number => {
  let bytes = 0;
  for (const text of argv) bytes += text.length + 9;
  for (const text of env ?? []) bytes += text.length + 9;
  return bytes;
};

/** What stands for the mapping of memory for programs, which is no op of any. */
const NO_MEMORY: OpInfo = { name: 'mmap', args: [], options: { step: 'prepare', onError: 'next' } };

/** How clone is called here: clone3(2) until it has been found missing or forbidden. */
let clone3Works = true;
/** Whether a child may be cloned to run beside Node. */
let besideWorks = true;

interface Attempt {
  readonly compiled: CompiledSpawn;
  readonly release: () => void;
  /** The op that failed, in Node or in the child before its carrier ran; null when none did. */
  readonly failed: { readonly op: OpInfo; readonly index: number; readonly errno: number } | null;
  readonly cloned: number;
}

const caches = new WeakMap<Host, CompiledCache>();

const cacheOf = (host: Host): CompiledCache => {
  const known = caches.get(host);
  if (known !== undefined) return known;
  const made = new CompiledCache(host);
  caches.set(host, made);
  return made;
};

const attempt = (
  host: Host,
  plan: SpawnPlan,
  way: Way,
  { clone3, intoCgroup }: { readonly clone3: boolean; readonly intoCgroup: boolean },
  measured: boolean,
): Result<Attempt, number> => {
  const mountApi = mountApiFor(host, plan);
  const vehicle = way.make();
  const strays = host.strays();
  const manner = {
    host: way.host,
    vehicle,
    clone3,
    intoCgroup,
    mountApi,
    strays,
    environ: host.environ,
    signals: isMainThread,
    measured,
  };
  return cacheOf(host)
    .compile(plan, manner)
    .map(({ compiled, release }) => {
      const { launch, slots } = compiled;
      host.run(launch.base);
      const record = launch.base + HEADER.record;
      const index = launch.read32(record + RECORD.op);
      const op = launch.ops[index];
      const failed = op === undefined ? null : { op, index, errno: launch.read64(record + RECORD.errno) };
      // Until the clone is reached its result reads as -1, which only together with a failed op means an error.
      return { compiled, release, failed, cloned: launch.result(slots.clone) };
    });
};

/** Takes away what a launch left whose child is of no use: our fds, and the child, which has ended by itself. */
const discard = (host: Host, { compiled, cloned }: Attempt): void => {
  const { mailbox, int32, slots } = compiled;
  const fds = [mailbox.status, slots.pidfd].map(int32);
  for (const [fd, pair] of mailbox.pipes.entries()) if (pair !== null) fds.push(int32(pair + (fd === 0 ? 4 : 0)));
  if (mailbox.go !== null) fds.push(int32(mailbox.go + 4));
  const quiet = { onError: 'next' } as const;
  host
    .runCalls((program) => {
      for (const fd of fds) program.op('close', [num(fd)], quiet);
      program.op('wait4', [num(cloned), NULL, num(0), NULL], quiet);
    })
    .unwrapOr(undefined);
};

const CLONE3_REFUSALS: readonly number[] = [ERRNO.ENOSYS, ERRNO.EPERM];
/** What it says of the cgroup, or before Linux 5.7 of the flag. */
const INTO_CGROUP_REFUSALS: readonly number[] = [
  ERRNO.EACCES,
  ERRNO.EBUSY,
  ERRNO.ENOTSUP,
  ERRNO.ENODEV,
  ERRNO.EBADF,
  ERRNO.EINVAL,
  ERRNO.E2BIG,
  ERRNO.EAGAIN,
];
/** Before Linux 5.5 it did not know CLONE_CLEAR_SIGHAND, which only the straight way asks for. */
const STRAIGHT_CLONE3_REFUSALS: readonly number[] = [...CLONE3_REFUSALS, ERRNO.EINVAL];

/**
 * Starts a child in the best way that works here. A way that fails for a reason of the machine is never tried again; what
 * works costs one FFI call.
 */
export const launchPlan = (host: Host, plan: SpawnPlan, measured: boolean): Result<Launch, LaunchError> => {
  if (stringBytes(plan) > MOST_STRING_BYTES) return err(execFailed(plan.command, ERRNO.E2BIG));
  const byPath = mountApiFor(host, plan) === 'path' ? refuseByPath(plan) : null;
  if (byPath !== null) return err(byPath);
  const hosts = hostsFor(plan);
  let beside =
    hosts.includes('beside') &&
    mayHostBeside() &&
    besideWorks &&
    host.mayShare() &&
    // Else a time namespace takes a clone with memory of its own.
    (!plan.namespaces.includes('time') || entersTimeOnExec(host));
  const frozen = beside && plan.env === null && !measured ? frozenEnv() : plan.env;
  if (frozen === null && !measured) beside = false;
  let besideRefused = false;
  let clone3 = clone3Works;
  let intoCgroup = true;
  let busy = 0;
  for (;;) {
    const way = wayFor(beside ? hosts : hosts.filter((kind) => kind !== 'beside'));
    if (way === undefined) throw new TypeError('There is always a way left');
    const refusal = way.host === 'straight' ? refuseStraight(plan) : null;
    if (refusal !== null) return err(refusal);
    const tried = attempt(
      host,
      way.host === 'beside' ? { ...plan, env: frozen } : plan,
      way,
      { clone3, intoCgroup },
      measured,
    );
    if (tried.isErr()) return err(stepFailed(NO_MEMORY, tried.error));
    const { compiled, release, failed, cloned } = tried.value;
    // Only a child beside Node reads its memory when the launch is done.
    const isRead = way.host === 'beside' && failed === null && !measured;
    if (!isRead) release();
    const { slots, int32 } = compiled;
    const inNode = failed !== null && failed.index <= slots.clone;
    const inClone = failed !== null && failed.index === slots.clone;
    if (inClone && clone3 && intoCgroup && clonesIntoCgroup(plan) && INTO_CGROUP_REFUSALS.includes(failed.errno)) {
      // Where the kernel cannot, or will not, the child finds out by itself, and tells that it was the cgroup.
      intoCgroup = false;
      continue;
    }
    const refusals = way.host === 'carrier' ? CLONE3_REFUSALS : STRAIGHT_CLONE3_REFUSALS;
    if (inClone && way.host === 'beside' && refusals.includes(failed.errno)) {
      // Without CLONE_CLEAR_SIGHAND a handler of Node's could run in the child; or it is something else that is refused.
      beside = false;
      besideRefused = true;
      continue;
    }
    if (failed !== null && inNode && failed.index === slots.clone && clone3 && refusals.includes(failed.errno)) {
      clone3 = false;
      continue;
    }
    if (failed !== null && failed.op.options.step === 'carrier' && !measured) {
      if (!inNode) discard(host, tried.value);
      // Another thread's child may still hold the file open for writing, for the moment that its execve takes.
      const textBusy = failed.errno === ERRNO.ETXTBSY && busy < 10;
      if (textBusy) busy += 1;
      if (textBusy || (isConclusive(failed.errno) && giveUpWay(way))) continue;
      if (failed.errno === ERRNO.E2BIG) return err(execFailed(plan.command, ERRNO.E2BIG));
      return err(stepFailed(failed.op, failed.errno));
    }
    if (failed !== null && inNode) return err(stepFailed(failed.op, failed.errno));
    if (!clone3) clone3Works = false;
    if (besideRefused) besideWorks = false;
    const status = takeStatus(compiled.launch, slots.status);
    return ok({
      ...{ compiled, pid: cloned, pidfd: int32(slots.pidfd), status, way },
      release: isRead ? release : () => {},
    });
  }
};

/** Sends a signal through a pidfd where there is one. */
export const sendSignal = (host: Host, pid: number, pidfd: number, signal: number): Result<void, number> =>
  host
    .runCalls((program) => {
      if (pidfd >= 0) program.op('pidfd_send_signal', [num(pidfd), num(signal), NULL, num(0)], { onError: 'next' });
      else program.op('kill', [num(pid), num(signal)], { onError: 'next' });
    })
    .andThen((program) => (program.result(0) < 0 ? err(-program.result(0)) : ok(undefined)));

/** A pidfd of a child that has not been waited for yet; -1 where there are none. */
export const openPidfd = (host: Host, pid: number): number =>
  host
    .runCalls((program) => program.op('pidfd_open', [num(pid), num(0)], { onError: 'next' }))
    .map((program) => Math.max(program.result(0), -1))
    .unwrapOr(-1);

/** Closes fds that no stream has taken over. */
export const closeFds = (host: Host, fds: readonly number[]): void => {
  const open = fds.filter((fd) => fd >= 0);
  if (open.length === 0) return;
  host
    .runCalls((program) => {
      for (const fd of open) program.op('close', [num(fd)], { onError: 'next' });
    })
    .unwrapOr(undefined);
};
