import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { err, ok, type Result } from 'neverthrow';
import { runTool } from './run.ts';

/** The two ends of a FIFO. */
export interface Fifo {
  readonly childs: number;
  readonly ours: number;
}

/** Why there are no FIFOs. */
export interface NoFifos {
  /** A positive errno. */
  readonly errno: number;
  readonly path: string;
}

const { O_RDONLY, O_WRONLY, O_RDWR, O_NONBLOCK } = constants;

/** Opens both ends of a FIFO; the child's blocks, as a command expects, ours does not. */
const openEnds = (path: string, childReads: boolean): Fifo => {
  // Opened for both, a FIFO never makes the next one wait for its other end.
  const both = openSync(path, O_RDWR | O_NONBLOCK);
  try {
    const childs = openSync(path, childReads ? O_RDONLY : O_WRONLY);
    try {
      return { childs, ours: openSync(path, (childReads ? O_WRONLY : O_RDONLY) | O_NONBLOCK) };
    } catch (error) {
      closeSync(childs);
      throw error;
    }
  } finally {
    closeSync(both);
  }
};

const errnoOf = (error: unknown): number => Math.abs((error as NodeJS.ErrnoException).errno ?? 0);

/** Where files may be made for a moment: memory, if there is no place on a disk. */
const DIRECTORIES = (): readonly string[] => [...new Set([tmpdir(), '/tmp', '/dev/shm'])];

const makeDirectory = (): Result<string, NoFifos> => {
  let reason: NoFifos = { errno: 0, path: '' };
  for (const directory of DIRECTORIES()) {
    try {
      return ok(mkdtempSync(join(directory, 'ns-pipes-')));
    } catch (error) {
      reason = { errno: errnoOf(error), path: directory };
    }
  }
  return err(reason);
};

/** Closes both ends of FIFOs that are not used. */
const closeFifos = (fifos: ReadonlyMap<number, Fifo>): void => {
  for (const { childs, ours } of fifos.values()) {
    closeSync(childs);
    closeSync(ours);
  }
};

/**
 * Makes FIFOs whose names are gone when this returns: pipes, for each fd of a child that is to have one.
 *
 * @param mkfifo - the path of mkfifo(1)
 * @param fds - of the child; 0 is read by it, all others are written
 */
export const makeFifos = (mkfifo: string, fds: readonly number[]): Result<ReadonlyMap<number, Fifo>, NoFifos> => {
  const fifos = new Map<number, Fifo>();
  if (fds.length === 0) return ok(fifos);
  return makeDirectory().andThen((directory) => {
    const pathOf = (fd: number): string => join(directory, `${fd}`);
    try {
      runTool(mkfifo, ['-m', '600', ...fds.map(pathOf)]);
      for (const fd of fds) fifos.set(fd, openEnds(pathOf(fd), fd === 0));
      return ok(fifos);
    } catch (error) {
      closeFifos(fifos);
      return err({ errno: errnoOf(error), path: directory });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
};

/** What is in a FIFO at this moment, the first few lines of it; the child's end is closed. */
export const readRest = (ours: number): string => {
  const bytes = Buffer.alloc(4096);
  try {
    return bytes.toString('utf8', 0, readSync(ours, bytes));
  } catch {
    // Somebody else holds the other end, and has said nothing.
    return '';
  }
};
