import { tmpdir } from 'node:os';
import { isMainThread, threadId } from 'node:worker_threads';
import { ERRNO } from '../../../lib/errno.ts';
import type { Vehicle } from '../spawn/launch-program.ts';
import type { HostKind } from '../spawn/placement.ts';

/** A way to bring a child as far as its command. */
export interface Way {
  readonly name: string;
  readonly host: HostKind;
  /** What a carrier is executed from; null where there is none. */
  readonly make: () => Vehicle | null;
}

let files = 0;

const fileIn = (dir: string): Way => ({
  name: `a file in ${dir}`,
  host: 'carrier',
  make: () => {
    files += 1;
    return { type: 'file', path: `${dir}/.ns-carrier-${process.pid}-${threadId}-${files}` };
  },
});

const MEMFDS: readonly Way[] = [
  { name: 'a sealed memfd', host: 'carrier', make: () => ({ type: 'memfd', exec: true }) },
  // Before Linux 6.3 there was no MFD_EXEC, and every memfd was executable.
  { name: 'a sealed memfd without MFD_EXEC', host: 'carrier', make: () => ({ type: 'memfd', exec: false }) },
];

const STRAIGHT: Way = { name: 'no carrier: the vfork child itself', host: 'straight', make: () => null };
const BESIDE: Way = { name: 'no carrier: a child beside Node.js', host: 'beside', make: () => null };

const fileWays = (): readonly Way[] => {
  const dirs = [process.env['XDG_RUNTIME_DIR'], tmpdir(), '/dev/shm', '/run', '/var/tmp'];
  return [...new Set(dirs.filter((dir) => dir?.startsWith('/')))].map((dir) => fileIn(dir as string));
};

/** All ways in the order of preference; NS_FFI_HOST (memfd, file, straight) takes only some. */
const allWays = (): readonly Way[] => {
  switch (process.env['NS_FFI_HOST']) {
    case 'memfd':
      return MEMFDS;
    case 'file':
      return fileWays();
    case 'straight':
      return [STRAIGHT];
    default:
      return [...MEMFDS, ...fileWays(), STRAIGHT];
  }
};

/** Whether the machine may choose; else the variable has. */
const isFree = (): boolean => !['memfd', 'file'].includes(process.env['NS_FFI_HOST'] ?? '');

let ways: readonly Way[] | null = null;

/** The ways that have not been found impossible yet; the first is the one to take. */
export const remainingWays = (): readonly Way[] => {
  ways ??= allWays();
  return ways;
};

/** Whether a child may be hosted beside Node: not where the variable says otherwise, nor in a worker thread, whose memory ends with it. */
export const mayHostBeside = (): boolean => isMainThread && process.env['NS_FFI_HOST'] === undefined;

/** The way to take, where a child may be hosted so: what needs no carrier does without, if the machine may choose. */
export const wayFor = (hosts: readonly HostKind[]): Way | undefined => {
  if (hosts.includes('beside') && mayHostBeside()) return BESIDE;
  return hosts.includes('straight') && isFree() ? STRAIGHT : remainingWays()[0];
};

/** Remembers for good that a way is impossible here; false when there is no other. */
export const giveUpWay = (way: Way): boolean => {
  const others = remainingWays().filter((candidate) => candidate !== way);
  if (others.length === 0) return false;
  ways = others;
  return true;
};

/** Errors that say something of the moment, or of this spawn, not of the machine. */
const PASSING: readonly number[] = [ERRNO.E2BIG, ERRNO.EMFILE, ERRNO.ENFILE, ERRNO.ENOMEM, ERRNO.EAGAIN, ERRNO.EINTR];

/** Whether an error from making or executing the carrier's file means that this way is closed. */
export const isConclusive = (errno: number): boolean => !PASSING.includes(errno);
