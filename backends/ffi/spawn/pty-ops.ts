import type { SpawnPlan } from '../../../lib/plan.ts';
import { AT, CMSG, IOCTL, MSG, OPEN } from '../abi/constants.ts';
import { type Argument, addressOfOp, int32At, num, resultOf, shown, words } from '../program/argument.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';
import { OP } from '../program/layout.ts';

const QUIET = { onError: 'next' } as const;

/** A message of one byte with room for one fd; its address, and that of the fd. */
const addMessage = (program: ProgramBuilder): { readonly message: number; readonly fd: number } => {
  const iovec = program.int64s([program.zeros(8), 1]);
  const control = program.int32s(CMSG.length, 0, CMSG.SOL_SOCKET, CMSG.SCM_RIGHTS, -1, 0);
  return { message: program.int64s([0, 0, iovec, 1, control, CMSG.space, 0]), fd: control + CMSG.data };
};

/** A devpts that the mounts of the child bring along. */
const hasOwnDevpts = ({ mounts }: SpawnPlan): boolean =>
  mounts.some(
    (entry) =>
      (entry.type === 'dev' && entry.target === '/dev') ||
      (entry.type === 'filesystem' && entry.filesystem === 'devpts' && entry.target === '/dev/pts'),
  );

/**
 * Opens a pseudo-terminal, hands its master out to Node and gives it its size.
 *
 * @param socket - the fd through which the master goes
 * @returns the slave, and all fds that are open
 */
const addOpenPty = (
  program: ProgramBuilder,
  plan: SpawnPlan,
  socket: Argument,
  fail: Label,
): { readonly slave: Argument; readonly fds: readonly Argument[] } => {
  const path = hasOwnDevpts(plan) ? '/dev/pts/ptmx' : '/dev/ptmx';
  const options = { step: 'pty', onError: fail, path } as const;
  const flags = OPEN.O_RDWR | OPEN.O_NOCTTY | OPEN.O_CLOEXEC;
  // Node is not to wait for a terminal that nobody reads; the slave is an open file of its own.
  const opening = [words(AT.AT_FDCWD, AT), program.string(path), words(flags | OPEN.O_NONBLOCK, OPEN)];
  const opened = program.op('openat', opening, options);
  const master = resultOf(opened, 'master');
  const request = (name: keyof typeof IOCTL): Argument => words(IOCTL[name], IOCTL);
  program.op('ioctl', [master, request('TIOCSPTLCK'), shown(program.zeros(8), '[0]')], options);
  const slave = resultOf(program.op('ioctl', [master, request('TIOCGPTPEER'), words(flags, OPEN)], options), 'slave');
  const { columns, rows } = plan.pty ?? { columns: 0, rows: 0 };
  const size = program.int32s((columns << 16) | rows, 0);
  program.op('ioctl', [slave, request('TIOCSWINSZ'), shown(size, `{ws_row=${rows}, ws_col=${columns}}`)], options);
  // The fd has to stand in the message. An op's result stands in the op, and a pipe copies it from there.
  const { message, fd } = addMessage(program);
  const pair = program.int32s(-1, -1);
  const [read, write] = [int32At(pair, 'pair.r'), int32At(pair + 4, 'pair.w')];
  program.op('pipe2', [shown(pair, 'pair'), words(OPEN.O_CLOEXEC, OPEN)], options);
  program.op('write', [write, addressOfOp(opened), num(OP.args)], options);
  program.op('read', [read, shown(program.room(OP.result), '&skipped'), num(OP.result)], options);
  program.op('read', [read, shown(fd, '&cmsg.fd'), num(4)], options);
  program.op('sendmsg', [socket, shown(message, '{SCM_RIGHTS, [master]}'), words(MSG.MSG_NOSIGNAL, MSG)], options);
  for (const one of [read, write, master]) program.op('close', [one], QUIET);
  return { slave, fds: [slave, socket] };
};

type Pty = ReturnType<typeof addOpenPty> | null;

/** Opens the pseudo-terminal while the caller's devpts is in sight; null where it is not this one that is wanted. */
export const addEarlyPty = (program: ProgramBuilder, plan: SpawnPlan, socket: Argument | null, fail: Label): Pty =>
  socket === null || hasOwnDevpts(plan) ? null : addOpenPty(program, plan, socket, fail);

/** Opens the pseudo-terminal in the devpts that the child sees, when it has one of its own. */
export const addLatePty = (program: ProgramBuilder, plan: SpawnPlan, socket: Argument | null, fail: Label): Pty =>
  socket !== null && hasOwnDevpts(plan) ? addOpenPty(program, plan, socket, fail) : null;

/** Makes the pseudo-terminal the controlling one of the session that the command leads; wants setsid(2) before. */
export const addControllingTerminal = (program: ProgramBuilder, { stdio, pty }: SpawnPlan, fail: Label): void => {
  if (pty === null) return;
  const fd = stdio.findIndex(({ type }) => type === 'pty');
  program.op('ioctl', [num(fd), words(IOCTL.TIOCSCTTY, IOCTL), num(0)], { step: 'pty', onError: fail });
};

/** Takes the master out of the socket, in the first op; its fd is then at the address that is returned. */
export const addTakeMaster = (program: ProgramBuilder, socket: number): number => {
  const { message, fd } = addMessage(program);
  const flags = words(MSG.MSG_DONTWAIT | MSG.MSG_CMSG_CLOEXEC, MSG);
  program.op('recvmsg', [num(socket), shown(message, '&message'), flags], QUIET);
  program.op('close', [num(socket)], QUIET);
  return fd;
};

/** Gives the terminal another size. */
export const addResize = (program: ProgramBuilder, master: number, columns: number, rows: number): number => {
  const size = shown(program.int32s((columns << 16) | rows, 0), '&winsize');
  return program.op('ioctl', [num(master), words(IOCTL.TIOCSWINSZ, IOCTL), size], QUIET);
};
