import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { err, ok, type Result } from 'neverthrow';

/** A process that answers each line with a line. */
export interface LineServer {
  /** Sends a line and waits for the answer; one at a time. An error says how the process ended. */
  readonly ask: (line: string) => Promise<Result<string, string>>;
  /** Ends the process. */
  readonly end: () => Promise<void>;
}

/** Starts such a process; what it says on stderr is not heard. */
export const startLineServer = (file: string, args: readonly string[]): LineServer => {
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  let over: string | null = null;
  let answer: ((answer: Result<string, string>) => void) | null = null;
  const settle = (result: Result<string, string>): void => {
    answer?.(result);
    answer = null;
  };
  const ended = new Promise<void>((resolve) => {
    const end = (how: string): void => {
      over ??= how;
      settle(err(over));
      resolve();
    };
    child.once('error', ({ message }) => end(message));
    child.once('close', (code, signal) => end(`it ended with ${signal ?? `exit code ${code}`}`));
  });
  // A process that has ended takes no more lines; that it has is told by `close`.
  child.stdin.on('error', () => undefined);
  createInterface({ input: child.stdout }).on('line', (line) => settle(ok(line)));
  return {
    ask: (line) =>
      over === null
        ? new Promise((resolve) => {
            answer = resolve;
            child.stdin.write(`${line}\n`);
          })
        : Promise.resolve(err(over)),
    end: () => {
      child.kill('SIGKILL');
      return ended;
    },
  };
};
