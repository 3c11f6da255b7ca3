import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { err, ok, type Result } from 'neverthrow';
import { match } from 'ts-pattern';
import type { StdioPlan } from '../../lib/plan.ts';
import type { CommandLine } from './command-line.ts';

/** How the first stage ended, which is our child. */
export interface StageEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The first stage, running. */
export interface StageProcess {
  readonly pid: number;
  /** What the tools say on their stderr. */
  readonly murmur: Duplex;
  /** The socket on which the stages talk. */
  readonly control: Duplex;
  /** Our end of the socket pair at an fd of the stages. */
  readonly socketAt: (fd: number) => Duplex | null;
  readonly ended: Promise<StageEnd>;
  readonly setRef: (ref: boolean) => void;
}

/** Where commands are looked for: in PATH, and where they are on every machine, as tools themselves are. */
const searched = (): string =>
  [process.env['PATH'] ?? '', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'].join(':');

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

/** Runs a tool to its end, with this thread blocked, and silently: its exit code, or null. */
export const runHere = (path: string, args: readonly string[]): number | null =>
  spawnSync(path, args, { env: { PATH: searched(), LC_ALL: 'C' }, stdio: 'ignore', timeout: 10_000 }).status;

/** Runs a tool to its end: its exit code, what it said on stderr, and the errno for which it never ran, or 0. */
export const runToEnd = (
  path: string,
  args: readonly string[],
): Promise<{ readonly code: number; readonly said: string; readonly errno: number }> =>
  new Promise((resolve) => {
    const child = spawn(path, args, { env: { LC_ALL: 'C' }, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr?.on('data', (chunk) => {
      said += chunk;
    });
    child.once('error', (error) => resolve({ code: -1, said, errno: errnoOf(error) }));
    child.once('close', (code) => resolve({ code: code ?? -1, said, errno: 0 }));
  });

/** Runs a tool to its end, or to the end of its time, with everything that it started; what it wrote. */
export const collect = (path: string, args: readonly string[], timeoutMs: number): Promise<string> =>
  new Promise((resolve) => {
    // A process group of its own, so that all of it can be ended.
    const child = spawn(path, args, {
      env: { PATH: searched(), LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    let text = '';
    const timer = setTimeout(() => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, timeoutMs);
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    child.once('error', () => undefined);
    child.once('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
  });

const errnoOf = (error: unknown): number => Math.abs((error as NodeJS.ErrnoException).errno ?? 0);

/** Our ends of what Node.js connected, taken from it: it throws away what nobody has read when the child ends. */
const takeSockets = (child: ChildProcess): readonly (Duplex | null)[] => {
  // Without fds enough Node.js makes none, whatever its types say.
  const streams = child.stdio as unknown as (Duplex | null)[] | undefined;
  const taken = [...(streams ?? [])];
  streams?.fill(null);
  return taken;
};

const follow = (
  child: ChildProcess,
  pid: number,
  sockets: readonly (Duplex | null)[],
  line: CommandLine,
): StageProcess => {
  const socketAt = (fd: number): Duplex | null => sockets[fd] ?? null;
  const [murmur, control] = [socketAt(2), socketAt(line.control)];
  if (murmur === null || control === null) throw new Error(`Node.js gave no pipe for fd 2 or fd ${line.control}`);
  const ended = new Promise<StageEnd>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  return { pid, murmur, control, socketAt, ended, setRef: (ref) => (ref ? child.ref() : child.unref()) };
};

/**
 * Starts the first stage of a command line.
 *
 * @param ends - the child's ends of the command's pipes, by fd of the stages; they stay the caller's
 * @returns the process, or the errno for which there is none, which Node.js may tell later only
 */
export const startStages = (
  line: CommandLine,
  ends: ReadonlyMap<number, number>,
): Result<StageProcess, Promise<number>> => {
  const [file = '', ...args] = line.stages.flat();
  let nothing: number | null = null;
  // libuv would leave an ignored fd above 2 closed.
  const openNothing = (): number => {
    nothing ??= openSync('/dev/null', 'r+');
    return nothing;
  };
  const fdOf = (entry: StdioPlan, fd: number): number | 'pipe' =>
    match(entry)
      .with({ type: 'fd' }, (same) => same.fd)
      // There are no terminals in a command line: they have been refused.
      .with({ type: 'ignore' }, { type: 'pty' }, openNothing)
      .with({ type: 'pipe' }, () => ends.get(fd) ?? ('pipe' as const))
      .exhaustive();
  try {
    const stdio = line.stdio.map(fdOf);
    const child = spawn(file, args, { env: line.env, stdio, detached: line.detached });
    const sockets = takeSockets(child);
    if (child.pid !== undefined) return ok(follow(child, child.pid, sockets, line));
    for (const socket of sockets) socket?.destroy();
    return err(new Promise<number>((resolve) => child.once('error', (error) => resolve(errnoOf(error)))));
  } catch (error) {
    return err(Promise.resolve(errnoOf(error)));
  } finally {
    if (nothing !== null) closeSync(nothing);
  }
};
