import { readFileSync } from 'node:fs';
import type { NamespaceInfo } from '../../lib/index.ts';

/** A cell: what JSON gets, too. */
export type Cell = string | number | null | readonly string[];

/** A process as the lines of one namespace show it. */
export interface LineProcess {
  readonly pid: number | null;
  readonly parentPid: number | null;
  readonly command: string | null;
  readonly uid: number | null;
}

/** What a line is about: a namespace, and the process that stands for it or is in it. */
export interface Subject {
  readonly namespace: NamespaceInfo;
  readonly process: LineProcess;
  /** The mount namespace whose paths mean something to the caller. */
  readonly ownMounts: number | null;
}

interface Column {
  readonly help: string;
  readonly right: boolean;
  /** How wide it is at least where a cell is as wide as the heading, as libsmartcols has it. */
  readonly hint?: number;
  readonly cell: (subject: Subject) => Cell;
}

const names = new Map<number, string>();

/** The name of a user by passwd(5), or the number. */
const userName = (uid: number): string => {
  if (names.size === 0) {
    try {
      for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
        const [name, , id] = line.split(':');
        if (name !== undefined && id !== undefined && !names.has(Number(id))) names.set(Number(id), name);
      }
    } catch {
      // A machine without the file has no names.
    }
  }
  return names.get(uid) ?? String(uid);
};

const netNsId = ({ type, netNsId: id }: NamespaceInfo): string | null => {
  if (type !== 'net' || id === null) return null;
  return id < 0 ? 'unassigned' : String(id);
};

/** What holds a namespace, in words: `process,thread,fd,mount,namespace`. */
const heldBy = ({ holders }: NamespaceInfo): string | null => {
  const { processes, threads, fds, pins, descendants } = holders;
  const words = [
    ...(processes > 0 ? ['process'] : []),
    ...(threads.length > 0 ? ['thread'] : []),
    ...(fds.length > 0 ? ['fd'] : []),
    ...(pins.length > 0 ? ['mount'] : []),
    ...(descendants ? ['namespace'] : []),
  ];
  return words.length === 0 ? null : words.join(',');
};

/** The single holders: `thread 12/34`, `fd 12/3`, and mounts with the mount namespace that has them. */
const holderList = ({ holders: { threads, fds, pins } }: NamespaceInfo): readonly string[] => [
  ...threads.map(({ pid, tid }) => `thread:${pid}/${tid}`),
  ...fds.map(({ pid, fd }) => `fd:${pid}/${fd}`),
  ...pins.map(({ path, mountNamespace }) => `mount:${mountNamespace}:${path}`),
];

/** An owner or parent as lsns has it: 0 where there is none. */
const relative = (inode: number | null): number => inode ?? 0;

const KNOWN = {
  NS: { help: 'namespace identifier (inode number)', hint: 10, right: true, cell: ({ namespace }) => namespace.inode },
  TYPE: { help: 'kind of namespace', hint: 5, right: false, cell: ({ namespace }) => namespace.type },
  PATH: {
    help: 'path to the namespace',
    right: false,
    cell: ({ namespace, process }) =>
      process.pid === null ? namespace.path : `/proc/${process.pid}/ns/${namespace.type}`,
  },
  NPROCS: {
    help: 'number of processes in the namespace',
    right: true,
    cell: ({ namespace }) => namespace.processes,
  },
  PID: { help: 'lowest PID in the namespace', hint: 5, right: true, cell: ({ process }) => process.pid },
  PPID: { help: 'PPID of the PID', hint: 5, right: true, cell: ({ process }) => process.parentPid },
  COMMAND: { help: 'command line of the PID', right: false, cell: ({ process }) => process.command },
  UID: { help: 'UID of the PID', right: true, cell: ({ process }) => process.uid },
  USER: {
    help: 'username of the PID',
    right: false,
    cell: ({ process }) => (process.uid === null ? null : userName(process.uid)),
  },
  NETNSID: {
    help: 'namespace ID as used by network subsystem',
    right: true,
    cell: ({ namespace }) => netNsId(namespace),
  },
  NSFS: {
    help: 'nsfs mountpoint (usually used network subsystem)',
    right: false,
    cell: ({ namespace: { holders }, ownMounts }) => {
      const paths = holders.pins.filter(({ mountNamespace }) => mountNamespace === ownMounts).map(({ path }) => path);
      return paths.length === 0 ? null : paths;
    },
  },
  PNS: {
    help: 'parent namespace identifier (inode number)',
    hint: 10,
    right: true,
    cell: ({ namespace }) => relative(namespace.parent),
  },
  ONS: {
    help: 'owner namespace identifier (inode number)',
    hint: 10,
    right: true,
    cell: ({ namespace }) => relative(namespace.owner),
  },
  ID: {
    help: 'identifier that is never used again',
    right: true,
    cell: ({ namespace }) => (namespace.id === null ? null : String(namespace.id)),
  },
  OUID: {
    help: 'UID that a user namespace belongs to',
    right: true,
    cell: ({ namespace }) => namespace.ownerUid,
  },
  UIDMAP: { help: 'uid_map of a user namespace', right: false, cell: ({ namespace }) => namespace.uidMap },
  GIDMAP: { help: 'gid_map of a user namespace', right: false, cell: ({ namespace }) => namespace.gidMap },
  HELD: { help: 'what keeps the namespace alive', right: false, cell: ({ namespace }) => heldBy(namespace) },
  HOLDERS: {
    help: 'threads, fds and mounts that keep it alive',
    right: false,
    cell: ({ namespace }) => {
      const all = holderList(namespace);
      return all.length === 0 ? null : all;
    },
  },
} as const satisfies Readonly<Record<string, Column>>;

/** All columns by name, those of lsns(8) first and in its order. */
export const COLUMNS: Readonly<Record<keyof typeof KNOWN, Column>> = KNOWN;

/** The name of a column. */
export type ColumnName = keyof typeof COLUMNS;

/** The names of all columns, in order. */
export const COLUMN_NAMES = Object.keys(COLUMNS) as readonly ColumnName[];
