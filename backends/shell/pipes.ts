import { closeSync, constants, openSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { isMainThread } from 'node:worker_threads';
import { err, ok, type Result } from 'neverthrow';
import type { Launched } from '../../lib/backend.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import { HELD_FD, type Holders } from './holders.ts';
import { OutputPipe } from './output-pipe.ts';

/** The pipes between a command and its caller, from before the first stage on. */
export interface Pipes {
  /** The child's ends by the command's fds; an fd without one is Node's to connect. */
  readonly childEnds: ReadonlyMap<number, number>;
  /** Takes the sockets, by the command's fds, that Node has made for what has no end here. */
  readonly connect: (socketOf: (fd: number) => Duplex | null) => void;
  /** Our ends as streams, to be called when the caller comes. */
  readonly open: () => Launched['stdio'];
  /** What the command's stderr holds of what a stage has said there; the pipes are closed by it. */
  readonly close: () => string;
}

/** Why there are no pipes. */
export interface NoPipes {
  /** A positive errno; 0 when nobody said one. */
  readonly errno: number;
  readonly path: string;
}

/** The two ends of a pipe. */
interface Ends {
  readonly childs: number;
  readonly ours: number;
}

const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;

/** The fds of a plan that are to be pipes. */
export const pipedFds = (plan: SpawnPlan): readonly number[] =>
  plan.stdio.flatMap((entry, fd) => (entry.type === 'pipe' ? [fd] : []));

/** Opens both ends of a pipe that another process holds; the child's blocks, as a command expects, ours does not. */
const openEnds = (path: string, childReads: boolean): Ends => {
  const childs = openSync(path, childReads ? O_RDONLY : O_WRONLY);
  try {
    return { childs, ours: openSync(path, (childReads ? O_WRONLY : O_RDONLY) | O_NONBLOCK) };
  } catch (error) {
    closeSync(childs);
    throw error;
  }
};

/** What is in a pipe at this moment, the first few lines of it. */
const readRest = (ours: number): string => {
  const bytes = Buffer.alloc(4096);
  try {
    return bytes.toString('utf8', 0, readSync(ours, bytes));
  } catch {
    // Somebody else holds the other end, and has said nothing.
    return '';
  }
};

const pipesOf = (plan: SpawnPlan, all: ReadonlyMap<number, Ends>): Pipes => ({
  childEnds: new Map([...all].map(([fd, { childs }]) => [fd, childs])),
  connect: () => undefined,
  open: () =>
    plan.stdio.map((_, fd) => {
      const ours = all.get(fd)?.ours;
      return ours === undefined ? null : new Socket({ fd: ours, readable: fd !== 0, writable: fd === 0 });
    }),
  close: () => {
    const stderr = all.get(2);
    const rest = stderr === undefined ? '' : readRest(stderr.ours);
    for (const { ours } of all.values()) closeSync(ours);
    return rest;
  },
});

const errnoOf = (error: unknown): number => Math.abs((error as NodeJS.ErrnoException).errno ?? 0);

/** Takes over the pipes that holders have; they may go when this returns. */
export const takePipes = (plan: SpawnPlan, pids: Holders['pids']): Result<Pipes, NoPipes> => {
  const all = new Map<number, Ends>();
  let path = '';
  try {
    for (const [index, fd] of pipedFds(plan).entries()) {
      path = `/proc/${pids[index]}/fd/${HELD_FD}`;
      all.set(fd, openEnds(path, fd === 0));
    }
    return ok(pipesOf(plan, all));
  } catch (error) {
    for (const { childs, ours } of all.values()) {
      closeSync(childs);
      closeSync(ours);
    }
    return err({ errno: errnoOf(error), path });
  }
};

/** Pipes that Node.js is to make: socket pairs. */
export const socketPipes = (plan: SpawnPlan): Pipes => {
  const streams = plan.stdio.map((): Duplex | null => null);
  return {
    childEnds: new Map(),
    connect: (socketOf) => {
      for (const fd of pipedFds(plan)) {
        const socket = socketOf(fd);
        streams[fd] = fd === 0 || socket === null ? socket : new OutputPipe(socket);
      }
    },
    open: () => streams,
    close: () => {
      const rest = `${pipedFds(plan).includes(2) ? (streams[2]?.read() ?? '') : ''}`;
      for (const stream of streams) stream?.destroy();
      return rest;
    },
  };
};

/**
 * Whether pipes have to be had from another process.
 *
 * @remarks Node.js cannot make a pipe. It gives its children socket pairs, which cannot be opened by name: /dev/stdout
 * would be lost to them. In a worker thread those have to do, because it closes, when it ends, every fd number that it
 * once got by open(2), whatever has become of it since.
 */
export const wantsHolders = (plan: SpawnPlan): boolean => isMainThread && pipedFds(plan).length > 0;
