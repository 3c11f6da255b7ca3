import { err, ok, type Result } from 'neverthrow';
import { type ExitLost, exitLost } from '../../lib/errors.ts';
import type { ExitStatus } from '../../lib/exit.ts';
import type { CommandLine } from './command-line.ts';
import { signalInFarewell } from './parse.ts';
import type { StageProcess } from './run.ts';
import type { Murmur } from './talk.ts';

// Node.js tells neither the usage nor whether there was a core dump.
const killed = (signal: NodeJS.Signals): ExitStatus => ({ type: 'killed', signal, coreDumped: false, usage: null });

/** Waits for our child, which is the command, or the unshare that ends as the command did. */
export const waitForExit = async (
  line: CommandLine,
  process: StageProcess,
  murmur: Murmur,
  pid: number,
): Promise<Result<ExitStatus, ExitLost>> => {
  const { code, signal } = await process.ended;
  if (signal) return ok(killed(signal));
  if (line.forks && code === 1) {
    await murmur.over;
    const farewell = signalInFarewell(murmur.text());
    if (farewell === 'lost') return err(exitLost(pid));
    if (farewell !== null) return ok(killed(farewell));
  }
  return ok({ type: 'exited', code: code ?? 0, usage: null });
};
