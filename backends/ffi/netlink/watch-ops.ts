import { POLL } from '../abi/constants.ts';
import { RTMGRP, SOCKADDR_NL, SOCKET } from '../abi/netlink.ts';
import { type Argument, addressOfOp, NULL, num, resultOf, shown } from '../program/argument.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';
import { OP } from '../program/layout.ts';
import { addNetlinkSocket } from './socket.ts';

/** What begins a piece of what is written: messages, behind the op that read them, or that some were lost. */
export const PIECE = { messages: 1, overrun: 2, tagSize: 8 } as const;

/** The most that comes in one datagram; a multicast message is far smaller. */
const DATAGRAM_SIZE = 32_768;
/** Where the socket is put, in the place of stderr: poll(2) takes numbers that are known. */
const [STDIN, STDOUT, SOCKET_FD] = [0, 1, 2];
const QUIET = { onError: 'next' } as const;

const jump = (program: ProgramBuilder, label: Label): void => {
  program.op('close', [num(-1)], { onError: label, expected: true });
};

/** Adds a socket that hears of every change of links, addresses and routes. */
const addSubscription = (program: ProgramBuilder, fail: Label): void => {
  const options = { step: 'network', onError: fail } as const;
  const socket = addNetlinkSocket(program, 'NETLINK_ROUTE', options);
  const groups = Object.values(RTMGRP).reduce((all, group) => all | group, 0);
  const address = program.int32s(SOCKET.AF_NETLINK, 0, groups);
  const text = `{nl_groups=${Object.keys(RTMGRP).join('|')}}`;
  program.op('bind', [socket, shown(address, text), num(SOCKADDR_NL.size)], options);
  program.op('dup3', [socket, num(SOCKET_FD), num(0)], options);
  program.op('close', [socket], QUIET);
};

/**
 * Adds ops that write to stdout what changes in the network the program is in, until stdin ends. The status pipe ends when
 * every later change is heard of.
 *
 * When the socket overran, the kernel tells so once, and lets nothing more in before all that was there has been read:
 * `overrun` is written after that, so that who reads the network anew then misses nothing.
 */
export const addNetworkWatch = (program: ProgramBuilder, status: Argument, fail: Label): void => {
  addSubscription(program, fail);
  program.op('close', [status], QUIET);
  const [wake, lost, drained] = [program.label(), program.label(), program.label()];
  const [ask, end] = [program.label(), program.label()];
  const expected = (onError: Label) => ({ onError, expected: true }) as const;
  const datagram = shown(program.room(DATAGRAM_SIZE), 'datagram');
  const noTime = shown(program.zeros(16), '{0, 0}');
  const size = num(0);
  const list = program.int32s(STDIN, POLL.POLLIN, SOCKET_FD, POLL.POLLIN);
  const both = [shown(list, '[{fd=0, events=POLLIN}, {fd=2, events=POLLIN}]'), num(2)];
  const stdin = [shown(list, '[{fd=0, events=POLLIN}]'), num(1)];
  const socket = [shown(list + 8, '[{fd=2, events=POLLIN}]'), num(1)];
  const tag = (kind: number, name: string): void => {
    const written = [num(STDOUT), shown(program.int32s(kind, 0), `{${name}}`), num(PIECE.tagSize)];
    program.op('write', written, expected(end));
  };
  const relay = (onError: Label): void => {
    const read = program.op('read', [num(SOCKET_FD), datagram, num(DATAGRAM_SIZE)], expected(onError));
    tag(PIECE.messages, 'messages');
    program.op('write', [num(STDOUT), addressOfOp(read), num(OP.args)], expected(end));
    program.op('write', [num(STDOUT), datagram, resultOf(read, 'size')], expected(end));
  };

  program.place(wake);
  program.op('ppoll', [...both, NULL, NULL, size], QUIET);
  program.op('ppoll', [...socket, noTime, NULL, size], { ...expected(end), onZero: ask });
  relay(lost);
  jump(program, wake);

  // ENOBUFS: what is there comes through, then it is said that something is missing.
  program.place(lost);
  program.op('ppoll', [...socket, noTime, NULL, size], { ...expected(end), onZero: drained });
  relay(lost);
  jump(program, lost);
  program.place(drained);
  tag(PIECE.overrun, 'overrun');
  jump(program, wake);

  // Nobody writes to stdin: that there is something to read means that it has ended.
  program.place(ask);
  program.op('ppoll', [...stdin, noTime, NULL, size], { ...expected(end), onZero: wake });
  program.place(end);
  program.op('exit_group', [num(0)], QUIET);
};
