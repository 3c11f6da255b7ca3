import { closeSync, openSync, readlinkSync, readSync, statSync } from 'node:fs';
import type { Backend } from '../backend.ts';
import type { KernelReader, OpenedNamespace, Relations } from '../kernel-reader.ts';
import type { NamespaceType } from '../namespace.ts';
import { errnoOf } from '../process-handle.ts';

const orNull = <T>(read: () => T): T | null => {
  try {
    return read();
  } catch {
    // What is gone, or not this caller's to see.
    return null;
  }
};

const readStart = (path: string, size: number): Buffer => {
  const fd = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(size);
    return bytes.subarray(0, readSync(fd, bytes, 0, size, null));
  } finally {
    closeSync(fd);
  }
};

const openNamespace = (directory: number, type: NamespaceType): OpenedNamespace => {
  const link = `/proc/self/fd/${directory}/ns/${type}`;
  const own = orNull(() => readlinkSync(`/proc/thread-self/ns/${type}`));
  try {
    const isOwn = readlinkSync(link) === own;
    return { fd: openSync(link, 'r'), own: own === null ? null : isOwn };
  } catch (error) {
    return { fd: -errnoOf(error), own: own === null ? null : false };
  }
};

/** Reads one by one, through Node.js; what only an ioctl tells stays unknown. */
export const fileReader: KernelReader = {
  readLinks: (paths) => paths.map((path) => orNull(() => readlinkSync(path).slice(0, 63))),
  readFiles: (paths, mostBytes) => paths.map((path) => orNull(() => readStart(path, mostBytes))),
  namespaceIds: () => null,
  relations: (questions) => questions.map(() => null),
  netNsIds: (fds) => fds.map(() => null),
  openNamespaces: (directory, types) => types.map((type) => openNamespace(directory, type)),
};

const inodeOf = (path: string): number | null => orNull(() => statSync(path).ino);

/** Answers by what a tool tells of all namespaces, which is asked for once, and when somebody wants to know. */
const answersBy = (lineage: () => readonly Relations[]): KernelReader['relations'] => {
  let known: ReadonlyMap<number | null, Relations> | null = null;
  return (questions) => {
    const rows = known ?? new Map(lineage().map((row) => [row.inode, row]));
    known = rows;
    return questions.map(({ at, up }) => {
      // No tool knows a namespace by its id.
      let row = typeof at === 'string' ? rows.get(inodeOf(at)) : undefined;
      for (const step of up) row = rows.get(row?.[step] ?? null);
      return row ?? null;
    });
  };
};

/** What stands for the reader of a backend that has none. */
export const filesOf = ({ lineage }: Pick<Backend, 'lineage'>): KernelReader =>
  lineage === undefined ? fileReader : { ...fileReader, relations: answersBy(lineage) };

/** What a backend reads with; a backend without a reader of its own, or that cannot have it here, leaves it to files. */
export const readerOf = (backend: Pick<Backend, 'reader' | 'lineage'>): KernelReader => {
  const files = filesOf(backend);
  return backend.reader?.().unwrapOr(files) ?? files;
};
