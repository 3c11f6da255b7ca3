import { NAMESPACES } from '../../../lib/namespace.ts';
import type { SpawnPlan } from '../../../lib/plan.ts';
import {
  AF_UNIX,
  AT,
  CLOCK,
  CLONE,
  CLONE_ARGS,
  CLONE_CLEAR_SIGHAND,
  CLONE_INTO_CGROUP,
  FCNTL,
  KERNEL_SIGSET_SIZE,
  MEMFD,
  OPEN,
  RUSAGE,
  SEALS,
  SIG,
  SOCK_STREAM_CLOEXEC,
} from '../abi/constants.ts';
import {
  type Argument,
  int32At,
  int64At,
  NULL,
  num,
  renderArgument,
  resultOf,
  shown,
  words,
} from '../program/argument.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';
import { RECORD } from '../program/layout.ts';
import { addKeepCapabilities } from './capability-ops.ts';
import { addCgroupFd, clonesIntoCgroup } from './cgroup-ops.ts';
import { childEndOffset, type Mailbox } from './child-program.ts';
import { enteredArguments, enteredFds } from './enter-ops.ts';
import { addEarlyIdMaps } from './id-map-ops.ts';
import { addOpenParent, parentFd } from './parent-ops.ts';
import type { Placement } from './placement.ts';
import { SETUP_FAILED_CODE } from './records.ts';
import { CLONE_FLAGS } from './set-up-ops.ts';
import { addSignal, addStatusReads, type StatusReads } from './status-pipe.ts';
import { addCloseOthers, givenFds } from './stdio-ops.ts';

/** How the child comes by an executable to become. */
export type Vehicle =
  | { readonly type: 'memfd'; readonly exec: boolean }
  | { readonly type: 'file'; readonly path: string };

/** The carrier's file, as it lies in the launch's memory. */
interface CarrierImage {
  readonly address: number;
  readonly size: number;
}

/** What the launch program is made for. */
export interface LaunchContext {
  readonly plan: SpawnPlan;
  readonly placement: Placement;
  /** The mailbox in the launch's memory. */
  readonly mailbox: Mailbox;
  /** null: the child goes on with its program where that lies, in the caller's memory. */
  readonly carrier: { readonly image: CarrierImage; readonly vehicle: Vehicle } | null;
  /** The header of the child's program. */
  readonly childProgram: number;
  /** The caller waits until the child has executed something, or ended: CLONE_VFORK. */
  readonly suspends: boolean;
  readonly keepCapabilities: boolean;
  /** clone3(2), or clone(2) where there is no clone3 or a filter forbids it. */
  readonly clone3: boolean;
  /** The clone puts the child into its cgroup of the unified hierarchy. */
  readonly intoCgroup: boolean;
  /** Where libc keeps the pointer to the caller's environment; null where process.env is not that. */
  readonly environ: number | null;
  /** Open fds to be made close-on-exec one by one, where close_range(2) cannot. */
  readonly strays: readonly number[] | null;
  /** The status pipe is to send a signal when it has something to say. */
  readonly signals: boolean;
  /** Waits for the child's end and reads the clock: a measurement. */
  readonly measured: boolean;
}

/** Where to find what a launch came to, after it ran. */
export interface LaunchSlots {
  /** The index of the op that clones. */
  readonly clone: number;
  readonly pidfd: number;
  /** The reads of the status pipe; none where the child's set-up may go on when the launch is done. */
  readonly status: StatusReads;
  readonly measurement: Measurement | null;
}

/** Addresses of a measurement's results. */
export interface Measurement {
  /** Three struct timespec: before the clone, after it, after the wait. */
  readonly clock: readonly [number, number, number];
  readonly waitStatus: number;
  readonly rusage: number;
  /** Where the first record stands when it is read apart: that of a nested clone. */
  readonly first: number | null;
  readonly report: number;
  readonly read: number;
}

const STREAM = shown(SOCK_STREAM_CLOEXEC, 'SOCK_STREAM|SOCK_CLOEXEC');

/** The most that a measured child can have to say: a few records and a candidate for each directory in PATH. */
const REPORT_SIZE = 32_768;

const SEAL_ALL = SEALS.F_SEAL_SEAL | SEALS.F_SEAL_SHRINK | SEALS.F_SEAL_GROW | SEALS.F_SEAL_WRITE;

export const addVehicle = (program: ProgramBuilder, image: CarrierImage, vehicle: Vehicle, fail: Label): Argument => {
  const options = { step: 'carrier', onError: fail } as const;
  const content = [shown(image.address, '/* carrier */'), num(image.size)];
  if (vehicle.type === 'memfd') {
    const flags = MEMFD.MFD_CLOEXEC | MEMFD.MFD_ALLOW_SEALING | (vehicle.exec ? MEMFD.MFD_EXEC : 0);
    const name = program.string('ns-carrier');
    const memfd = resultOf(program.op('memfd_create', [name, words(flags, MEMFD)], options), 'memfd');
    program.op('write', [memfd, ...content], options);
    program.op('fcntl', [memfd, words(FCNTL.F_ADD_SEALS, FCNTL), words(SEAL_ALL, SEALS)], options);
    return memfd;
  }
  const { path } = vehicle;
  const name = program.string(path);
  const here = words(AT.AT_FDCWD, AT);
  const discard = program.label();
  const unlink = program.label();
  const create = words(OPEN.O_WRONLY | OPEN.O_CREAT | OPEN.O_EXCL | OPEN.O_CLOEXEC, OPEN);
  const writable = resultOf(
    program.op('openat', [here, name, create, shown(0o700, '0700')], { ...options, path }),
    'file',
  );
  program.op('write', [writable, ...content], { ...options, onError: discard, path });
  // What is open for writing cannot be executed.
  program.op('close', [writable], { onError: 'next' });
  const readOnly = words(OPEN.O_RDONLY | OPEN.O_CLOEXEC, OPEN);
  const file = resultOf(program.op('openat', [here, name, readOnly], { ...options, onError: unlink, path }), 'file');
  const done = program.label();
  program.op('unlinkat', [here, name, num(0)], { ...options, path, onZero: done });
  program.place(discard);
  program.op('close', [writable], { onError: 'next' });
  program.place(unlink);
  program.op('unlinkat', [here, name, num(0)], { onError: fail, onZero: fail, expected: true });
  program.place(done);
  return file;
};

/** What clone is called with. */
interface CloneCall {
  readonly flags: number;
  readonly pidfd: number;
  readonly intoCgroup: boolean;
  /** struct clone_args. */
  readonly args: number;
}

const layOutClone = (program: ProgramBuilder, context: LaunchContext, pidfd: number): CloneCall => {
  const { placement, carrier, clone3, plan, suspends } = context;
  const intoCgroup = clone3 && context.intoCgroup && clonesIntoCgroup(plan);
  let flags = CLONE.CLONE_VM | CLONE.CLONE_PIDFD;
  if (suspends) flags |= CLONE.CLONE_VFORK;
  for (const type of placement.clone) flags |= NAMESPACES[type].cloneFlag;
  const args = Array<number>(CLONE_ARGS.size / 8).fill(0);
  args[CLONE_ARGS.flags / 8] =
    flags + (carrier === null ? CLONE_CLEAR_SIGHAND : 0) + (intoCgroup ? CLONE_INTO_CGROUP : 0);
  args[CLONE_ARGS.pidfd / 8] = pidfd;
  args[CLONE_ARGS.exitSignal / 8] = SIG.SIGCHLD;
  return { flags, pidfd, intoCgroup, args: program.int64s(args) };
};

const addClone = (
  program: ProgramBuilder,
  { placement, clone3, carrier, childProgram }: LaunchContext,
  { flags, pidfd, intoCgroup, args }: CloneCall,
  fail: Label,
  child: Label,
): number => {
  const goesOn = carrier === null ? { childProgram } : { onZero: child };
  const options = { step: 'clone', onError: fail, namespaces: placement.clone, ...goesOn } as const;
  if (!clone3) {
    const named = words(flags | SIG.SIGCHLD, { ...CLONE_FLAGS, SIGCHLD: SIG.SIGCHLD });
    return program.op('clone', [named, NULL, shown(pidfd, '&pidfd')], options);
  }
  const named = [
    renderArgument(words(flags, CLONE_FLAGS)),
    ...(carrier === null ? ['CLONE_CLEAR_SIGHAND'] : []),
    ...(intoCgroup ? ['CLONE_INTO_CGROUP'] : []),
  ].join('|');
  const text = `{flags=${named}, pidfd=&pidfd, exit_signal=SIGCHLD${intoCgroup ? ', cgroup=cgroup' : ''}}`;
  return program.op('clone3', [shown(args, text), num(CLONE_ARGS.size)], options);
};

/** A pid that no process has: what is waited for when the report names none. */
const NO_PID = 0x7fffffff;

const addMeasurement = (
  program: ProgramBuilder,
  { placement }: LaunchContext,
  status: Argument,
  child: Argument,
  clock: Measurement['clock'],
): Measurement => {
  const waitStatus = program.int32s(0, 0);
  const rusage = program.zeros(RUSAGE.size);
  const first = program.int32s(0, 0, 0, 0, NO_PID, 0);
  const report = program.zeros(REPORT_SIZE);
  const next = { onError: 'next' } as const;
  const wait = (pid: Argument): void => {
    program.op('wait4', [pid, shown(waitStatus, '&status'), num(0), shown(rusage, '&rusage')], next);
  };
  wait(child);
  if (placement.nested !== null) {
    program.op('read', [status, shown(first, 'first'), num(RECORD.size)], next);
    wait(int64At(first + RECORD.pid, 'pid'));
  }
  program.op('clock_gettime', [words(CLOCK.CLOCK_MONOTONIC, CLOCK), shown(clock[2], '&reaped')], next);
  const read = program.op('read', [status, shown(report, 'report'), num(REPORT_SIZE)], next);
  return { clock, waitStatus, rusage, first: placement.nested === null ? null : first, report, read };
};

/**
 * Builds the launch: everything that has to be done in Node's own thread, in one run of the runner. Whatever happens, it
 * leaves the signal mask as it was; when it fails, it leaves no fd open.
 */
export const addLaunch = (program: ProgramBuilder, context: LaunchContext): LaunchSlots => {
  const { plan, mailbox, carrier, suspends, measured } = context;
  const quiet = { onError: 'next' } as const;
  const fail = program.label();
  const child = program.label();
  const setMask = words(SIG.SIG_SETMASK, { SIG_SETMASK: SIG.SIG_SETMASK });
  const savedMask = shown(program.zeros(KERNEL_SIGSET_SIZE), 'saved');
  const allSignals = shown(program.int32s(-1, -1), '~[]');
  const sigsetSize = num(KERNEL_SIGSET_SIZE);
  const pidfd = program.int32s(-1, -1);
  const statusRead = int32At(mailbox.status, 'status.r');
  const statusWrite = int32At(mailbox.status + 4, 'status.w');

  program.op('rt_sigprocmask', [setMask, allSignals, savedMask, sigsetSize], { step: 'signals', onError: fail });
  for (const fd of givenFds(plan)) {
    program.op('fcntl', [num(fd), words(1, { F_GETFD: 1 })], { step: 'stdio', onError: fail });
  }
  const cloexec = words(OPEN.O_CLOEXEC, OPEN);
  const made = { step: 'prepare', onError: fail } as const;
  // Our end is looked at without waiting.
  program.op('pipe2', [shown(mailbox.status, 'status'), words(OPEN.O_CLOEXEC | OPEN.O_NONBLOCK, OPEN)], made);
  if (mailbox.parent !== null) addOpenParent(program, mailbox.parent, plan, { read: statusRead, write: statusWrite });
  if (context.signals && (carrier !== null || !suspends) && !measured) addSignal(program, statusRead);
  if (mailbox.go !== null) program.op('pipe2', [shown(mailbox.go, 'go'), cloexec], made);
  for (const [fd, pair] of mailbox.pipes.entries()) {
    if (pair === null) continue;
    const at = shown(pair, `pipe${fd}`);
    if (fd !== mailbox.socket) program.op('pipe2', [at, cloexec], made);
    else program.op('socketpair', [shown(AF_UNIX, 'AF_UNIX'), STREAM, num(0), at], made);
  }
  const executable = carrier === null ? null : addVehicle(program, carrier.image, carrier.vehicle, fail);

  const call = layOutClone(program, context, pidfd);
  const statusPipe = { read: statusRead, write: statusWrite };
  const cgroup = call.intoCgroup ? addCgroupFd(program, plan, call.args, statusPipe, fail) : null;

  const stamp = (address: number, name: string): void => {
    program.op('clock_gettime', [words(CLOCK.CLOCK_MONOTONIC, CLOCK), shown(address, name)], quiet);
  };
  const clock = [program.zeros(16), program.zeros(16), program.zeros(16)] as const;
  if (measured) stamp(clock[0], '&before');
  const clone = addClone(program, context, call, fail, child);
  if (measured) stamp(clock[1], '&cloned');

  const restore = (): void => {
    if (executable !== null) program.op('close', [executable], quiet);
    if (cgroup !== null) program.op('close', [cgroup], quiet);
    program.op('close', [statusWrite], quiet);
    if (mailbox.parent !== null) program.op('close', [parentFd(mailbox.parent)], quiet);
    if (mailbox.go !== null) program.op('close', [int32At(mailbox.go, 'go.r')], quiet);
    for (const [fd, pair] of mailbox.pipes.entries()) {
      if (pair !== null) program.op('close', [int32At(pair + childEndOffset(fd), `pipe${fd}`)], quiet);
    }
    program.op('rt_sigprocmask', [setMask, savedMask, NULL, sigsetSize], quiet);
  };
  restore();
  let measurement: Measurement | null = null;
  // The child of a straight launch has become the command, or has failed, when the clone returns; its end of the pipe may
  // be open a moment longer.
  const status = carrier === null && suspends && !measured ? addStatusReads(program, statusRead, context.signals) : [];
  if (measured) {
    measurement = addMeasurement(program, context, statusRead, resultOf(clone, 'child'), clock);
    program.op('close', [statusRead], quiet);
    program.op('close', [int32At(pidfd, 'pidfd')], quiet);
  }
  program.op('end', [], quiet);

  // Our own ends; each fd is closed once, because another thread may have been given its number by then.
  program.place(fail);
  for (const [fd, pair] of mailbox.pipes.entries()) {
    if (pair !== null) program.op('close', [int32At(pair + 4 - childEndOffset(fd), `ours${fd}`)], quiet);
  }
  if (mailbox.go !== null) program.op('close', [int32At(mailbox.go + 4, 'go.w')], quiet);
  program.op('close', [statusRead], quiet);
  restore();
  program.op('end', [], quiet);

  if (executable === null) return { clone, pidfd, status, measurement };
  program.place(child);
  const childFail = program.label();
  addEarlyIdMaps(program, plan, childFail);
  if (context.keepCapabilities) addKeepCapabilities(program, childFail);
  const keep = (fd: Argument): void => {
    program.op('fcntl', [fd, words(FCNTL.F_SETFD, FCNTL), num(0)], { step: 'stdio', onError: childFail });
  };
  // In the child's own fd table: in Node's they stay close-on-exec at every moment. What else Node has open, be it from its own
  // parent, is nowhere to be seen from inside.
  addCloseOthers(program, { stdio: [] }, context.strays, childFail);
  keep(statusWrite);
  if (mailbox.parent !== null) {
    // Before Linux 5.3, or behind a filter, there is none.
    program.op('fcntl', [parentFd(mailbox.parent), words(FCNTL.F_SETFD, FCNTL), num(0)], quiet);
  }
  if (mailbox.go !== null) keep(int32At(mailbox.go, 'go.r'));
  for (const fd of new Set(givenFds(plan))) keep(num(fd));
  if (plan.enter !== null) enteredFds(plan).map(enteredArguments(plan.enter, mailbox.entered)).forEach(keep);
  for (const [fd, pair] of mailbox.pipes.entries()) {
    if (pair !== null) keep(int32At(pair + childEndOffset(fd), `pipe${fd}`));
  }
  // The carrier hands on what it was started with, where the plan does not say otherwise.
  const { environ } = context;
  const env = plan.env === null && environ !== null ? int64At(environ, 'environ') : program.strings([]);
  program.op(
    'execveat',
    [executable, program.string(''), program.strings(['ns-carrier']), env, words(AT.AT_EMPTY_PATH, AT)],
    { step: 'carrier', onError: childFail },
  );
  program.place(childFail);
  program.op('write', [statusWrite, shown(program.record, '{failed}'), num(RECORD.size)], quiet);
  program.op('exit_group', [num(SETUP_FAILED_CODE)], quiet);
  return { clone, pidfd, status, measurement };
};
