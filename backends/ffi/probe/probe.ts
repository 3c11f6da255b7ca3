import { readdirSync } from 'node:fs';
import { Socket } from 'node:net';
import { errAsync, ResultAsync } from 'neverthrow';
import { errnoName } from '../../../lib/errno.ts';
import { type LaunchError, type SetupStep, setupFailed, unsupported } from '../../../lib/errors.ts';
import { errnoOfHelper } from '../../../lib/id-map-helper.ts';
import type { ProbeOutcome, ProbePlan } from '../../../lib/probe.ts';
import { AT, CLONE, FCNTL, KERNEL_SIGSET_SIZE, OPEN, PRCTL, SIG, WAIT } from '../abi/constants.ts';
import { CARRIER_PREFIX_SIZE, CARRIER_PROGRAM_BASE, setProgramSize } from '../carrier/elf.ts';
import { giveUpWay, isConclusive, remainingWays } from '../carrier/vehicles.ts';
import { type Host, layOut } from '../host.ts';
import type { MappedMemory } from '../native.ts';
import { type Argument, int32At, NULL, num, shown, words } from '../program/argument.ts';
import { ProgramBuilder } from '../program/builder.ts';
import { HEADER, RECORD } from '../program/layout.ts';
import { addVehicle, type Vehicle } from '../spawn/launch-program.ts';
import { type AttemptProgram, addAttempt, type Mark, PROBE_RECORD } from './attempts.ts';

/** What is to be tried, and an fd from which on all are free. */
type Plan = ProbePlan & Pick<AttemptProgram, 'freeFd'>;

/** Enough for all attempts; a builder that runs out of it says so. */
const SPACE = 262_144;

type Pipes = Pick<AttemptProgram, 'status' | 'words' | 'freeFd'>;

interface Laid {
  readonly launch: ProgramBuilder;
  readonly clone: number;
  readonly marks: ReadonlyMap<number, Mark>;
  /** Our ends of the pipes. */
  readonly read: (which: 'status' | 'words') => number;
}

/** More than the launch takes. */
const SPARE_FDS = 16;

/** Files that attempts open are given numbers that nothing else has: neither here nor in a copy. */
const firstFreeFd = (): number => {
  try {
    return Math.max(...readdirSync('/proc/self/fd').map(Number)) + SPARE_FDS;
  } catch {
    return 100;
  }
};

const addBecome = (program: ProgramBuilder, plan: Plan): void => {
  const fail = program.label();
  const go = program.label();
  if (plan.become === null) return;
  const { uid, gid } = plan.become;
  program.op('setgroups', [num(0), NULL], { onError: fail });
  program.op('setresgid', [num(gid), num(gid), num(gid)], { onError: fail });
  program.op('setresuid', [num(uid), num(uid), num(uid)], { onError: fail });
  // A change of credentials makes a process undumpable, and its files in /proc root's.
  program.op('prctl', [words(PRCTL.PR_SET_DUMPABLE, PRCTL), num(1)], { onError: go, onZero: go });
  program.place(fail);
  program.op('exit_group', [num(1)], { onError: 'next' });
  program.place(go);
};

/** Adds all attempts, and the end of who makes them; the pipes are two pairs of fds. */
const addAttempts = (program: ProgramBuilder, plan: Plan, pipes: Pipes): ReadonlyMap<number, Mark> => {
  const to: AttemptProgram = { program, marks: new Map(), ...pipes };
  addBecome(program, plan);
  for (const index of plan.attempts.keys()) addAttempt(to, plan, index);
  program.op('exit_group', [num(0)], { onError: 'next' });
  return to.marks;
};

/** The carrier's program, with its ELF file around it, at the beginning of the memory. */
const layOutCarrier = ({ bytes, words: numbers, address }: MappedMemory, plan: Plan, arch: Host['arch']) => {
  const offset = CARRIER_PREFIX_SIZE;
  const carrier = new ProgramBuilder({ bytes, words: numbers, offset, base: CARRIER_PROGRAM_BASE, arch });
  carrier.recordKind(PROBE_RECORD.failed);
  const pipes = { status: carrier.int32s(-1, -1), words: carrier.int32s(-1, -1), freeFd: plan.freeFd };
  const marks = addAttempts(carrier, plan, pipes);
  carrier.finish();
  setProgramSize(bytes, carrier.size);
  const distance = address + offset - CARRIER_PROGRAM_BASE;
  const here = { status: pipes.status + distance, words: pipes.words + distance };
  return { marks, size: offset + carrier.size, here };
};

/**
 * Lays out what starts the attempts.
 *
 * @param vehicle - what the carrier is executed from; null: a copy of this process makes the attempts itself. It has
 * memory of its own, runs nothing but its program, and costs what this process's memory costs to copy.
 */
const layOutProbe = (memory: MappedMemory, plan: Plan, vehicle: Vehicle | null, arch: Host['arch']): Laid => {
  const { bytes, words: numbers, address } = memory;
  const carrier = vehicle === null ? null : layOutCarrier(memory, plan, arch);
  const offset = Math.ceil((carrier?.size ?? 0) / 64) * 64;
  const launch = new ProgramBuilder({ bytes, words: numbers, offset, base: address + offset, arch });
  launch.recordKind(PROBE_RECORD.failed);
  const { status, words: said } = carrier?.here ?? { status: launch.int32s(-1, -1), words: launch.int32s(-1, -1) };
  const quiet = { onError: 'next' } as const;
  const [fail, child] = [launch.label(), launch.label()];
  const setMask = words(SIG.SIG_SETMASK, { SIG_SETMASK: SIG.SIG_SETMASK });
  const saved = shown(launch.zeros(KERNEL_SIGSET_SIZE), 'saved');
  const size = num(KERNEL_SIGSET_SIZE);
  launch.op('rt_sigprocmask', [setMask, shown(launch.int32s(-1, -1), '~[]'), saved, size], {
    step: 'signals',
    onError: fail,
  });
  const pipe = words(OPEN.O_CLOEXEC, OPEN);
  launch.op('pipe2', [shown(status, 'status'), pipe], { step: 'prepare', onError: fail });
  launch.op('pipe2', [shown(said, 'words'), pipe], { step: 'prepare', onError: fail });
  const executable =
    vehicle === null || carrier === null ? null : addVehicle(launch, { address, size: carrier.size }, vehicle, fail);
  const flags = words(executable === null ? 0 : CLONE.CLONE_VM | CLONE.CLONE_VFORK, CLONE);
  const clone = launch.op('clone', [flags, NULL, NULL], { step: 'clone', onError: fail, onZero: child });
  const restore = (): void => {
    if (executable !== null) launch.op('close', [executable], quiet);
    launch.op('close', [int32At(status + 4, 'status.w')], quiet);
    launch.op('close', [int32At(said + 4, 'words.w')], quiet);
    launch.op('rt_sigprocmask', [setMask, saved, NULL, size], quiet);
  };
  restore();
  launch.op('end', [], quiet);
  launch.place(fail);
  launch.op('close', [int32At(status, 'status.r')], quiet);
  launch.op('close', [int32At(said, 'words.r')], quiet);
  restore();
  launch.op('end', [], quiet);
  launch.place(child);
  const marks =
    executable === null || carrier === null
      ? addAttempts(launch, plan, { status, words: said, freeFd: plan.freeFd })
      : carrier.marks;
  if (executable !== null) addExecution(launch, executable, [status, said]);
  launch.finish();
  return {
    launch,
    clone,
    marks,
    read: (which) => bytes.readInt32LE((which === 'status' ? status : said) - address),
  };
};

/** The vfork child becomes the carrier, which keeps our ends of the pipes. */
const addExecution = (launch: ProgramBuilder, executable: Argument, pipes: readonly number[]): void => {
  const dead = launch.label();
  for (const pipe of pipes) {
    launch.op('fcntl', [int32At(pipe + 4, 'pipe.w'), words(FCNTL.F_SETFD, FCNTL), num(0)], { onError: dead });
  }
  const argv = launch.strings(['ns-check']);
  launch.op('execveat', [executable, launch.string(''), argv, launch.strings([]), words(AT.AT_EMPTY_PATH, AT)], {
    step: 'carrier',
    onError: dead,
  });
  launch.place(dead);
  launch.op('exit_group', [num(1)], { onError: 'next' });
};

/** Reads an fd to its end. */
const drain = (fd: number): Promise<Buffer> =>
  new Promise((done) => {
    const chunks: Buffer[] = [];
    const socket = new Socket({ fd, readable: true, writable: false });
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => done(Buffer.concat(chunks)));
  });

const outcomesOf = (
  plan: Plan,
  records: Buffer,
  said: string,
  marks: ReadonlyMap<number, Mark>,
): readonly ProbeOutcome[] => {
  const found = new Map<number, ProbeOutcome['failure']>();
  for (let at = 0; at + RECORD.size <= records.length; at += RECORD.size) {
    const op = records.readUInt32LE(at + RECORD.op);
    if (records.readUInt32LE(at + RECORD.kind) === PROBE_RECORD.works) {
      found.set(op, null);
      continue;
    }
    const mark = marks.get(op);
    // The first one is what stopped it.
    if (mark === undefined || found.has(mark.attempt)) continue;
    const code = Number(records.readBigInt64LE(at + RECORD.errno));
    const { failure } = mark;
    // What the helper was told is in its words; the error is that of who found the map empty.
    const isHelper = failure.syscall === 'newuidmap' || failure.syscall === 'newgidmap';
    const text = isHelper && said !== '' ? said : null;
    found.set(mark.attempt, { ...failure, errno: isHelper ? errnoOfHelper(said) : errnoName(code), text });
  }
  return plan.attempts.map((wanted, index): ProbeOutcome => {
    const failure = found.get(index);
    return {
      ...wanted,
      failure: failure === undefined ? { step: 'untried', reason: 'the attempt ended without a word' } : failure,
    };
  });
};

/**
 * Tries things in throw-away children: a carrier, or a copy of this process where none can be executed, clones one after
 * the other, and each says how it went.
 *
 * @remarks Nothing that is tried happens in this process, and the mounts are in mount namespaces of the attempts' own.
 */
export const probe = (host: Host, wanted: ProbePlan): ResultAsync<readonly ProbeOutcome[], LaunchError> => {
  const arena = host.makeArena();
  const fail = (error: LaunchError): ResultAsync<never, LaunchError> => {
    arena.free();
    return errAsync(error);
  };
  const plan = { ...wanted, freeFd: firstFreeFd() };
  for (;;) {
    const [way] = remainingWays();
    const vehicle = way?.make() ?? null;
    if (vehicle === null && way?.host !== 'straight')
      return fail(unsupported('ffi', 'attempts in a carrier', 'a place for an executable file'));
    const laid = layOut(arena, SPACE, (memory) => layOutProbe(memory, plan, vehicle, host.arch));
    if (laid.isErr()) return fail(failedAt('mmap', 'prepare', laid.error));
    const { launch, clone } = laid.value;
    host.run(launch.base);
    const record = launch.base + HEADER.record;
    const failed = launch.ops[launch.read32(record + RECORD.op)];
    if (failed === undefined) {
      // What is followed has memory of its own, and what it takes to follow it is read at once.
      const followed = follow(host, plan, laid.value);
      arena.free();
      return ResultAsync.fromSafePromise(followed);
    }
    const code = launch.read64(record + RECORD.errno);
    if (launch.result(clone) > 0) discard(host, laid.value);
    const step = failed.options.step === 'exec' ? 'carrier' : (failed.options.step ?? 'prepare');
    if (way !== undefined && step === 'carrier' && isConclusive(code) && giveUpWay(way)) continue;
    return fail(failedAt(failed.name, step, code));
  }
};

/** Takes away a child that could not become the carrier, and our ends of its pipes. */
const discard = (host: Host, { launch, clone, read }: Laid): void => {
  const [pid, fds] = [launch.result(clone), [read('status'), read('words')]];
  host
    .runCalls((program) => {
      for (const fd of fds) program.op('close', [num(fd)], { onError: 'next' });
      program.op('wait4', [num(pid), NULL, words(WAIT.__WALL, WAIT), NULL], { onError: 'next' });
    })
    .unwrapOr(undefined);
};

const failedAt = (syscall: string, step: SetupStep, code: number): LaunchError =>
  setupFailed({
    backend: 'ffi',
    step,
    syscall,
    call: `${syscall}()`,
    errno: errnoName(code),
    namespaces: [],
    path: null,
    diagnosis: null,
  });

const follow = async (
  host: Host,
  plan: Plan,
  { launch, clone, marks, read }: Laid,
): Promise<readonly ProbeOutcome[]> => {
  const pid = launch.result(clone);
  const call = (build: (program: ProgramBuilder) => void): void => {
    host.runCalls(build).unwrapOr(undefined);
  };
  const timer = setTimeout(
    () => call((program) => program.op('kill', [num(pid), num(SIG.SIGKILL)], { onError: 'next' })),
    plan.timeoutMs,
  );
  const [records, said] = await Promise.all([drain(read('status')), drain(read('words'))]);
  clearTimeout(timer);
  // It closes its pipes by ending.
  call((program) => program.op('wait4', [num(pid), NULL, words(WAIT.__WALL, WAIT), NULL], { onError: 'next' }));
  return outcomesOf(plan, records, said.toString('utf8').trim(), marks);
};

/** The most bytes of security.capability; linux/capability.h. */
const CAPABILITY_SIZE = 64;

/** The security.capability of a file, hex; null: it has none; undefined: that cannot be read. */
export const fileCapabilities = (host: Host, path: string): string | null | undefined => {
  const ENODATA = 61;
  let at = 0;
  return host
    .runCalls((program) => {
      at = program.zeros(CAPABILITY_SIZE);
      const args = [
        program.string(path),
        program.string('security.capability'),
        shown(at, 'value'),
        num(CAPABILITY_SIZE),
      ];
      program.op('getxattr', args, { onError: 'next' });
    })
    .map((program) => {
      const size = program.result(0);
      if (size < 0) return size === -ENODATA || size === -95 ? null : undefined;
      return program.bytesAt(at, size).toString('hex');
    })
    .unwrapOr(undefined);
};
