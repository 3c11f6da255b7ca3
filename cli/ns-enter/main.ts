import { match } from 'ts-pattern';
import { type EnterError, type ExitError, enter, explainEnter, openBackend } from '../../lib/index.ts';
import { followed } from '../ns-run/follow.ts';
import type { Io } from '../ns-run/io.ts';
import { report } from '../ns-run/report.ts';
import type { UsageError } from '../ns-run/usage-error.ts';
import { packageVersion } from '../package-version.ts';
import { errorCode } from './exit-code.ts';
import { createProgram, EXAMPLES } from './program.ts';
import { type EnterRequest, readRequest } from './request.ts';
import { openTarget } from './target.ts';

const version = (): string => `ns-enter from linux-namespaces ${packageVersion()}\n`;

const print = (io: Io, text: string): number => {
  io.stdout(text.endsWith('\n') ? text : `${text}\n`);
  return 0;
};

const complain = (io: Io, error: EnterError | ExitError | UsageError): number => {
  io.stderr(report(error, 'ns-enter'));
  return errorCode(error);
};

const run = async (request: EnterRequest, io: Io): Promise<number> => {
  const { command, args } = request;
  const spec = { ...(io.backend === undefined ? {} : { backend: io.backend }), ...request.spec };
  const opened = openTarget(request, spec.backend);
  if (opened.isErr()) return complain(io, opened.error);
  const { target, close } = opened.value;
  return followed((signal) => enter(target, command, args, { ...spec, signal }), io, {
    forwardSignals: false,
    started: close,
    failed: (error) => complain(io, error),
  });
};

const explain = (request: EnterRequest, io: Io): number => {
  const spec = { ...(io.backend === undefined ? {} : { backend: io.backend }), ...request.spec };
  for (const { message } of openBackend(spec.backend)
    .map(({ passedOver }) => passedOver)
    .unwrapOr([])) {
    io.stderr(`ns-enter: ${message}\n`);
  }
  return openTarget(request, spec.backend)
    .andThen(({ target, close }) => {
      const explained = explainEnter(target, request.command, request.args, spec);
      close();
      return explained;
    })
    .match(
      (text) => print(io, text),
      (error) => complain(io, error),
    );
};

/**
 * Does what a command line of ns-enter says.
 *
 * @param argv - the words after the program's name
 * @param io - what it may touch of its process
 * @returns the exit code: the command's, 128 + signal, or one of ns-enter's own
 */
export const main = async (argv: readonly string[], io: Io): Promise<number> => {
  const request = readRequest(argv, io.env);
  if (request.isErr()) return complain(io, request.error);
  return match(request.value)
    .with({ type: 'help' }, async () => print(io, createProgram().helpInformation() + EXAMPLES))
    .with({ type: 'version' }, async () => print(io, version()))
    .with({ type: 'explain' }, async (asked) => explain(asked, io))
    .with({ type: 'run' }, (asked) => run(asked, io))
    .exhaustive();
};
