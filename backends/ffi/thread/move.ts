import { err, ok, type Result } from 'neverthrow';
import type { SetupFailed } from '../../../lib/errors.ts';
import { cloneFlags, NAMESPACES } from '../../../lib/namespace.ts';
import type { ThreadPlan } from '../../../lib/plan.ts';
import { CLONE } from '../abi/constants.ts';
import type { Host } from '../host.ts';
import { addCallerSide, addNetwork, type Refusal } from '../netlink/network-ops.ts';
import { type Argument, num, words } from '../program/argument.ts';
import type { ProgramBuilder } from '../program/builder.ts';
import { RECORD } from '../program/layout.ts';
import { refusedMessage, stepFailed } from '../spawn/failure.ts';
import { addNames, addPropagation, CLONE_FLAGS } from '../spawn/set-up-ops.ts';

/** An answer of the kernel that was read, if the op that read it was reached. */
interface Answer {
  readonly sent: number;
  readonly address: number;
  readonly read: number;
}

/** What stands for the memory of a program that cannot be had. */
const NO_MEMORY = { name: 'mmap', args: [], options: { step: 'prepare', onError: 'next' } } as const;

const addMove = (program: ProgramBuilder, plan: ThreadPlan): readonly Answer[] => {
  const { namespaces, joins, network } = plan;
  const answers: Answer[] = [];
  const opened: Argument[] = [];
  const end = program.label();
  program.recordKind(0);
  const caller = addCallerSide(program, network, end);
  // A thread that shares root and working directory with others cannot change its mounts.
  if (joins.some(({ type }) => type === 'mnt')) {
    program.op('unshare', [words(CLONE.CLONE_FS, CLONE_FLAGS)], { step: 'join', onError: end });
  }
  for (const { type, fd } of joins) {
    const args = [num(fd), words(NAMESPACES[type].cloneFlag, CLONE_FLAGS)];
    program.op('setns', args, { step: 'join', onError: end, namespaces: [type] });
  }
  if (namespaces.length > 0) {
    // All in one call: the thread has all of them, or none.
    program.op('unshare', [words(cloneFlags(namespaces), CLONE_FLAGS)], { step: 'unshare', onError: end, namespaces });
  }
  addPropagation(program, plan, end);
  if (network !== null) {
    const refuse: Refusal = (sent, answer, size) => {
      answers.push({ sent, address: answer.value, read: size.value });
      program.op('close', [num(-1)], { onError: end, expected: true });
    };
    opened.push(...addNetwork(program, network, caller, refuse, end));
  }
  addNames(program, plan, end);
  program.place(end);
  for (const fd of opened) program.op('close', [fd], { onError: 'next' });
  return answers;
};

/**
 * Moves the calling thread. After an error of `join` or `unshare` it is where it was, or has joined only some; after
 * any other it is in its new namespaces, half set up.
 */
export const moveThread = (host: Host, plan: ThreadPlan): Result<void, SetupFailed> => {
  let answers: readonly Answer[] = [];
  return host
    .runCalls((program) => {
      answers = addMove(program, plan);
    })
    .mapErr((errno) => stepFailed(NO_MEMORY, errno))
    .andThen((program): Result<void, SetupFailed> => {
      const refused = answers.find(({ read }) => program.result(read) > 0);
      const op = program.ops[refused?.sent ?? program.read32(program.record + RECORD.op)];
      if (op === undefined) return ok(undefined);
      if (refused === undefined) return err(stepFailed(op, program.read64(program.record + RECORD.errno)));
      const answer = program.bytesAt(refused.address, program.result(refused.read));
      return err(refusedMessage(op, op.options.netlink ?? [], answer));
    });
};
