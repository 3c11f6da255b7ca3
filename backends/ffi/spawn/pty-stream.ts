import { closeSync, readSync, write } from 'node:fs';
import { Duplex } from 'node:stream';
import { ReadStream } from 'node:tty';

/** When a terminal that took nothing is asked again, ms; there is no event for it. */
const RETRY_MS = 5;
/** More than a terminal gives at once. */
const READ_SIZE = 65_536;

type Done = (error?: Error | null) => void;

/**
 * The master of a pseudo-terminal: what is written is typed, what is read is shown.
 *
 * libuv reads it as a terminal, and falls short of it twice. Its writes to a terminal wait, and so keep the event loop from
 * reading what the other side has to say before it reads: writing goes through fs. And it takes the first short read after
 * a hang-up for the last one: what is left is read here.
 */
export class PtyStream extends Duplex {
  /** A copy of the fd that libuv has, and closes when it thinks fit. */
  readonly #fd: number;
  readonly #terminal: ReadStream;
  #isOpen = true;
  #writing = false;
  #retry: NodeJS.Timeout | null = null;
  #afterWrite: (() => void) | null = null;

  /** @param fds - the master twice, neither of which blocks; closed with the stream */
  constructor(fds: { readonly read: number; readonly own: number }) {
    super({ allowHalfOpen: true });
    this.#fd = fds.own;
    this.#terminal = new ReadStream(fds.read);
    this.#terminal.on('data', (bytes: Buffer) => {
      if (!this.push(bytes)) this.#terminal.pause();
    });
    // EIO is how a terminal says that nobody has the other side open any more.
    this.#terminal.on('error', () => this.#terminal.destroy());
    this.#terminal.on('close', () => {
      if (this.destroyed) return;
      this.#pushRest();
      this.push(null);
    });
    this.#terminal.pause();
  }

  /** The master, as long as it is open. */
  get fd(): number | null {
    return this.#isOpen ? this.#fd : null;
  }

  ref(): this {
    this.#terminal.ref();
    return this;
  }

  unref(): this {
    this.#terminal.unref();
    return this;
  }

  override _read(): void {
    if (!this.#terminal.destroyed) this.#terminal.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    if (!this.#isOpen) {
      done();
      return;
    }
    this.#writing = true;
    write(this.#fd, chunk, (error, count) => {
      this.#writing = false;
      this.#afterWrite?.();
      if (error?.code === 'EAGAIN' && this.#isOpen) {
        this.#retry = setTimeout(() => this._write(chunk, 'utf8', done), RETRY_MS);
      } else if (error !== null) {
        // Nobody is left on the other side: what is not read there is no error of who wrote it.
        done(error.code === 'EIO' || error.code === 'EAGAIN' ? null : error);
      } else if (count < chunk.length) {
        this._write(chunk.subarray(count), 'utf8', done);
      } else {
        done();
      }
    });
  }

  override _destroy(error: Error | null, done: Done): void {
    clearTimeout(this.#retry ?? undefined);
    this.#isOpen = false;
    this.#terminal.destroy();
    const close = (): void => {
      closeSync(this.#fd);
      done(error);
    };
    // The number of a closed fd may be another file's by the time a write in another thread comes to it.
    if (this.#writing) this.#afterWrite = close;
    else close();
  }

  #pushRest(): void {
    const bytes = Buffer.allocUnsafe(READ_SIZE);
    try {
      for (;;) {
        const count = readSync(this.#fd, bytes);
        if (count === 0) return;
        this.push(Buffer.from(bytes.subarray(0, count)));
      }
    } catch {
      // EIO: that was all. EAGAIN: somebody has opened the other side again, whom nobody will hear.
    }
  }
}
