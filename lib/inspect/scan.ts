import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import type { KernelReader } from '../kernel-reader.ts';
import { NAMESPACE_TYPES, type NamespaceType } from '../namespace.ts';
import type { FdHolder, Pin, ProcessInfo, ThreadHolder, Unseen } from './model.ts';

/** A namespace as a link names it. */
interface Link {
  readonly type: NamespaceType;
  readonly inode: number;
}

/** What is found of one namespace while everything is gone through. */
export interface Found extends Link {
  /** By pid. */
  readonly processes: ProcessInfo[];
  readonly threads: ThreadHolder[];
  readonly fds: FdHolder[];
  readonly pins: Pin[];
  /** A file of it. */
  path: string | null;
}

const list = (path: string): readonly string[] | null => {
  try {
    return readdirSync(path);
  } catch {
    // Gone, or not this caller's to see.
    return null;
  }
};

const numbers = (path: string): readonly number[] =>
  (list(path) ?? [])
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);

/** Files of a namespace, one after the other, each of which may be gone by now; null when there are no more. */
export const fileOf = ({ type, processes, threads, fds }: Found, index: number): string | null => {
  const process = processes[index];
  if (process !== undefined) return `/proc/${process.pid}/ns/${type}`;
  const thread = threads[index - processes.length];
  if (thread !== undefined) return `/proc/${thread.pid}/task/${thread.tid}/ns/${type}`;
  const holder = fds[index - processes.length - threads.length];
  return holder === undefined ? null : `/proc/${holder.pid}/fd/${holder.fd}`;
};

const keep = <T>(all: T[], stays: (one: T) => boolean): void => {
  if (!all.every(stays)) all.splice(0, all.length, ...all.filter(stays));
};

/** How many processes are asked about at once. */
const AT_ONCE = 128;

const LINK = /^(cgroup|ipc|mnt|net|pid|time|user|uts):\[(\d+)\]$/;

const readLink = (text: string | null): Link | null => {
  const [, type, inode] = (text === null ? null : LINK.exec(text)) ?? [];
  return type === undefined ? null : { type: type as NamespaceType, inode: Number(inode) };
};

const deviceOf = (path: string): number | null => {
  try {
    return statSync(path).dev;
  } catch {
    return null;
  }
};

/** Parent and number of threads in /proc/PID/stat; the name in it may hold blanks and parentheses. */
const readStat = (bytes: Buffer | null): { readonly parentPid: number; readonly threads: number } => {
  const text = bytes?.toString('latin1') ?? '';
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { parentPid: Number(fields[1] ?? 0), threads: Number(fields[17] ?? 1) };
};

/** Goes through /proc once. */
export class Scan {
  readonly found = new Map<number, Found>();
  readonly processes: ProcessInfo[] = [];
  readonly #reader: KernelReader;
  readonly #types = NAMESPACE_TYPES.filter((type) => existsSync(`/proc/self/ns/${type}`));
  readonly #manyThreads: number[] = [];
  #unseenProcesses = 0;
  #unseenFds = 0;

  constructor(reader: KernelReader) {
    this.#reader = reader;
  }

  get unseen(): Unseen {
    return { processes: this.#unseenProcesses, fds: this.#unseenFds };
  }

  /** The processes, and the namespaces that they are in. */
  readProcesses(): void {
    const pids = numbers('/proc');
    // In pieces, so that what is asked does not outgrow what is found.
    for (let at = 0; at < pids.length; at += AT_ONCE) this.#readSome(pids.slice(at, at + AT_ONCE));
  }

  #readSome(pids: readonly number[]): void {
    const types = this.#types;
    const links = this.#reader.readLinks(pids.flatMap((pid) => types.map((type) => `/proc/${pid}/ns/${type}`)));
    const stats = this.#reader.readFiles(
      pids.map((pid) => `/proc/${pid}/stat`),
      512,
    );
    for (const [index, pid] of pids.entries()) {
      const namespaces: Partial<Record<NamespaceType, number>> = {};
      let seen = false;
      const { parentPid, threads } = readStat(stats[index] ?? null);
      const info: ProcessInfo = { pid, parentPid, namespaces };
      // One that has no stat is gone, and nobody's business any more.
      if ((stats[index] ?? null) === null) continue;
      for (const [offset, type] of types.entries()) {
        const link = readLink(links[index * types.length + offset] ?? null);
        if (link === null) continue;
        seen = true;
        namespaces[type] = link.inode;
        this.#at(link, `/proc/${pid}/ns/${type}`).processes.push(info);
      }
      if (seen) this.processes.push(info);
      else this.#unseenProcesses += 1;
      if (seen && threads > 1) this.#manyThreads.push(pid);
    }
  }

  /** Threads that have left the namespaces of their process; a user namespace is left by whole processes only. */
  readThreads(): void {
    const types = this.#types.filter((type) => type !== 'user');
    const threads = this.#manyThreads.flatMap((pid) =>
      numbers(`/proc/${pid}/task`)
        .filter((tid) => tid !== pid)
        .map((tid) => ({ pid, tid })),
    );
    const paths = threads.flatMap(({ pid, tid }) => types.map((type) => `/proc/${pid}/task/${tid}/ns/${type}`));
    const links = this.#reader.readLinks(paths);
    const known = new Map(this.processes.map(({ pid, namespaces }) => [pid, namespaces]));
    for (const [index, path] of paths.entries()) {
      const link = readLink(links[index] ?? null);
      const thread = threads[Math.floor(index / types.length)];
      if (link === null || thread === undefined || known.get(thread.pid)?.[link.type] === link.inode) continue;
      this.#at(link, path).threads.push(thread);
    }
  }

  /** Namespaces that somebody holds open. */
  readFds(): void {
    const fds: FdHolder[] = [];
    for (const { pid } of this.processes) {
      const names = list(`/proc/${pid}/fd`);
      if (names === null) this.#unseenFds += 1;
      else for (const name of names) fds.push({ pid, fd: Number(name) });
    }
    const links = this.#reader.readLinks(fds.map(({ pid, fd }) => `/proc/${pid}/fd/${fd}`));
    const pins = new Set([...this.found.values()].flatMap((found) => found.pins.map(({ path }) => path)));
    const pinned: { readonly holder: FdHolder; readonly path: string }[] = [];
    for (const [index, holder] of fds.entries()) {
      const text = links[index] ?? null;
      const link = readLink(text);
      const path = `/proc/${holder.pid}/fd/${holder.fd}`;
      if (link !== null) this.#at(link, path).fds.push(holder);
      // What was opened by a pin has its path for a link, or only a slash once that has been unmounted.
      else if (text === '/' || (text !== null && pins.has(text))) pinned.push({ holder, path });
    }
    this.#readPinned(pinned);
  }

  #readPinned(candidates: readonly { readonly holder: FdHolder; readonly path: string }[]): void {
    const isOfNsfs = ({ path }: { readonly path: string }): boolean => deviceOf(path) === deviceOf('/proc/self/ns/mnt');
    const pinned = candidates.filter(isOfNsfs);
    const answers = this.#reader.relations(pinned.map(({ path }) => ({ at: path, up: [] })));
    for (const [index, answer] of answers.entries()) {
      const one = pinned[index];
      if (answer !== null && one !== undefined) this.#at(answer, one.path).fds.push(one.holder);
    }
  }

  /** Namespaces that are bind-mounted, in every mount namespace that has a process. */
  readMounts(): void {
    const mounts = [...this.found.values()].filter(({ type }) => type === 'mnt');
    for (const { inode, processes, threads } of mounts) {
      const [first] = processes;
      const [thread] = threads;
      const dir = first === undefined ? thread && `/proc/${thread.pid}/task/${thread.tid}` : `/proc/${first.pid}`;
      if (dir === undefined) continue;
      for (const { link, path } of this.#mountsOf(`${dir}/mountinfo`)) {
        this.#at(link, `${dir}/root${path}`).pins.push({ path, mountNamespace: inode });
      }
    }
  }

  /** A namespace that the kernel told of, by a file of it where that was asked. */
  add(link: Link, path: string | null = null): Found {
    const found = this.#at(link, path);
    found.path = path ?? found.path;
    return found;
  }

  /** Leaves out processes that have ended meanwhile. */
  forget(gone: ReadonlySet<number>): void {
    const stays = ({ pid }: { readonly pid: number }): boolean => !gone.has(pid);
    keep(this.processes, stays);
    for (const found of this.found.values()) {
      keep(found.processes, stays);
      keep(found.threads, stays);
      keep(found.fds, stays);
      const [, pid] = /^\/proc\/(\d+)\//.exec(found.path ?? '') ?? [];
      if (pid !== undefined && gone.has(Number(pid))) found.path = fileOf(found, 0);
    }
  }

  #mountsOf(file: string): readonly { readonly link: Link; readonly path: string }[] {
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch {
      return [];
    }
    return text.split('\n').flatMap((line) => {
      // The fields before " - " are of a fixed order, the root of a mounted nsfs is the link's text.
      if (!line.includes(' - nsfs ')) return [];
      const [, , , root, path = ''] = line.split(' ');
      const link = readLink(root ?? null);
      const plain = path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
      return link === null ? [] : [{ link, path: plain }];
    });
  }

  #at({ type, inode }: Link, path: string | null): Found {
    const known = this.found.get(inode);
    if (known !== undefined) {
      known.path ??= path;
      return known;
    }
    const made: Found = { type, inode, processes: [], threads: [], fds: [], pins: [], path };
    this.found.set(inode, made);
    return made;
  }
}
