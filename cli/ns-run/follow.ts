import type { ResultAsync } from 'neverthrow';
import type { Child, EnterError, ExitError } from '../../lib/index.ts';
import { signalCode, statusCode } from './exit-code.ts';
import type { Io } from './io.ts';
import { holdSignals } from './signals.ts';

/** What a program does around its command. */
interface Following<E> {
  readonly forwardSignals: boolean;
  /** Called once the command runs, or will not. */
  readonly started: () => void;
  /** Called when the command has ended, and waited for. */
  readonly over?: () => Promise<void>;
  /** Says what went wrong, and with which exit code to end. */
  readonly failed: (error: E | ExitError) => number;
}

/**
 * Starts a command, shares its signals until it has ended, and tells the exit code.
 *
 * @param start - starts the command, unless the signal is aborted before it runs
 */
export const followed = async <E extends EnterError>(
  start: (signal: AbortSignal) => ResultAsync<Child, E>,
  io: Io,
  { forwardSignals, started, over, failed }: Following<E>,
): Promise<number> => {
  const held = holdSignals(forwardSignals);
  const child = await start(held.abort);
  started();
  const ended = await child
    .mapErr((error): E | ExitError => error)
    .asyncAndThen((running) => {
      held.follow(running);
      return running.exit;
    });
  await over?.();
  held.release();
  return ended.match(
    (status) => {
      const stood = status.type === 'killed' && status.signal === 'SIGKILL' ? held.endedBy() : null;
      // A shell ends its own loop only when it sees that Ctrl-C killed what it ran.
      if (stood === 'SIGINT' || (status.type === 'killed' && status.signal === 'SIGINT')) io.die('SIGINT');
      return stood === null ? statusCode(status) : signalCode(stood);
    },
    (error) => {
      const signal = error.type === 'aborted' ? held.endedBy() : null;
      if (signal === null) return failed(error);
      if (signal === 'SIGINT') io.die(signal);
      return signalCode(signal);
    },
  );
};
