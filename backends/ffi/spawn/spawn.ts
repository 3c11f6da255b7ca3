import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import type { Launched } from '../../../lib/backend.ts';
import { ERRNO } from '../../../lib/errno.ts';
import { type ExitLost, exitLost, type LaunchError, type SignalFailed, signalFailed } from '../../../lib/errors.ts';
import { type ExitStatus, exitStatus } from '../../../lib/exit.ts';
import type { SpawnPlan } from '../../../lib/plan.ts';
import { FCNTL, SIG } from '../abi/constants.ts';
import type { Host } from '../host.ts';
import { num, shown, words } from '../program/argument.ts';
import type { OpInfo } from '../program/builder.ts';
import { type Followed, Reaper } from '../reaper.ts';
import { childEndOffset } from './child-program.ts';
import type { CompiledSpawn } from './compile.ts';
import { executed } from './executed.ts';
import { carrierKilled, childFailed, stepFailed } from './failure.ts';
import { helperRunner } from './helper.ts';
import { writeIdMaps } from './id-map-writer.ts';
import { closeFds, launchPlan, openPidfd, sendSignal } from './launch.ts';
import { addResize, addTakeMaster } from './pty-ops.ts';
import { PtyStream } from './pty-stream.ts';
import { RECORD_KIND, readStatus, type StatusReport } from './records.ts';

type Ended = ExitStatus | null;

/** One process of ours, from its clone until it has been reaped. */
class Process {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  readonly #host: Host;
  readonly #pidfd: number;
  #gone = false;

  constructor(host: Host, reaper: Reaper, parts: Omit<Followed, 'onEnd'>) {
    this.#host = host;
    this.#pidfd = parts.pidfd;
    this.pid = parts.pid;
    this.ended = new Promise((resolve) => {
      reaper.follow({
        ...parts,
        onEnd: (ended) => {
          this.#gone = true;
          resolve(ended);
        },
      });
    });
  }

  get isGone(): boolean {
    return this.#gone;
  }

  kill(signal: number): Result<void, SignalFailed> {
    if (this.#gone) return err(signalFailed(this.pid, ERRNO.ESRCH));
    return sendSignal(this.#host, this.pid, this.#pidfd, signal).mapErr((code) => signalFailed(this.pid, code));
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

/** Our ends of the pipes of stdio, and of what init tells; -1 where there is none. */
const ourEnds = ({ mailbox, int32 }: CompiledSpawn): readonly number[] =>
  mailbox.pipes.map((pair, fd) => (pair === null ? -1 : int32(pair + 4 - childEndOffset(fd))));

/** How the command ended, as its init tells; null when init itself was killed. */
const told = (host: Host, fd: number): number | null => {
  let status = 0;
  const read = host
    .runCalls((program) => {
      status = program.int32s(0, 0);
      program.op('read', [num(fd), shown(status, '&status'), num(4)], { onError: 'next' });
      program.op('close', [num(fd)], { onError: 'next' });
    })
    .map((program) => (program.result(0) === 4 ? program.read32(status) : null));
  return read.unwrapOr(null);
};

/** The child's terminal, whose master comes through a socket; null when it did not come, for want of fds. */
const openTerminal = (host: Host, socket: number): PtyStream | null => {
  let at = 0;
  const read = host
    .runCalls((program) => {
      at = addTakeMaster(program, socket);
    })
    .map((program) => (program.result(0) > 0 ? program.read32(at) : -1))
    .unwrapOr(-1);
  if (read < 0) return null;
  const own = host
    .runCalls((program) => program.op('fcntl', [num(read), DUP_CLOEXEC, num(0)], { onError: 'next' }))
    .map((program) => program.result(0))
    .unwrapOr(-1);
  if (own >= 0) return new PtyStream({ read, own });
  closeFds(host, [read]);
  return null;
};

const DUP_CLOEXEC = words(FCNTL.F_DUPFD_CLOEXEC, FCNTL);

const openStreams = (
  fds: readonly number[],
  { stdio }: SpawnPlan,
  terminal: PtyStream | null,
): (Readable | Writable | null)[] =>
  fds.map((fd, index) => {
    if (stdio[index]?.type === 'pty') return terminal;
    return fd < 0 ? null : new Socket({ fd, readable: index !== 0, writable: index === 0 });
  });

const failureOf = (plan: SpawnPlan, compiled: CompiledSpawn, report: StatusReport, ended: Ended): LaunchError => {
  const { failure, candidates } = report;
  if (failure === null) {
    return carrierKilled(ended?.type === 'killed' ? `was killed by ${ended.signal}` : 'ended');
  }
  const program = failure.kind === RECORD_KIND.childFailed ? compiled.child : compiled.launch;
  const op = program.ops[failure.op];
  if (op === undefined) return carrierKilled('sent a report that cannot be read');
  return childFailed(plan, op, failure.errno, candidates);
};

/** What stands for the arrival of a terminal's master: there is no fd left for it. */
const NO_MASTER: OpInfo = { name: 'recvmsg', args: [], options: { step: 'pty', onError: 'next' } };

/** Starts a child and follows it: the verb of this backend. */
export const launch = (host: Host, plan: SpawnPlan): Result<Launched, LaunchError> => {
  const reaper = reaperOf(host);
  reaper.listen();
  const launched = launchPlan(host, plan, false);
  if (launched.isErr()) {
    return err(launched.error);
  }
  const { compiled, pid, pidfd, status, release } = launched.value;
  const { mailbox, int32 } = compiled;
  const statusFd = int32(mailbox.status);
  const go = mailbox.go === null ? null : int32(mailbox.go + 4);
  const all = ourEnds(compiled);
  const ends = all.slice(0, plan.stdio.length);
  const initFd = plan.init ? (all[plan.stdio.length] ?? -1) : -1;
  let terminal: PtyStream | null = null;
  let stdio: readonly (Readable | Writable | null)[] = [];
  /** A signal that came while the process that goes on was not known yet. */
  let pending: number | null = null;
  let bytes: Buffer = Buffer.alloc(0);
  /** What the child's memory says of it, while that could be read. */
  let ready = false;
  let statusEnds: (bytes: Buffer) => void = () => {};
  const statusEnded = new Promise<Buffer>((resolve) => {
    statusEnds = resolve;
  });
  let mapped: ReturnType<typeof writeIdMaps> | null = null;
  const map = (): void => {
    if (go === null || plan.idMap === null || mapped !== null) return;
    mapped = writeIdMaps(
      current.pid,
      go,
      plan.idMap,
      helperRunner((helper) => launch(host, helper)),
    );
  };
  const onStatus = (more: Buffer, ended: boolean): void => {
    bytes = Buffer.concat([bytes, more]);
    const { pids, waiting } = readStatus(bytes);
    for (const nested of pids.slice(before.length)) {
      before.push(current);
      const nestedPidfd = openPidfd(host, nested);
      current = new Process(host, reaper, { pid: nested, pidfd: nestedPidfd, statusFd: -1, onStatus: () => {} });
      reaper.setRef(nested, alive);
      // The command may be pid 1, which only SIGKILL reaches.
      if (pending !== null) current.kill(SIG.SIGKILL).unwrapOr(undefined);
    }
    if (waiting) map();
    if (ended) {
      ready = compiled.isReady();
      release();
      statusEnds(bytes);
    }
    // It may have ended before anybody knew its pid: its signal has come and gone.
    if (current !== first) reaper.look();
  };
  let alive = true;
  const first = new Process(host, reaper, { pid, pidfd, statusFd: status.ended ? -1 : statusFd, onStatus });
  let current = first;
  /** Who went on before. */
  const before: Process[] = [];
  if (status.ended || status.bytes.length > 0) onStatus(status.bytes, status.ended);
  if (plan.owner === null && plan.enter === null) map();

  const settle = async (): Promise<Result<number, LaunchError>> => {
    const report = readStatus(await statusEnded);
    for (const one of before) await one.ended;
    if ((ready || report.ready) && report.failure === null) {
      await executed(host, current.pid, () => current.isGone);
      // Not before somebody can listen: the end of a stream that ended earlier would go unheard.
      if (plan.pty !== null) {
        terminal = openTerminal(host, all[mailbox.socket] ?? -1);
        if (terminal === null) {
          current.kill(SIG.SIGKILL).unwrapOr(undefined);
          closeFds(host, [...ends, initFd]);
          await current.ended;
          return err(stepFailed(NO_MASTER, ERRNO.EMFILE));
        }
      }
      stdio = openStreams(ends, plan, terminal);
      return ok(current.pid);
    }
    closeFds(host, all);
    const ended = await current.ended;
    // A child that came to nothing before it could wait.
    if (go !== null && mapped === null) closeFds(host, [go]);
    const written = await mapped;
    if (written?.isErr()) return err(written.error);
    return err(failureOf(plan, compiled, report, ended));
  };
  const started = new ResultAsync(settle());
  const exit = async (): Promise<Result<ExitStatus, ExitLost>> => {
    if ((await started).isErr()) return err(exitLost(pid));
    const ended = await current.ended;
    const status = initFd < 0 ? null : told(host, initFd);
    if (ended === null) return err(exitLost(current.pid));
    return ok(status === null ? ended : exitStatus(status, ended.usage));
  };
  return ok({
    started,
    exit: new ResultAsync(exit()),
    get stdio() {
      return stdio;
    },
    ...(plan.pty === null
      ? {}
      : {
          resize: ({ columns, rows }) => {
            const fd = terminal?.fd ?? null;
            if (fd === null) return err(ERRNO.EIO);
            return host
              .runCalls((program) => addResize(program, fd, columns, rows))
              .andThen((program) => (program.result(0) < 0 ? err(-program.result(0)) : ok(undefined)));
          },
        }),
    kill: (signal) => {
      pending = signal;
      return current.kill(signal);
    },
    setRef: (ref) => {
      alive = ref;
      reaper.setRef(current.pid, ref);
    },
  });
};
