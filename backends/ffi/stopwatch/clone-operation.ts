import { err, ok, type Result } from 'neverthrow';
import { execFailed, type LaunchError } from '../../../lib/errors.ts';
import { NAMESPACES } from '../../../lib/namespace.ts';
import type { KernelOperation, OperationTimes } from '../../../lib/operation.ts';
import { CLONE, CLONE_ARGS, KERNEL_SIGSET_SIZE, OPEN, SIG } from '../abi/constants.ts';
import { CARRIER_PREFIX_SIZE } from '../carrier/elf.ts';
import { type Host, layOut } from '../host.ts';
import type { Arena } from '../memory.ts';
import { int32At, int64At, NULL, num, resultOf, shown, words } from '../program/argument.ts';
import { ProgramBuilder } from '../program/builder.ts';
import { HEADER, RECORD } from '../program/layout.ts';
import { stepFailed } from '../spawn/failure.ts';
import { CLONE_FLAGS } from '../spawn/set-up-ops.ts';
import { noMemory, Stopwatch, since } from './stopwatch.ts';

type CloneOperation = Extract<KernelOperation, { readonly type: 'clone' }>;

interface Built {
  readonly program: ProgramBuilder;
  readonly watch: Stopwatch;
  readonly phases: readonly string[];
  /** Where the child's own report lies when it has memory of its own, and the op that read it. */
  readonly report: { readonly address: number; readonly read: number } | null;
}

const quiet = { onError: 'next' } as const;

const SPACE = 262_144;

const cloneFlagsOf = ({ namespaces, memory }: CloneOperation): number => {
  let flags = memory === 'shared' ? CLONE.CLONE_VM | CLONE.CLONE_VFORK : 0;
  for (const type of namespaces) flags |= NAMESPACES[type].cloneFlag;
  return flags;
};

const build = (program: ProgramBuilder, operation: CloneOperation, environ: number | null): Built => {
  const { namespaces, call, memory, command, delayCalls } = operation;
  const watch = new Stopwatch(program);
  const fail = program.label();
  const child = program.label();
  const setMask = words(SIG.SIG_SETMASK, { SIG_SETMASK: SIG.SIG_SETMASK });
  const savedMask = shown(program.zeros(KERNEL_SIGSET_SIZE), 'saved');
  const pipe = program.int32s(-1, -1);
  const [readEnd, writeEnd] = [int32At(pipe, 'report.r'), int32At(pipe + 4, 'report.w')];
  const own = memory === 'copied';
  const runs = watch.reserve('child runs');
  const report = own ? program.zeros(RECORD.size) : null;
  const allSignals = shown(program.int32s(-1, -1), '~[]');
  program.op('rt_sigprocmask', [setMask, allSignals, savedMask, num(KERNEL_SIGSET_SIZE)], {
    step: 'signals',
    onError: fail,
  });
  if (own)
    program.op('pipe2', [shown(pipe, 'report'), words(OPEN.O_CLOEXEC, OPEN)], { step: 'prepare', onError: fail });
  const flags = cloneFlagsOf(operation);
  const options = { step: 'clone', onError: fail, onZero: child, namespaces } as const;
  const args = Array<number>(CLONE_ARGS.size / 8).fill(0);
  args[CLONE_ARGS.flags / 8] = flags;
  args[CLONE_ARGS.exitSignal / 8] = SIG.SIGCHLD;
  const cloneArgs = program.int64s(args);
  watch.stamp('before');
  const clone =
    call === 'clone3'
      ? program.op('clone3', [shown(cloneArgs, '{flags, exit_signal=SIGCHLD}'), num(CLONE_ARGS.size)], options)
      : program.op('clone', [words(flags | SIG.SIGCHLD, { ...CLONE_FLAGS, SIGCHLD: SIG.SIGCHLD }), NULL], options);
  watch.stamp('clone returned');
  let read = -1;
  if (report !== null) {
    program.op('close', [writeEnd], quiet);
    program.op('read', [readEnd, shown(runs, '&runs'), num(16)], quiet);
    read = program.op('read', [readEnd, shown(report, '&failed'), num(RECORD.size)], quiet);
    if (command !== null) watch.stamp('execve done');
  }
  program.op('wait4', [resultOf(clone, 'child'), NULL, num(0), NULL], quiet);
  watch.stamp('reaped');
  if (own) program.op('close', [readEnd], quiet);
  program.op('rt_sigprocmask', [setMask, savedMask, NULL, num(KERNEL_SIGSET_SIZE)], quiet);
  program.op('end', [], quiet);

  program.place(fail);
  if (own) {
    program.op('close', [readEnd], quiet);
    program.op('close', [writeEnd], quiet);
  }
  program.op('rt_sigprocmask', [setMask, savedMask, NULL, num(KERNEL_SIGSET_SIZE)], quiet);
  program.op('end', [], quiet);

  program.place(child);
  const childFail = program.label();
  watch.take(runs, 'runs');
  if (own) program.op('write', [writeEnd, shown(runs, '&runs'), num(16)], quiet);
  for (let count = 0; count < delayCalls; count += 1) program.op('getppid', [], quiet);
  if (command !== null) {
    const env = environ === null ? program.strings([]) : int64At(environ, 'environ');
    program.op('execve', [program.string(command), program.strings([command]), env], {
      step: 'exec',
      onError: childFail,
      path: command,
    });
  } else program.op('exit_group', [num(0)], quiet);
  program.place(childFail);
  if (own) program.op('write', [writeEnd, shown(program.record, '{failed}'), num(RECORD.size)], quiet);
  program.op('exit_group', [num(1)], quiet);
  const executed = own && command !== null ? ['execve done'] : [];
  return {
    ...{ program, watch },
    phases: ['child runs', 'clone returned', ...executed, 'reaped'],
    report: report === null ? null : { address: report, read },
  };
};

/** What failed, in Node or in the child: the op and its errno. */
const failureOf = ({ program, report }: Built): { readonly op: number; readonly errno: number } | null => {
  const apart = report !== null && program.result(report.read) === RECORD.size;
  const record = apart ? report.address : program.base + HEADER.record;
  const op = program.read32(record + RECORD.op);
  return op < 0 ? null : { op, errno: program.read64(record + RECORD.errno) };
};

/** Clones and waits in Node's own thread. */
export const runCloneOperation = (
  host: Host,
  arena: Arena,
  operation: CloneOperation,
): Result<OperationTimes, LaunchError> =>
  layOut(arena, SPACE, ({ bytes, words: numbers, address }) => {
    const program = new ProgramBuilder({
      bytes,
      words: numbers,
      offset: CARRIER_PREFIX_SIZE,
      base: address + CARRIER_PREFIX_SIZE,
      arch: host.arch,
    });
    program.recordKind(0);
    const built = build(program, operation, host.environ);
    program.finish();
    return built;
  })
    .mapErr(noMemory)
    .andThen((built): Result<OperationTimes, LaunchError> => {
      const { program, watch, phases } = built;
      host.run(program.base);
      const failure = failureOf(built);
      const op = failure === null ? undefined : program.ops[failure.op];
      if (failure !== null && op !== undefined) {
        const { step, path } = op.options;
        return err(step === 'exec' ? execFailed(path ?? '', failure.errno) : stepFailed(op, failure.errno));
      }
      return ok(since(watch.read(program.bytesAt(watch.address, watch.size)), 'before', phases));
    });
