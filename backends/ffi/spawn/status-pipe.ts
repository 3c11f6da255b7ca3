import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';

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
