import { match } from 'ts-pattern';
import type { FlagSet } from './flag-set.ts';

/** Programs beside Node's own that can be measured, where they are. */
export const PEER_NAMES = ['c', 'go', 'python3', 'bwrap', 'crun', 'runc'] as const;
export type PeerName = (typeof PEER_NAMES)[number];

/** Peers that read the clock next to the system calls. */
const INSIDE: ReadonlySet<PeerName> = new Set(['c']);

/** How a child is started and timed. */
export type Way =
  /** By measureSpawn: timed inside the syscall program. */
  | { readonly type: 'program'; readonly backend: string }
  /** By spawn, timed from JavaScript. */
  | { readonly type: 'spawn'; readonly backend: string }
  /** By child_process.spawn of the command itself. */
  | { readonly type: 'child-process' }
  /** By child_process.spawn of unshare(1), which runs the command. */
  | { readonly type: 'unshare' }
  /** By a program in another language, or another tool. */
  | { readonly type: 'peer'; readonly name: PeerName };

/** One thing that is measured, once in each round. */
export interface Case {
  /** Unique within a run: `ffi-spawn:pid+mnt`. */
  readonly id: string;
  readonly way: Way;
  readonly set: FlagSet;
}

const PEER_WAYS: Readonly<Record<PeerName, string>> = {
  c: 'C clone3',
  go: 'Go os/exec',
  python3: 'Python subprocess',
  bwrap: 'child_process bwrap',
  crun: 'child_process crun',
  runc: 'child_process runc',
};

/** Whether a way reads the clock next to the system calls; else around a call of its language. */
export const isInside = (way: Way): boolean => way.type === 'program' || (way.type === 'peer' && INSIDE.has(way.name));

/** A way's name in tables and ids. */
export const wayName = (way: Way): string =>
  match(way)
    .with({ type: 'program' }, ({ backend }) => `${backend} program`)
    .with({ type: 'spawn' }, ({ backend }) => `${backend} spawn`)
    .with({ type: 'child-process' }, () => 'child_process')
    .with({ type: 'unshare' }, () => 'child_process unshare')
    .with({ type: 'peer' }, ({ name }) => PEER_WAYS[name])
    .exhaustive();

/** Makes a case; its id says everything about it. */
export const caseOf = (way: Way, set: FlagSet): Case => ({
  id: `${wayName(way).replaceAll(' ', '-')}:${set.name}`,
  way,
  set,
});
