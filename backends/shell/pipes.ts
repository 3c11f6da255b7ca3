import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { isMainThread } from 'node:worker_threads';
import { ok, type Result } from 'neverthrow';
import type { Launched } from '../../lib/backend.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import { makeFifos, type NoFifos, readRest } from './fifos.ts';
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

const wanted = (plan: SpawnPlan): readonly number[] =>
  plan.stdio.flatMap((entry, fd) => (entry.type === 'pipe' ? [fd] : []));

/** Node.js gives its children socket pairs, which cannot be opened by name: /dev/stdout would be lost to them. */
const fifoPipes = (plan: SpawnPlan, mkfifo: string): Result<Pipes, NoFifos> =>
  makeFifos(mkfifo, wanted(plan)).map((fifos) => ({
    childEnds: new Map([...fifos].map(([fd, { childs }]) => [fd, childs])),
    connect: () => undefined,
    open: () =>
      plan.stdio.map((_, fd) => {
        const ours = fifos.get(fd)?.ours;
        return ours === undefined ? null : new Socket({ fd: ours, readable: fd !== 0, writable: fd === 0 });
      }),
    close: () => {
      const stderr = fifos.get(2);
      const rest = stderr === undefined ? '' : readRest(stderr.ours);
      for (const { ours } of fifos.values()) closeSync(ours);
      return rest;
    },
  }));

const socketPipes = (plan: SpawnPlan): Pipes => {
  const streams = plan.stdio.map((): Duplex | null => null);
  return {
    childEnds: new Map(),
    connect: (socketOf) => {
      for (const fd of wanted(plan)) {
        const socket = socketOf(fd);
        streams[fd] = fd === 0 || socket === null ? socket : new OutputPipe(socket);
      }
    },
    open: () => streams,
    close: () => {
      const rest = `${wanted(plan).includes(2) ? (streams[2]?.read() ?? '') : ''}`;
      for (const stream of streams) stream?.destroy();
      return rest;
    },
  };
};

/**
 * Makes the pipes that a plan asks for.
 *
 * @remarks A worker thread closes, when it ends, every fd number that it once got by open(2), whatever has become of it
 * since: there, Node's own socket pairs have to do.
 */
export const makePipes = (plan: SpawnPlan, mkfifo: string): Result<Pipes, NoFifos> =>
  isMainThread ? fifoPipes(plan, mkfifo) : ok(socketPipes(plan));
