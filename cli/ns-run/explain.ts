import { explain, openBackend } from '../../lib/index.ts';
import { EXIT, errorCode } from './exit-code.ts';
import type { Io } from './io.ts';
import { report } from './report.ts';
import type { RunRequest } from './request.ts';

/** Prints what running the command would do. */
export const explainRun = (request: RunRequest, io: Io): number => {
  const spec = { ...(io.backend === undefined ? {} : { backend: io.backend }), ...request.spec };
  // Why a backend that would be preferred is not the one.
  for (const { message } of openBackend(spec.backend)
    .map(({ passedOver }) => passedOver)
    .unwrapOr([])) {
    io.stderr(`ns-run: ${message}\n`);
  }
  return explain(request.command, request.args, spec).match(
    (text) => {
      io.stdout(text.endsWith('\n') ? text : `${text}\n`);
      return EXIT.ok;
    },
    (error) => {
      io.stderr(report(error));
      return errorCode(error);
    },
  );
};
