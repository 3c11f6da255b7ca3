import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { FCNTL, OPEN, SIG } from '../abi/constants.ts';
import { type Argument, num, shown, words } from '../program/argument.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';

const FIRST_READ_SIZE = 512;
const SECOND_READ_SIZE = 4_096;

/** The reads of a status pipe in a program: their ops, and where they read to. */
export type StatusReads = readonly (readonly [op: number, address: number])[];

/** Has a pipe send SIGCHLD, which is listened to anyway and harmless where nobody does, when it can be read or has ended. */
export const addSignal = (program: ProgramBuilder, pipe: Argument): void => {
  const ask = (what: Argument, value: Argument): void => {
    program.op('fcntl', [pipe, what, value], { onError: 'next' });
  };
  ask(words(FCNTL.F_SETSIG, FCNTL), words(SIG.SIGCHLD, SIG));
  ask(words(FCNTL.F_SETOWN, FCNTL), shown(process.pid, 'getpid()'));
  ask(words(FCNTL.F_SETFL, FCNTL), words(OPEN.O_NONBLOCK | OPEN.O_ASYNC, OPEN));
};

/**
 * Reads our end, which does not block, and closes it at the end of the pipe; what is more than a look takes is for the next
 * one.
 *
 * @param signals - a pipe that has not ended is to send a signal when it does
 */
export const addStatusReads = (program: ProgramBuilder, status: Argument, signals = false): StatusReads => {
  const later = program.label();
  const ended = program.label();
  const wait = signals ? program.label() : later;
  const read = (size: number, onError: Label): readonly [number, number] => {
    const address = program.room(size);
    const args = [status, shown(address, 'buf'), num(size)];
    return [program.op('read', args, { onError, onZero: ended, expected: true }), address];
  };
  const reads = [read(FIRST_READ_SIZE, wait), read(SECOND_READ_SIZE, wait)];
  if (signals) {
    program.place(wait);
    addSignal(program, status);
    // It may have ended before it was asked to tell.
    reads.push(read(SECOND_READ_SIZE, later));
  }
  program.op('close', [num(-1)], { onError: later, expected: true });
  program.place(ended);
  program.op('close', [status], { onError: 'next' });
  program.place(later);
  return reads;
};

/** What came through a status pipe. */
export interface StatusPart {
  readonly bytes: Buffer;
  /** Nothing more will. */
  readonly ended: boolean;
}

/** What the reads of a program that has run came to. */
export const takeStatus = (program: ProgramBuilder, reads: StatusReads): StatusPart => {
  const parts: Buffer[] = [];
  let ended = false;
  for (const [op, address] of reads) {
    const count = program.result(op);
    if (count > 0) parts.push(program.bytesAt(address, count));
    // An op that was not reached reads as -1.
    if (count === 0) ended = true;
  }
  return { bytes: Buffer.concat(parts), ended };
};

/** All sockets read into this; each call copies what it got before the next. */
const shared = Buffer.allocUnsafe(4_096);

/**
 * Reads a status pipe to its end, which comes with the execve of the command or with the end of the child.
 *
 * @param fd - our end; closed at the end
 * @param onStatus - called with what has come, and once more at the end
 */
export const readStatusPipe = (fd: number, onStatus: (bytes: Buffer, ended: boolean) => void): void => {
  const onread: OnReadOpts = {
    buffer: shared,
    callback: (count, buffer) => {
      onStatus(Buffer.from(buffer.subarray(0, count)), false);
      return true;
    },
  };
  const options: SocketConstructorOpts & { onread: OnReadOpts } = { fd, readable: true, writable: false, onread };
  const socket = new Socket(options);
  // A pipe that breaks says as much as one that ends: close follows.
  socket.on('error', () => socket.destroy());
  socket.on('close', () => onStatus(Buffer.alloc(0), true));
};
