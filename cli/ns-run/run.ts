import type { ResultAsync } from 'neverthrow';
import { type Child, type SpawnError, spawn } from '../../lib/index.ts';
import { errorCode } from './exit-code.ts';
import { followed } from './follow.ts';
import type { Io } from './io.ts';
import { attachTerminal, ownSize } from './pty.ts';
import { report } from './report.ts';
import type { RunRequest } from './request.ts';

/** Runs the command to its end and tells the exit code. */
export const run = async (request: RunRequest, io: Io): Promise<number> => {
  const spec = { ...(io.backend === undefined ? {} : { backend: io.backend }), ...request.spec };
  let detach = async (): Promise<void> => {};
  const start = (signal: AbortSignal): ResultAsync<Child, SpawnError> => {
    if (spec.stdio !== 'pty') return spawn(request.command, request.args, { ...spec, signal });
    const size = ownSize();
    const sized = size === undefined ? {} : { ptySize: size };
    return spawn(request.command, request.args, { ...spec, ...sized, signal }).map((child) => {
      detach = attachTerminal(child, io);
      return child;
    });
  };
  return followed(start, io, {
    forwardSignals: request.forwardSignals,
    started: () => {},
    over: () => detach(),
    failed: (error) => {
      io.stderr(report(error));
      return errorCode(error);
    },
  });
};
