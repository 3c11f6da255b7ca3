import { type ChildProcess, type StdioOptions, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { err, ok, type Result } from 'neverthrow';
import type { CommandLine } from './command-line.ts';

/** How the first stage ended, which is our child. */
export interface StageEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The first stage, running, and our ends of its pipes by its fds. */
export interface StageProcess {
  readonly pid: number;
  readonly pipes: readonly (Duplex | null)[];
  readonly ended: Promise<StageEnd>;
  readonly setRef: (ref: boolean) => void;
}

/** Asks a tool about itself: its output and error output as one text, empty when it cannot be run. */
export const ask = (path: string, args: readonly string[]): string => {
  const { stdout, stderr } = spawnSync(path, args, {
    env: { LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    timeout: 10_000,
  });
  return `${stdout ?? ''}${stderr ?? ''}`;
};

/** Our ends of the pipes, taken away from Node.js, which throws away what nobody has read when the child ends. */
const takePipes = (child: ChildProcess, count: number): (Duplex | null)[] => {
  const all = child.stdio as unknown as (Duplex | null)[] | undefined;
  const pipes = Array.from({ length: count }, (_, fd) => all?.[fd] ?? null);
  all?.fill(null);
  return pipes;
};

const errnoOf = (error: unknown): number => Math.abs((error as NodeJS.ErrnoException).errno ?? 0);

const follow = (child: ChildProcess, pid: number, count: number): StageProcess => {
  const ended = new Promise<StageEnd>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  return {
    pid,
    pipes: takePipes(child, count),
    ended,
    setRef: (ref) => (ref ? child.ref() : child.unref()),
  };
};

const destroyAll = (pipes: readonly (Duplex | null)[]): void => {
  for (const pipe of pipes) pipe?.destroy();
};

/**
 * Starts the first stage of a command line.
 *
 * @returns the process, or the errno for which there is none, which Node.js may tell later only
 */
export const startStages = (line: CommandLine): Result<StageProcess, Promise<number>> => {
  const [file = '', ...args] = line.stages.flat();
  let nothing: number | null = null;
  try {
    // libuv would leave an ignored fd above 2 closed, and the one below it is the same file for all.
    const open = (): number => {
      nothing ??= openSync('/dev/null', 'r+');
      return nothing;
    };
    const stdio = line.stdio.map((entry) =>
      entry.type === 'pipe' ? 'pipe' : entry.type === 'fd' ? entry.fd : open(),
    ) as StdioOptions;
    const child = spawn(file, args, { env: line.env, stdio, detached: line.detached });
    if (child.pid !== undefined) return ok(follow(child, child.pid, line.stdio.length));
    destroyAll(takePipes(child, line.stdio.length));
    return err(new Promise<number>((resolve) => child.once('error', (error) => resolve(errnoOf(error)))));
  } catch (error) {
    return err(Promise.resolve(errnoOf(error)));
  } finally {
    if (nothing !== null) closeSync(nothing);
  }
};
