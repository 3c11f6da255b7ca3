import type { SpawnPlan } from '../../../lib/plan.ts';
import { FCNTL, PIDFD_THREAD, POLL, PRCTL } from '../abi/constants.ts';
import { type Argument, addressOfOp, int32At, NULL, num, resultOf, shown, words } from '../program/argument.ts';
import type { Label, OpOptions, ProgramBuilder } from '../program/builder.ts';
import { OP } from '../program/layout.ts';
import { jump } from './mount-target.ts';

/** An fd is a 32-bit number. */
const FD_SIZE = 4;

/** Lays out where the child finds a pidfd of its parent, a struct pollfd; null where it does not ask for that. */
export const layOutParent = (program: ProgramBuilder, { parentDeathSignal }: SpawnPlan): number | null =>
  parentDeathSignal === null ? null : program.int32s(-1, POLL.POLLIN);

export const parentFd = (parent: number): Argument => int32At(parent, 'parent');

/**
 * Opens a pidfd of the calling thread, whose end it is that sends the signal; of the process before Linux 6.9, and none before
 * 5.3. It has a number that stdio will not take, which is carried to the child's memory through a pipe that is still empty.
 */
export const addOpenParent = (
  program: ProgramBuilder,
  parent: number,
  { stdio }: SpawnPlan,
  pipe: { readonly read: Argument; readonly write: Argument },
): void => {
  const [older, take, none] = [program.label(), program.label(), program.label()];
  const open = (pid: Argument, flags: Argument, onError: Label): void => {
    const pidfd = resultOf(program.op('pidfd_open', [pid, flags], { onError, expected: true }), 'pidfd');
    const high = [pidfd, words(FCNTL.F_DUPFD_CLOEXEC, FCNTL), num(stdio.length)];
    const copy = program.op('fcntl', high, { onError: 'next' });
    program.op('close', [pidfd], { onError: 'next' });
    program.op('write', [pipe.write, addressOfOp(copy, OP.result), num(FD_SIZE)], { onError: 'next' });
  };
  const self = program.op('gettid', [], { onError: 'next' });
  open(resultOf(self, 'gettid()'), words(PIDFD_THREAD, { PIDFD_THREAD }), older);
  jump(program, take);
  program.place(older);
  open(shown(process.pid, 'getpid()'), num(0), none);
  program.place(take);
  program.op('read', [pipe.read, shown(parent, '&parent'), num(FD_SIZE)], { onError: 'next' });
  program.place(none);
};

/**
 * Asks for a signal at the parent's death, and then whether that has been: who is gone by then has no signal to send any
 * more. A pidfd tells it from every pid namespace; getppid(2) does not.
 *
 * @param parent - where its pidfd is; null: nobody has to be asked for
 * @param gone - what a child does whose parent is gone
 */
export const addParentDeath = (
  program: ProgramBuilder,
  { parentDeathSignal }: Pick<SpawnPlan, 'parentDeathSignal'>,
  parent: number | null,
  options: OpOptions,
  gone: () => void,
): void => {
  if (parentDeathSignal === null) return;
  program.op('prctl', [words(PRCTL.PR_SET_PDEATHSIG, PRCTL), num(parentDeathSignal)], options);
  if (parent === null) return;
  const lives = program.label();
  const poll = shown(parent, '[{fd=parent, events=POLLIN}]');
  const now = shown(program.int64s([0, 0]), '{0, 0}');
  program.op('ppoll', [poll, num(1), now, NULL, num(0)], { onError: lives, onZero: lives, expected: true });
  gone();
  program.place(lives);
  program.op('close', [parentFd(parent)], { onError: 'next' });
};
