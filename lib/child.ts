import type { Readable, Writable } from 'node:stream';
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import type { Launched } from './backend.ts';
import { ERRNO } from './errno.ts';
import {
  type ExitError,
  type ProcessGone,
  type ResizeFailed,
  resizeFailed,
  type SignalFailed,
  signalFailed,
} from './errors.ts';
import type { ExitStatus } from './exit.ts';
import { type NamespaceIds, namespaceIds } from './namespace-ids.ts';
import type { PtySize } from './plan.ts';
import { type SignalName, signalNumber } from './signal.ts';
import type { StopWatch } from './stop.ts';

/** What a child handle is made from. */
export interface ChildParts {
  readonly pid: number;
  readonly backend: string;
  readonly launched: Launched;
  readonly watch: StopWatch;
  readonly killSignal: SignalName;
}

/**
 * A running command.
 *
 * @remarks The event loop stays alive until the command has ended, unless {@link Child.unref} was called. Disposing of
 * the handle (`await using`) kills the command with SIGKILL and waits for its end.
 */
export class Child implements AsyncDisposable {
  /** The command's process id as the caller sees it; inside a new pid namespace the command is pid 1. */
  readonly pid: number;
  /** The name of the backend that started it. */
  readonly backend: string;
  /** Our ends of the pipes by fd of the child; null where there is none. A terminal is one stream for all of its fds. */
  readonly stdio: readonly (Readable | Writable | null)[];
  /** How the command ended; `timed-out` and `aborted` carry the status too. */
  readonly exit: ResultAsync<ExitStatus, ExitError>;
  readonly #parts: ChildParts;
  #ended = false;

  /** @internal */
  constructor(parts: ChildParts) {
    const { launched, watch } = parts;
    this.#parts = parts;
    this.pid = parts.pid;
    this.backend = parts.backend;
    this.stdio = launched.stdio;
    this.exit = launched.exit
      .map((status): ExitStatus => status)
      .andThen((status): Result<ExitStatus, ExitError> => {
        this.#ended = true;
        watch.release();
        const stopped = watch.stopped(status);
        return stopped === null ? ok(status) : err(stopped);
      })
      .mapErr((error) => {
        this.#ended = true;
        watch.release();
        return error;
      });
  }

  /** The pipe to fd 0, or null. */
  get stdin(): Writable | null {
    return (this.stdio[0] as Writable | null | undefined) ?? null;
  }

  /** The pipe from fd 1, or null. */
  get stdout(): Readable | null {
    return (this.stdio[1] as Readable | null | undefined) ?? null;
  }

  /** The pipe from fd 2, or null. */
  get stderr(): Readable | null {
    return (this.stdio[2] as Readable | null | undefined) ?? null;
  }

  /**
   * Sends a signal to the command.
   *
   * @remarks Goes through the pidfd where the kernel has one (since Linux 5.3), so that it never reaches a process that
   * got the same pid later. Pid 1 of a pid namespace ignores every signal it has no handler for but SIGKILL and SIGSTOP.
   * @param signal - a name; the spec's `killSignal` when left out
   * @returns nothing, or `signal-failed`: ESRCH (it has ended), EPERM, EINVAL (no such signal)
   * @see pidfd_send_signal(2), pid_namespaces(7)
   */
  kill(signal: SignalName = this.#parts.killSignal): Result<void, SignalFailed> {
    const number = signalNumber(signal);
    if (number === undefined) return err(signalFailed(this.pid, ERRNO.EINVAL));
    if (this.#ended) return err(signalFailed(this.pid, ERRNO.ESRCH));
    return this.#parts.launched.kill(number);
  }

  /** @internal Whether the command has not been waited for yet, so that its pid is nobody else's. */
  isPresent(): boolean {
    return !this.#ended && this.#parts.launched.kill(0).isOk();
  }

  /**
   * Gives the command's terminal another size; its foreground process group gets SIGWINCH.
   *
   * @param size - in characters; each from 1 to 65535
   * @returns nothing, or `resize-failed`: ENOTTY (no `pty` among stdio), EINVAL (no such size), EIO (it is closed)
   * @see ioctl_tty(2)
   */
  resize(size: PtySize): Result<void, ResizeFailed> {
    const { resize } = this.#parts.launched;
    const fail = (code: number): Result<void, ResizeFailed> => err(resizeFailed(this.pid, code));
    if (resize === undefined) return fail(ERRNO.ENOTTY);
    const fits = [size.columns, size.rows].every((n) => Number.isInteger(n) && n >= 1 && n <= 0xffff);
    return fits ? resize(size).orElse(fail) : fail(ERRNO.EINVAL);
  }

  /**
   * Which namespaces the command is in, by inode number.
   *
   * @returns the ids, or `process-gone` when it has ended or /proc does not show it
   * @see namespaces(7)
   */
  namespaces(): Result<NamespaceIds, ProcessGone> {
    return namespaceIds(this.pid);
  }

  /** Keeps the event loop alive until the command has ended; the default. */
  ref(): this {
    return this.#setRef(true);
  }

  /** Lets the event loop end while the command runs; its pipes, if any, have `unref` of their own. */
  unref(): this {
    return this.#setRef(false);
  }

  /** Kills the command with SIGKILL, if it still runs, and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) this.kill('SIGKILL').unwrapOr(undefined);
    // How it ended is of no interest to who throws it away.
    await this.exit.match(
      () => undefined,
      () => undefined,
    );
    for (const stream of this.stdio) stream?.destroy();
  }

  #setRef(ref: boolean): this {
    this.#parts.launched.setRef(ref);
    this.#parts.watch.setRef(ref);
    return this;
  }
}
