import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A program below fixtures/. */
export const fixture = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}.js`, import.meta.url));

/** Programs that have not ended; a claim that failed may have left them waiting. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const program of running) program.kill('SIGKILL');
});

/** What a program left that was run by Node's own child_process. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
}

/** Waits for a program's end; what it says on stderr is for the person who reads the test's. */
export const ended = async (child: ChildProcess): Promise<Ended> => {
  let stdout = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout };
};

/** Starts a program as a process of its own; `before` is a command that is to exec it. */
export const start = (name: string, args: readonly string[], before: readonly string[] = []): ChildProcess => {
  const [command = process.execPath, ...rest] = [...before, process.execPath, fixture(name), ...args];
  const program = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
  running.add(program);
  return program.on('exit', () => running.delete(program));
};

/** Runs a program that must succeed and print JSON. */
export const report = async <T>(name: string, args: readonly string[], before: readonly string[] = []): Promise<T> => {
  const { code, signal, stdout } = await ended(start(name, args, before));
  if (code !== 0) throw new Error(`${name} ended with ${code ?? signal}: ${stdout}`);
  return JSON.parse(stdout) as T;
};
