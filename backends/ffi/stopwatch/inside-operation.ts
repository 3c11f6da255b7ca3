import { err, ok, type Result } from 'neverthrow';
import type { LaunchError } from '../../../lib/errors.ts';
import { exitStatus } from '../../../lib/exit.ts';
import { NAMESPACES } from '../../../lib/namespace.ts';
import type { OperationTimes } from '../../../lib/operation.ts';
import { KERNEL_SIGSET_SIZE, OPEN, SIG } from '../abi/constants.ts';
import { type Host, layOut } from '../host.ts';
import type { Arena } from '../memory.ts';
import { int32At, NULL, num, resultOf, shown, words } from '../program/argument.ts';
import { ProgramBuilder } from '../program/builder.ts';
import { HEADER, RECORD } from '../program/layout.ts';
import { carrierKilled, stepFailed } from '../spawn/failure.ts';
import { CLONE_FLAGS } from '../spawn/set-up-ops.ts';
import { addInside, type InsideOperation } from './inside-ops.ts';
import { between, noMemory, Stopwatch } from './stopwatch.ts';

interface Built {
  readonly program: ProgramBuilder;
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

/** Seconds of processor time after which a child that spins is killed. */
const MOST_CPU_SECONDS = 5;
/** asm-generic/resource.h */
const RLIMIT_CPU = 0;

const build = (program: ProgramBuilder, operation: InsideOperation, inUser: boolean): Built => {
  const watch = new Stopwatch(program);
  const fail = program.label();
  const child = program.label();
  const setMask = words(SIG.SIG_SETMASK, { SIG_SETMASK: SIG.SIG_SETMASK });
  const savedMask = shown(program.zeros(KERNEL_SIGSET_SIZE), 'saved');
  const pipe = program.int32s(-1, -1);
  const [readEnd, writeEnd] = [int32At(pipe, 'report.r'), int32At(pipe + 4, 'report.w')];
  const report = program.zeros(REPORT_SIZE);
  const status = program.int32s(0, 0);
  const allSignals = shown(program.int32s(-1, -1), '~[]');
  const restore = (): void => {
    program.op('close', [readEnd], quiet);
    program.op('rt_sigprocmask', [setMask, savedMask, NULL, num(KERNEL_SIGSET_SIZE)], quiet);
    program.op('end', [], quiet);
  };
  program.op('rt_sigprocmask', [setMask, allSignals, savedMask, num(KERNEL_SIGSET_SIZE)], {
    step: 'signals',
    onError: fail,
  });
  program.op('pipe2', [shown(pipe, 'report'), words(OPEN.O_CLOEXEC, OPEN)], { step: 'prepare', onError: fail });
  const types = operation.type === 'mounts' ? ([...(inUser ? (['user'] as const) : []), 'pid'] as const) : [];
  let flags: number = SIG.SIGCHLD;
  for (const type of types) flags |= NAMESPACES[type].cloneFlag;
  const clone = program.op('clone', [words(flags, { ...CLONE_FLAGS, SIGCHLD: SIG.SIGCHLD }), NULL], {
    ...{ step: 'clone', onError: fail, onZero: child, namespaces: types },
  });
  program.op('close', [writeEnd], quiet);
  const read = program.op('read', [readEnd, shown(report, 'report'), num(REPORT_SIZE)], quiet);
  program.op('wait4', [resultOf(clone, 'child'), shown(status, '&status'), num(0), NULL], quiet);
  restore();

  program.place(fail);
  program.op('close', [writeEnd], quiet);
  restore();

  program.place(child);
  const childFail = program.label();
  const limit = program.int64s([MOST_CPU_SECONDS, MOST_CPU_SECONDS]);
  program.op('prlimit64', [num(0), num(RLIMIT_CPU), shown(limit, '{5, 5}'), NULL], quiet);
  // The page that the stamps lie in is the parent's until it is written to.
  watch.take(watch.address, 'touch');
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  addInside(
    {
      ...{ program, watch, fail: childFail },
      idMap: {
        uid: [{ inside: 0, outside: uid, count: 1 }],
        gid: [{ inside: 0, outside: gid, count: 1 }],
        setgroups: 'deny',
        writer: 'self',
        helpers: { uid: null, gid: null },
        become: { uid: null, gid: null },
      },
    },
    operation,
    inUser,
  );
  program.op('write', [writeEnd, shown(watch.address, 'stamps'), num(watch.size)], quiet);
  program.op('exit_group', [num(0)], quiet);
  program.place(childFail);
  program.op('write', [writeEnd, shown(program.record, '{failed}'), num(RECORD.size)], quiet);
  program.op('exit_group', [num(1)], quiet);
  return { program, watch, report, read, status, clone };
};

/** Does an operation in a child and reads its report. */
export const runInsideOperation = (
  host: Host,
  arena: Arena,
  operation: InsideOperation,
  inUser: boolean,
): Result<OperationTimes, LaunchError> =>
  layOut(arena, SPACE, ({ bytes, words: numbers, address }) => {
    const program = new ProgramBuilder({ bytes, words: numbers, offset: 0, base: address, arch: host.arch });
    program.recordKind(0);
    const built = build(program, operation, inUser);
    program.finish();
    return built;
  })
    .mapErr(noMemory)
    .andThen(({ program, watch, report, read, status, clone }): Result<OperationTimes, LaunchError> => {
      host.run(program.base);
      const record = program.base + HEADER.record;
      const failed = program.read32(record + RECORD.op);
      const inNode = program.ops[failed];
      if (failed >= 0 && failed <= clone && inNode !== undefined) {
        return err(stepFailed(inNode, program.read64(record + RECORD.errno)));
      }
      const ended = exitStatus(program.read32(status), null);
      if (ended.type === 'killed') return err(carrierKilled(`was killed by ${ended.signal}`));
      const bytes = program.bytesAt(report, Math.max(0, program.result(read)));
      if (ended.code === 0 && bytes.length === watch.size) return ok(between(watch.read(bytes)));
      const op = bytes.length === RECORD.size ? program.ops[bytes.readInt32LE(RECORD.op)] : undefined;
      return err(
        op === undefined
          ? carrierKilled('sent a report that cannot be read')
          : stepFailed(op, Number(bytes.readBigInt64LE(RECORD.errno))),
      );
    });
