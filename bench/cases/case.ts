import { match } from 'ts-pattern';
import type { FlagSet } from './flag-set.ts';

/** How a child is started and timed. */
export type Way =
  /** By measureSpawn: timed inside the syscall program. */
  | { readonly type: 'program'; readonly backend: string }
  /** By spawn, timed from JavaScript. */
  | { readonly type: 'spawn'; readonly backend: string }
  /** By child_process.spawn of the command itself. */
  | { readonly type: 'child-process' }
  /** By child_process.spawn of unshare(1), which runs the command. */
  | { readonly type: 'unshare' };

/** One thing that is measured, once in each round. */
export interface Case {
  /** Unique within a run: `ffi-spawn:pid+mnt`. */
  readonly id: string;
  readonly way: Way;
  readonly set: FlagSet;
}

/** A way's name in tables and ids. */
export const wayName = (way: Way): string =>
  match(way)
    .with({ type: 'program' }, ({ backend }) => `${backend} program`)
    .with({ type: 'spawn' }, ({ backend }) => `${backend} spawn`)
    .with({ type: 'child-process' }, () => 'child_process')
    .with({ type: 'unshare' }, () => 'child_process unshare')
    .exhaustive();

/** Makes a case; its id says everything about it. */
export const caseOf = (way: Way, set: FlagSet): Case => ({
  id: `${wayName(way).replaceAll(' ', '-')}:${set.name}`,
  way,
  set,
});
