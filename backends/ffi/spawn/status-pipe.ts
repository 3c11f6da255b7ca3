import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { RECORD } from '../program/layout.ts';

/** All sockets read into this; each call copies what it got before the next. */
const shared = Buffer.allocUnsafe(4_096);

/**
 * Reads a status pipe to its end, which comes with the execve of the command or with the end of the child.
 *
 * @param fd - our end; closed at the end
 * @param onRecord - called whenever at least one more record is complete, with all bytes so far
 * @param onEnd - called once, with all bytes
 */
export const readStatusPipe = (fd: number, onRecord: (bytes: Buffer) => void, onEnd: (bytes: Buffer) => void): void => {
  let bytes: Buffer = Buffer.alloc(0);
  const onread: OnReadOpts = {
    buffer: shared,
    callback: (count, buffer) => {
      bytes = Buffer.concat([bytes, buffer.subarray(0, count)]);
      if (bytes.length >= RECORD.size) onRecord(bytes);
      return true;
    },
  };
  const options: SocketConstructorOpts & { onread: OnReadOpts } = { fd, readable: true, writable: false, onread };
  const socket = new Socket(options);
  // A pipe that breaks says as much as one that ends: close follows.
  socket.on('error', () => socket.destroy());
  socket.on('close', () => onEnd(bytes));
};
