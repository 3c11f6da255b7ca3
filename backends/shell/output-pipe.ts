import { type Duplex, PassThrough } from 'node:stream';

/**
 * What a child writes, held back until somebody reads it.
 *
 * @remarks A socket of Node.js ends by itself, unseen, when its child was quick and wrote nothing. This one ends when its
 * end has been read, and lets go of the fd as soon as the child has.
 */
export class OutputPipe extends PassThrough {
  readonly #socket: Duplex & { ref?: () => unknown; unref?: () => unknown };

  constructor(socket: Duplex) {
    super();
    this.#socket = socket;
    // A pipe that breaks has given what it had.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.end());
    socket.pipe(this);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#socket.destroy();
    super._destroy(error, callback);
  }

  /** Keeps the event loop alive while the child may write; the default. */
  ref(): this {
    this.#socket.ref?.();
    return this;
  }

  /** Lets the event loop end though the child may write. */
  unref(): this {
    this.#socket.unref?.();
    return this;
  }
}
