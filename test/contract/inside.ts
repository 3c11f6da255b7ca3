import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import {
  type Child,
  type EnterSpec,
  type EnterTarget,
  type ExitStatus,
  enter,
  type RunResult,
  type RunSpec,
  run,
  type SpawnSpec,
  spawn,
} from '../../lib/index.ts';
import { value } from './outcome.ts';

/** A status without what it used: what claims compare. */
export const ending = (status: ExitStatus): string =>
  status.type === 'exited' ? `exited ${status.code}` : status.signal;

/** Runs a command to its end. */
export const finished = (command: string, args: readonly string[], spec: RunSpec): Promise<RunResult> =>
  value(run(command, args, spec));

/** What a command that must succeed printed, without the last newline. */
export const said = async (command: string, args: readonly string[], spec: RunSpec): Promise<string> => {
  const { status, stdout, stderr } = await finished(command, args, spec);
  if (ending(status) !== 'exited 0') throw new Error(`${command} ended with ${ending(status)}: ${stderr}`);
  return stdout.toString().replace(/\n$/, '');
};

/** What a script of sh(1) that must succeed printed, without the last newline. */
export const sh = (script: string, spec: RunSpec, ...args: readonly string[]): Promise<string> =>
  said('sh', ['-c', script, 'sh', ...args], spec);

/** Gives a child to `use`, and leaves nothing of it behind. */
export const withChild = async <T>(child: Child, use: (child: Child) => Promise<T> | T): Promise<T> => {
  try {
    return await use(child);
  } finally {
    await child[Symbol.asyncDispose]();
  }
};

/** A command that runs until its stdin ends, for as long as `use` takes. */
export const whileRunning = async <T>(spec: SpawnSpec, use: (child: Child) => Promise<T> | T): Promise<T> =>
  withChild(await value(spawn('cat', [], spec)), use);

/** Reads a stream line by line; null at its end. */
export const lineReader = (stream: Readable | null): (() => Promise<string | null>) => {
  if (stream === null) throw new Error('There is no such stream');
  const lines = createInterface({ input: stream })[Symbol.asyncIterator]();
  return async () => {
    const { value: line, done } = await lines.next();
    return done === true ? null : line;
  };
};

/**
 * What the kernel calls a command that echoes, once it has echoed: it is known to have started a moment before, when what
 * close-on-exec closes is closed, and gets its name after that.
 */
export const nameOfEchoing = async ({ pid, stdin, stdout }: Child): Promise<string> => {
  const line = lineReader(stdout);
  stdin?.write('\n');
  await line();
  return readFileSync(`/proc/${pid}/comm`, 'latin1').trim();
};

/** Everything that a stream still gives. */
export const everything = async (stream: Readable | null): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream ?? []) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

/** What a script that is run in a target printed. */
export const insideTarget = async (
  target: EnterTarget | readonly EnterTarget[],
  script: string,
  spec: EnterSpec,
): Promise<string> =>
  withChild(
    await value(enter(target, 'sh', ['-c', script], { stdio: ['ignore', 'pipe', 'pipe'], ...spec })),
    async (child) => {
      const [stdout, stderr, exit] = await Promise.all([
        everything(child.stdout),
        everything(child.stderr),
        child.exit,
      ]);
      const ended = exit.isOk() ? ending(exit.value) : exit.error.message;
      if (ended !== 'exited 0') throw new Error(`sh ended with ${ended}: ${stderr}`);
      return stdout.toString().trimEnd();
    },
  );
