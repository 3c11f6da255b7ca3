import { type Duplex, PassThrough } from 'node:stream';

/**
 * What comes from a socket that Node.js made, held back until somebody reads it: by itself such a socket would have
 * ended, unseen, when a child was quick and wrote nothing.
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
