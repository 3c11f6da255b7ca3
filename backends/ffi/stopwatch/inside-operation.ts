import { err, ok, type Result } from 'neverthrow';
import { execFailed, type LaunchError, unsupported } from '../../../lib/errors.ts';
import { exitStatus } from '../../../lib/exit.ts';
import type { IdMapPlan } from '../../../lib/id-map.ts';
import { NAMESPACES } from '../../../lib/namespace.ts';
import type { OperationTimes } from '../../../lib/operation.ts';
import { AT, CLONE, FCNTL, KERNEL_SIGSET_SIZE, OPEN, SIG } from '../abi/constants.ts';
import { CARRIER_PREFIX_SIZE, CARRIER_PROGRAM_BASE, setProgramSize } from '../carrier/elf.ts';
import { giveUpWay, isConclusive, remainingWays } from '../carrier/vehicles.ts';
import { type Host, layOut } from '../host.ts';
import type { Arena } from '../memory.ts';
import type { MappedMemory } from '../native.ts';
import { int32At, int64At, NULL, num, resultOf, shown, words } from '../program/argument.ts';
import { ProgramBuilder } from '../program/builder.ts';
import { HEADER, RECORD } from '../program/layout.ts';
import { carrierKilled, stepFailed } from '../spawn/failure.ts';
import { addOwnIdMaps } from '../spawn/id-map-ops.ts';
import { addVehicle, type Vehicle } from '../spawn/launch-program.ts';
import { CLONE_FLAGS } from '../spawn/set-up-ops.ts';
import { addInside, type InsideOperation } from './inside-ops.ts';
import { between, noMemory, Stopwatch, since } from './stopwatch.ts';

interface Built {
  readonly launch: ProgramBuilder;
  readonly carrier: ProgramBuilder;
  readonly watch: Stopwatch;
  readonly report: number;
  readonly read: number;
  readonly status: number;
  /** The op that clones: what fails up to it has failed in Node. */
  readonly clone: number;
}

const quiet = { onError: 'next' } as const;

const SPACE = 262_144;

/** Larger than all stamps. */
const REPORT_SIZE = 512;

/** Seconds of processor time after which a carrier that spins is killed. */
const MOST_CPU_SECONDS = 5;
/** asm-generic/resource.h */
const RLIMIT_CPU = 0;

/** What a record that is no success says of itself. */
const IN_NODE = 0;
const IN_CARRIER = 1;

const rootMap = (): IdMapPlan => ({
  uid: [{ inside: 0, outside: process.geteuid?.() ?? 0, count: 1 }],
  gid: [{ inside: 0, outside: process.getegid?.() ?? 0, count: 1 }],
  setgroups: 'deny',
  writer: 'self',
  helpers: { uid: null, gid: null },
  become: { uid: null, gid: null },
});

const buildCarrier = (
  carrier: ProgramBuilder,
  operation: InsideOperation,
  inUser: boolean,
): { readonly watch: Stopwatch; readonly pipe: number } => {
  carrier.recordKind(IN_CARRIER);
  const watch = new Stopwatch(carrier);
  const pipe = carrier.int32s(-1, -1);
  const fail = carrier.label();
  const inherited = int32At(pipe + 4, 'report');
  // No child that becomes a command may keep the pipe open.
  carrier.op('fcntl', [inherited, words(FCNTL.F_SETFD, FCNTL), num(1)], quiet);
  const limit = carrier.int64s([MOST_CPU_SECONDS, MOST_CPU_SECONDS]);
  carrier.op('prlimit64', [num(0), num(RLIMIT_CPU), shown(limit, '{5, 5}'), NULL], quiet);
  // The page that the stamps lie in is the file's until it is written to.
  watch.take(watch.address, 'touch');
  const environ = int64At(carrier.base + HEADER.envp, 'environ');
  addInside({ program: carrier, watch, fail, report: inherited, environ, idMap: rootMap() }, operation, inUser);
  carrier.op('write', [inherited, shown(watch.address, 'stamps'), num(watch.size)], quiet);
  carrier.op('exit_group', [num(0)], quiet);
  carrier.place(fail);
  carrier.op('write', [inherited, shown(carrier.record, '{failed}'), num(RECORD.size)], quiet);
  carrier.op('exit_group', [num(1)], quiet);
  return { watch, pipe };
};

const build = (
  { bytes, words: numbers, address }: MappedMemory,
  { arch, environ }: Host,
  vehicle: Vehicle,
  operation: InsideOperation,
  inUser: boolean,
): Built => {
  const carrier = new ProgramBuilder({
    ...{ bytes, words: numbers, arch },
    ...{ offset: CARRIER_PREFIX_SIZE, base: CARRIER_PROGRAM_BASE },
  });
  const { watch, pipe: pipeInCarrier } = buildCarrier(carrier, operation, inUser);
  carrier.finish();
  setProgramSize(bytes, carrier.size);
  const end = CARRIER_PREFIX_SIZE + carrier.size;
  const offset = Math.ceil(end / 64) * 64;
  const launch = new ProgramBuilder({ bytes, words: numbers, offset, base: address + offset, arch });
  launch.recordKind(IN_NODE);
  const [fail, child, childFail] = [launch.label(), launch.label(), launch.label()];
  const setMask = words(SIG.SIG_SETMASK, { SIG_SETMASK: SIG.SIG_SETMASK });
  const savedMask = shown(launch.zeros(KERNEL_SIGSET_SIZE), 'saved');
  const sigsetSize = num(KERNEL_SIGSET_SIZE);
  const pipe = pipeInCarrier + address + CARRIER_PREFIX_SIZE - CARRIER_PROGRAM_BASE;
  const [readEnd, writeEnd] = [int32At(pipe, 'report.r'), int32At(pipe + 4, 'report.w')];
  const report = launch.zeros(REPORT_SIZE);
  const status = launch.int32s(0, 0);
  const signals = { step: 'signals', onError: fail } as const;
  launch.op('rt_sigprocmask', [setMask, shown(launch.int32s(-1, -1), '~[]'), savedMask, sigsetSize], signals);
  launch.op('pipe2', [shown(pipe, 'report'), words(OPEN.O_CLOEXEC, OPEN)], { step: 'prepare', onError: fail });
  const executable = addVehicle(launch, { address, size: end }, vehicle, fail);
  const types = operation.type === 'mounts' ? ([...(inUser ? (['user'] as const) : []), 'pid'] as const) : [];
  let flags: number = CLONE.CLONE_VM | CLONE.CLONE_VFORK | SIG.SIGCHLD;
  for (const type of types) flags |= NAMESPACES[type].cloneFlag;
  const clone = launch.op('clone', [words(flags, { ...CLONE_FLAGS, SIGCHLD: SIG.SIGCHLD }), NULL], {
    ...{ step: 'clone', onError: fail, onZero: child, namespaces: types },
  });
  launch.op('close', [writeEnd], quiet);
  const read = launch.op('read', [readEnd, shown(report, 'report'), num(REPORT_SIZE)], quiet);
  launch.op('wait4', [resultOf(clone, 'child'), shown(status, '&status'), num(0), NULL], quiet);
  const restore = (): void => {
    launch.op('close', [executable], quiet);
    launch.op('close', [readEnd], quiet);
    launch.op('rt_sigprocmask', [setMask, savedMask, NULL, sigsetSize], quiet);
    launch.op('end', [], quiet);
  };
  restore();
  launch.place(fail);
  launch.op('close', [writeEnd], quiet);
  restore();

  launch.place(child);
  if (inUser && types.length > 0) addOwnIdMaps(launch, rootMap(), childFail);
  launch.op('fcntl', [writeEnd, words(FCNTL.F_SETFD, FCNTL), num(0)], { step: 'stdio', onError: childFail });
  const env = environ === null ? launch.strings([]) : int64At(environ, 'environ');
  const empty = words(AT.AT_EMPTY_PATH, AT);
  launch.op('execveat', [executable, launch.string(''), launch.strings(['ns-stopwatch']), env, empty], {
    ...{ step: 'carrier', onError: childFail },
  });
  launch.place(childFail);
  launch.op('exit_group', [num(1)], quiet);
  launch.finish();
  return { launch, carrier, watch, report, read, status, clone };
};

/** What failed, in Node, in its child or in the carrier; null when nothing did. */
const failureOf = (
  { launch, carrier, report, read, watch }: Built,
  operation: InsideOperation,
): { readonly error: LaunchError; readonly closed: boolean } | null => {
  const record = launch.base + HEADER.record;
  const op = launch.ops[launch.read32(record + RECORD.op)];
  if (op !== undefined) {
    const errno = launch.read64(record + RECORD.errno);
    const closed = op.options.step === 'carrier' && isConclusive(errno);
    return { error: stepFailed(op, errno), closed };
  }
  const bytes = launch.bytesAt(report, Math.max(0, launch.result(read)));
  if (bytes.length === watch.size) return null;
  const failed = bytes.length >= RECORD.size ? carrier.ops[bytes.readInt32LE(RECORD.op)] : undefined;
  if (failed === undefined) return { error: carrierKilled('sent a report that cannot be read'), closed: false };
  const errno = Number(bytes.readBigInt64LE(RECORD.errno));
  const command = operation.type === 'clone' ? operation.command : null;
  const error = failed.options.step === 'exec' ? execFailed(command ?? '', errno) : stepFailed(failed, errno);
  return { error, closed: false };
};

/** Does an operation in a carrier: a process of a few pages, without threads and without handlers. */
export const runInsideOperation = (
  host: Host,
  arena: Arena,
  operation: InsideOperation,
  inUser: boolean,
): Result<OperationTimes, LaunchError> => {
  for (;;) {
    const way = remainingWays()[0];
    const vehicle = way?.make() ?? null;
    if (way === undefined || vehicle === null) {
      return err(
        unsupported(
          'ffi',
          'timing single operations',
          'a carrier: an executable memfd, or a file that may be executed',
        ),
      );
    }
    const built = layOut(arena, SPACE, (memory) => build(memory, host, vehicle, operation, inUser));
    if (built.isErr()) return err(noMemory(built.error));
    const { launch, watch, report, read, status } = built.value;
    host.run(launch.base);
    const failure = failureOf(built.value, operation);
    if (failure?.closed === true && giveUpWay(way)) continue;
    const ended = exitStatus(launch.read32(status), null);
    if (ended.type === 'killed') return err(carrierKilled(`was killed by ${ended.signal}`));
    if (failure !== null) return err(failure.error);
    const stamps = watch.read(launch.bytesAt(report, Math.max(0, launch.result(read))));
    return ok(
      operation.type === 'clone'
        ? since(stamps, 'before', ['child runs', 'clone returned', 'reaped'])
        : between(stamps),
    );
  }
};
