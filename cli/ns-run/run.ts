import { type ExitError, type SpawnError, spawn } from '../../lib/index.ts';
import { errorCode, signalCode, statusCode } from './exit-code.ts';
import type { Io } from './io.ts';
import { report } from './report.ts';
import type { RunRequest } from './request.ts';
import { holdSignals } from './signals.ts';

/** Runs the command to its end and tells the exit code. */
export const run = async (request: RunRequest, io: Io): Promise<number> => {
  const held = holdSignals(request.forwardSignals);
  const spec = { ...(io.backend === undefined ? {} : { backend: io.backend }), ...request.spec, signal: held.abort };
  const ended = await spawn(request.command, request.args, spec)
    .mapErr((error): SpawnError | ExitError => error)
    .andThen((child) => {
      held.follow(child);
      return child.exit;
    });
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
      if (signal === null) {
        io.stderr(report(error));
        return errorCode(error);
      }
      if (signal === 'SIGINT') io.die(signal);
      return signalCode(signal);
    },
  );
};
