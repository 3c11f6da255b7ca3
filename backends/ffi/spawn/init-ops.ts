import type { SpawnPlan } from '../../../lib/plan.ts';
import { CAPABILITY_VERSION_3, KERNEL_SIGSET_SIZE, POLL, PRCTL, SIG, SIGINFO, WAIT } from '../abi/constants.ts';
import { type Argument, int32At, NULL, num, resultOf, shown, words } from '../program/argument.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';
import { jump } from './mount-target.ts';
import { addParentDeath, parentFd } from './parent-ops.ts';

/** The fds that init keeps: where it tells how the command ended, and where its signals come in. */
const [TELL, SIGNALS] = [0, 1];
/** linux/capability.h */
const CAP_KILL = 5;
const QUIET = { onError: 'next' } as const;

/** The set of all signals but one; `null` for all. */
const signalSet = (program: ProgramBuilder, only: number | null, but: number | null): number => {
  const low = only !== null ? 1 << (only - 1) : but !== null ? ~(1 << (but - 1)) : -1;
  return program.int32s(low, only === null ? -1 : 0);
};

/** Closes everything that init has no use for: who reads the other end of a pipe waits for the last one to close it. */
const addCloseAll = (
  program: ProgramBuilder,
  { tell, others, strays }: { tell: Argument; others: readonly Argument[]; strays: readonly number[] | null },
  bye: Label,
): void => {
  program.op('dup3', [tell, num(TELL), num(0)], { onError: bye, expected: true });
  if (strays === null) {
    program.op('close_range', [num(TELL + 1), shown(0xffffffff, '~0U'), num(0)], QUIET);
    return;
  }
  for (const fd of [...others, tell]) program.op('close', [fd], QUIET);
  for (const fd of strays) if (fd > TELL) program.op('close', [num(fd)], QUIET);
};

/** Gives up what a process that waits and passes on signals has no use for. */
const addGiveUpPrivileges = (program: ProgramBuilder): void => {
  const header = shown(program.int32s(CAPABILITY_VERSION_3, 0), '{_LINUX_CAPABILITY_VERSION_3, 0}');
  const mask = 1 << CAP_KILL;
  const kill = shown(program.int32s(mask, mask, 0, 0, 0, 0), '{effective=CAP_KILL, permitted=CAP_KILL}');
  const none = shown(program.zeros(24), '{}');
  const done = program.label();
  // A command of another user can only be signalled with it.
  program.op('capset', [header, kill], { onError: 'next', onZero: done });
  program.op('capset', [header, none], QUIET);
  program.place(done);
  // Its memory holds the caller's environment.
  program.op('prctl', [words(PRCTL.PR_SET_DUMPABLE, PRCTL), num(0)], QUIET);
};

/**
 * Clones the command's process and stays behind as pid 1: passes on every signal, takes the status of every orphan, tells
 * how the command ended, and ends, which ends whatever is left in the pid namespace.
 *
 * @param tell - the fd on which the wait status is told
 * @param others - fds that are open besides those of `strays`
 */
export const addInit = (
  program: ProgramBuilder,
  { init, parentDeathSignal }: SpawnPlan,
  {
    parent,
    ...fds
  }: {
    readonly tell: Argument;
    readonly others: readonly Argument[];
    readonly strays: readonly number[] | null;
    readonly parent: number | null;
  },
  fail: Label,
): void => {
  if (!init) return;
  const [command, wake, signals] = [program.label(), program.label(), program.label()];
  const [reap, orphan, bye] = [program.label(), program.label(), program.label()];
  const clone = program.op('clone', [words(SIG.SIGCHLD, SIG), NULL, NULL, NULL, NULL], {
    step: 'init',
    onError: fail,
    onZero: command,
  });
  const pid = resultOf(clone, 'command');
  const expected = (onError: Label) => ({ onError, expected: true }) as const;
  // The keys of a terminal are for the command: what is in another group than the one in the foreground gets none.
  program.op('setpgid', [num(0), num(0)], QUIET);
  addParentDeath(program, { parentDeathSignal }, parent, QUIET, () => jump(program, bye));
  addCloseAll(program, fds, bye);
  addGiveUpPrivileges(program);
  // Every signal is blocked since before the clone: here they wait until they are taken.
  const size = num(KERNEL_SIGSET_SIZE);
  const all = shown(signalSet(program, null, null), '~[]');
  const opened = program.op('signalfd4', [num(-1), all, size, num(0)], expected(bye));
  program.op('dup3', [resultOf(opened, 'signals'), num(SIGNALS), num(0)], QUIET);
  const poll = shown(program.int32s(SIGNALS, POLL.POLLIN), `[{fd=${SIGNALS}, events=POLLIN}]`);
  const noTime = shown(program.zeros(16), '{0, 0}');
  const info = program.zeros(SIGINFO.size);
  const status = program.int32s(0, 0);

  program.place(wake);
  program.op('ppoll', [poll, num(1), NULL, NULL, num(0)], QUIET);
  const child = shown(signalSet(program, SIG.SIGCHLD, null), '[SIGCHLD]');
  program.op('rt_sigtimedwait', [child, NULL, noTime, size], QUIET);
  program.place(signals);
  const other = shown(signalSet(program, null, SIG.SIGCHLD), '~[SIGCHLD]');
  const taken = program.op('rt_sigtimedwait', [other, NULL, noTime, size], expected(reap));
  program.op('kill', [pid, resultOf(taken, 'signal')], QUIET);
  jump(program, signals);

  // First it is seen who has ended, then asked for the command: when that runs, it was another one.
  program.place(reap);
  const peek = WAIT.WEXITED | WAIT.WNOHANG | WAIT.WNOWAIT;
  program.op('waitid', [words(0, { P_ALL: 0 }), num(0), shown(info, '&info'), words(peek, WAIT), NULL], QUIET);
  program.op('wait4', [pid, shown(status, '&status'), words(WAIT.WNOHANG, WAIT), NULL], {
    ...expected(bye),
    onZero: orphan,
  });
  jump(program, bye);
  program.place(orphan);
  const ended = int32At(info + SIGINFO.pid, 'info.si_pid');
  // Pid 0, for nobody, is an error.
  const taking = [words(1, { P_PID: 1 }), ended, NULL, words(WAIT.WEXITED | WAIT.WNOHANG, WAIT), NULL];
  program.op('waitid', taking, { ...expected(wake), onZero: reap });

  program.place(bye);
  program.op('write', [num(TELL), shown(status, '&status'), num(4)], QUIET);
  // The exit code is the second byte of a wait status.
  program.op('exit_group', [int32At(status + 1, 'status >> 8')], QUIET);
  program.place(command);
  if (parent !== null) program.op('close', [parentFd(parent)], QUIET);
};
