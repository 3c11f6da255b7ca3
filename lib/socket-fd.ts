import type { Socket as DatagramSocket } from 'node:dgram';
import type { Server, Socket } from 'node:net';

/** A socket of Node.js, or the number of an open fd that is one. */
export type SocketTarget = Socket | Server | DatagramSocket | number;

interface Handle {
  readonly fd?: unknown;
}

const isObject = (value: unknown): value is Record<PropertyKey, unknown> => typeof value === 'object' && value !== null;

/** Where Node.js keeps the handle of a socket: a datagram socket has it among its state, and warns who asks for `_handle`. */
const handleOf = (socket: Record<PropertyKey, unknown>): Handle | null => {
  const state = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
  const holder = state === undefined ? socket : socket[state];
  const handle = isObject(holder) ? holder[state === undefined ? '_handle' : 'handle'] : null;
  return isObject(handle) ? handle : null;
};

/** The fd of a socket; null when it is none, or has not been opened, or not any more. */
export const socketFd = (socket: unknown): number | null => {
  const fd = isObject(socket) ? handleOf(socket)?.fd : socket;
  return typeof fd === 'number' && Number.isInteger(fd) && fd >= 0 && fd <= 0x7fffffff ? fd : null;
};
