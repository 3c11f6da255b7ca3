import { spawn } from '../../lib/index.ts';
import { errorCode } from './exit-code.ts';
import { followed } from './follow.ts';
import type { Io } from './io.ts';
import { report } from './report.ts';
import type { RunRequest } from './request.ts';

/** Runs the command to its end and tells the exit code. */
export const run = async (request: RunRequest, io: Io): Promise<number> => {
  const spec = { ...(io.backend === undefined ? {} : { backend: io.backend }), ...request.spec };
  return followed((signal) => spawn(request.command, request.args, { ...spec, signal }), io, {
    forwardSignals: request.forwardSignals,
    started: () => {},
    failed: (error) => {
      io.stderr(report(error));
      return errorCode(error);
    },
  });
};
