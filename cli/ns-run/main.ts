import { match } from 'ts-pattern';
import { packageVersion } from '../package-version.ts';
import { findGroup, findUser } from './accounts.ts';
import { EXIT, errorCode } from './exit-code.ts';
import type { Io } from './io.ts';
import { createProgram, EXAMPLES } from './program.ts';
import { report } from './report.ts';
import { readRequest } from './request.ts';

const version = (): string => `ns-run from linux-namespaces ${packageVersion()}\n`;

const print = (io: Io, text: string): number => {
  io.stdout(text);
  return EXIT.ok;
};

/**
 * Does what a command line of ns-run says.
 *
 * @param argv - the words after the program's name
 * @param io - what it may touch of its process
 * @returns the exit code: the command's, 128 + signal, or one of ns-run's own
 */
export const main = async (argv: readonly string[], io: Io): Promise<number> => {
  const request = readRequest(argv, {
    env: io.env,
    uid: process.geteuid?.() ?? 0,
    gid: process.getegid?.() ?? 0,
    findUser,
    findGroup,
  });
  if (request.isErr()) {
    io.stderr(report(request.error));
    return errorCode(request.error);
  }
  // What runs commands is loaded only for commands.
  return match(request.value)
    .with({ type: 'help' }, async () => print(io, createProgram().command.helpInformation() + EXAMPLES))
    .with({ type: 'version' }, async () => print(io, version()))
    .with({ type: 'explain' }, async (asked) => (await import('./explain.ts')).explainRun(asked, io))
    .with({ type: 'run' }, async (asked) => (await import('./run.ts')).run(asked, io))
    .exhaustive();
};
