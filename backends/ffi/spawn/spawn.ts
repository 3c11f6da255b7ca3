import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import type { Launched } from '../../../lib/backend.ts';
import { ERRNO } from '../../../lib/errno.ts';
import {
  type ExitLost,
  exitLost,
  type LaunchError,
  type SetupFailed,
  type SignalFailed,
  signalFailed,
} from '../../../lib/errors.ts';
import type { ExitStatus } from '../../../lib/exit.ts';
import type { SpawnPlan } from '../../../lib/plan.ts';
import { SIG } from '../abi/constants.ts';
import type { Host } from '../host.ts';
import { Reaper, type Watched } from '../reaper.ts';
import { childEndOffset } from './child-program.ts';
import type { CompiledSpawn } from './compile.ts';
import { carrierKilled, execError, stepFailed } from './failure.ts';
import { writeIdMaps } from './id-map-writer.ts';
import { launchPlan, openPidfd, sendSignal } from './launch.ts';
import { RECORD_KIND, readStatus, type StatusReport } from './records.ts';
import { readStatusPipe } from './status-pipe.ts';

type Ended = ExitStatus | null;

/** One process of ours, from its clone until it has been reaped. */
class Reaped {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  readonly #host: Host;
  readonly #pidfd: number;
  readonly #watched: Watched;
  #gone = false;

  constructor(host: Host, reaper: Reaper, pid: number, pidfd: number) {
    this.#host = host;
    this.#pidfd = pidfd;
    this.pid = pid;
    let settle: (ended: Ended) => void = () => {};
    this.ended = new Promise((resolve) => {
      settle = resolve;
    });
    this.#watched = reaper.watch(pid, pidfd, (ended) => {
      this.#gone = true;
      settle(ended);
    });
  }

  kill(signal: number): Result<void, SignalFailed> {
    if (this.#gone) return err(signalFailed(this.pid, ERRNO.ESRCH));
    return sendSignal(this.#host, this.pid, this.#pidfd, signal).mapErr((code) => signalFailed(this.pid, code));
  }

  setRef(ref: boolean): void {
    this.#watched.setRef(ref);
  }
}

const reapers = new WeakMap<Host, Reaper>();

const reaperOf = (host: Host): Reaper => {
  const known = reapers.get(host);
  if (known !== undefined) return known;
  const made = new Reaper(host);
  reapers.set(host, made);
  return made;
};

const openStreams = ({ mailbox, int32 }: CompiledSpawn): (Readable | Writable | null)[] =>
  mailbox.pipes.map((pair, fd) => {
    if (pair === null) return null;
    const ours = int32(pair + 4 - childEndOffset(fd));
    return new Socket({ fd: ours, readable: fd !== 0, writable: fd === 0 });
  });

const failureOf = (plan: SpawnPlan, compiled: CompiledSpawn, report: StatusReport, ended: Ended): LaunchError => {
  const { failure, candidates } = report;
  if (failure === null) {
    return carrierKilled(ended?.type === 'killed' ? `was killed by ${ended.signal}` : 'ended');
  }
  const program = failure.kind === RECORD_KIND.carrierFailed ? compiled.carrier : compiled.launch;
  const op = program?.ops[failure.op];
  if (op === undefined) return carrierKilled('sent a report that cannot be read');
  return op.step === 'exec' ? execError(plan, candidates, failure.errno) : stepFailed(op, failure.errno);
};

/** Starts a child and follows it: the verb of this backend. */
export const launch = (host: Host, plan: SpawnPlan): Result<Launched, LaunchError> => {
  const reaper = reaperOf(host);
  reaper.listen();
  const launched = launchPlan(host, plan, false);
  if (launched.isErr()) {
    reaper.unlisten();
    return err(launched.error);
  }
  const { compiled, pid, pidfd } = launched.value;
  const { mailbox, int32 } = compiled;
  const statusFd = int32(mailbox.status);
  const go = mailbox.go === null ? null : int32(mailbox.go + 4);
  const stdio = openStreams(compiled);
  const first = new Reaped(host, reaper, pid, pidfd);
  let current = first;
  /** A signal that came while the process that goes on was not known yet. */
  let pending: number | null = null;
  let mapError: SetupFailed | null = null;
  if (go !== null && plan.idMap !== null) {
    writeIdMaps(pid, go, plan.idMap).mapErr((error) => {
      mapError = error;
      return error;
    });
  }

  const onRecord = (bytes: Buffer): void => {
    const { pid: nested } = readStatus(bytes);
    if (nested === null || current !== first) return;
    current = new Reaped(host, reaper, nested, openPidfd(host, nested));
    // The command may be pid 1, which only SIGKILL reaches.
    if (pending !== null) current.kill(SIG.SIGKILL).unwrapOr(undefined);
  };
  const statusEnded = new Promise<Buffer>((resolve) => {
    readStatusPipe(statusFd, onRecord, resolve);
  });

  const settle = async (): Promise<Result<number, LaunchError>> => {
    const report = readStatus(await statusEnded);
    if (current !== first) await first.ended;
    if (report.ready && report.failure === null) return ok(current.pid);
    const ended = await current.ended;
    for (const stream of stdio) stream?.destroy();
    return err(mapError ?? failureOf(plan, compiled, report, ended));
  };
  const started = new ResultAsync(settle());
  const exit = async (): Promise<Result<ExitStatus, ExitLost>> => {
    if ((await started).isErr()) return err(exitLost(pid));
    const ended = await current.ended;
    return ended === null ? err(exitLost(current.pid)) : ok(ended);
  };
  return ok({
    started,
    exit: new ResultAsync(exit()),
    stdio,
    kill: (signal) => {
      pending = signal;
      return current.kill(signal);
    },
    setRef: (ref) => current.setRef(ref),
  });
};
