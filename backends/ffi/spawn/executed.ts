import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { AT, OPEN } from '../abi/constants.ts';
import type { Host } from '../host.ts';
import { num, resultOf, shown, words } from '../program/argument.ts';

const quiet = { onError: 'next' } as const;
const readOnly = words(OPEN.O_RDONLY | OPEN.O_CLOEXEC, OPEN);

/** How often the event loop is asked before a timer is. */
const TURNS = 4;
const PAUSE_MS = 1;

/** Whether a process has arguments, which execve(2) gives it last; also when that cannot be told. */
const hasArguments = (host: Host, pid: number): boolean =>
  host
    .runCalls((program) => {
      const path = program.string(`/proc/${pid}/cmdline`);
      const file = resultOf(program.op('openat', [words(AT.AT_FDCWD, AT), path, readOnly], quiet), 'file');
      program.op('read', [file, shown(program.room(8), 'buf'), num(1)], quiet);
      program.op('close', [file], quiet);
    })
    .map((program) => program.result(1) !== 0)
    .unwrapOr(true);

/**
 * Waits for the end of an execve whose close-on-exec files are closed. Between the two lies a moment in which the process has
 * neither the command's name nor its environment, and belongs to root where its credentials were changed: nobody else may
 * enter it then.
 *
 * @param isGone - the process has ended meanwhile
 */
export const executed = async (host: Host, pid: number, isGone: () => boolean): Promise<void> => {
  for (let turn = 0; !isGone() && !hasArguments(host, pid); turn += 1) {
    await (turn < TURNS ? nextTurn() : sleep(PAUSE_MS));
  }
};
