import { closeSync, openSync, statSync } from 'node:fs';
import { ok, type Result } from 'neverthrow';
import type { BackendUnavailable, InvalidOption } from '../errors.ts';
import type { KernelReader } from '../kernel-reader.ts';
import { openBackend } from '../open.ts';
import { commandText } from '../process-command.ts';
import type { BackendChoice } from '../spec.ts';
import { filesOf } from './file-reader.ts';
import type { Inspection, NamespaceInfo } from './model.ts';
import { relate } from './relate.ts';
import { type Found, Scan } from './scan.ts';

/** What {@link inspect} looks at. */
export interface InspectSpec {
  /** Whether open fds of all processes are gone through, too; true when left out. */
  readonly fds?: boolean;
  /** `auto` when left out: ffi, else shell; or what the environment variable NS_BACKEND says. */
  readonly backend?: BackendChoice;
}

const MOST_COMMAND_BYTES = 4_096;

/**
 * The command lines of processes, as lsns(8) prints them.
 *
 * @param pids - process ids
 * @returns one text each; null for a process that is gone
 */
const readCommands = (reader: KernelReader, pids: readonly number[]): readonly (string | null)[] => {
  const cmdlines = reader.readFiles(
    pids.map((pid) => `/proc/${pid}/cmdline`),
    MOST_COMMAND_BYTES,
  );
  const comms = reader.readFiles(
    pids.map((pid) => `/proc/${pid}/comm`),
    64,
  );
  return pids.map((_, index) => commandText(cmdlines[index] ?? null, comms[index] ?? null));
};

const uidOf = (pid: number): number | null => {
  try {
    return statSync(`/proc/${pid}`).uid;
  } catch {
    return null;
  }
};

/** What stands for a namespace in a list: its process of the lowest pid. */
interface Lowest {
  readonly command: string;
  readonly uid: number;
}

/** Asks for the lowest process of each namespace, until each that was asked for is still there. */
const readLowest = (reader: KernelReader, scan: Scan): ReadonlyMap<number, Lowest> => {
  const told = new Map<number, Lowest>();
  for (;;) {
    const lowest = [...scan.found.values()].flatMap(({ processes: [first] }) =>
      first === undefined ? [] : [first.pid],
    );
    const pids = [...new Set(lowest)].filter((pid) => !told.has(pid));
    const gone = new Set<number>();
    for (const [index, command] of readCommands(reader, pids).entries()) {
      const pid = pids[index] as number;
      const uid = uidOf(pid);
      if (command === null || uid === null) gone.add(pid);
      else told.set(pid, { command, uid });
    }
    if (gone.size === 0) return told;
    scan.forget(gone);
  }
};

/** Opens what can be opened of network namespaces, and asks for the nsid of each. */
const readNetNsIds = (reader: KernelReader, nets: readonly Found[]): ReadonlyMap<number, number> => {
  const open: { readonly inode: number; readonly fd: number }[] = [];
  for (const { inode, path } of nets) {
    try {
      if (path !== null) open.push({ inode, fd: openSync(path, 'r') });
    } catch {
      // Gone, or not this caller's to open.
    }
  }
  const ids = new Map<number, number>();
  for (const [index, id] of reader.netNsIds(open.map(({ fd }) => fd)).entries()) {
    const net = open[index];
    if (net !== undefined && id !== null) ids.set(net.inode, id);
  }
  for (const { fd } of open) closeSync(fd);
  return ids;
};

const mapText = (bytes: Buffer | null | undefined): string | null => {
  if (bytes === null || bytes === undefined) return null;
  const lines = bytes.toString('latin1').trim().split('\n');
  return lines.map((line) => line.trim().split(/\s+/).join(' ')).join(', ');
};

const assemble = (reader: KernelReader, scan: Scan): readonly NamespaceInfo[] => {
  const lowestOf = readLowest(reader, scan);
  const { relations, listed } = relate(reader, scan);
  const related = new Set([...relations.values()].flatMap(({ owner, parent }) => [owner, parent]));
  // What had a process only, which has ended, is gone.
  const isThere = ({ inode, processes, threads, fds, pins }: Found): boolean =>
    [processes, threads, fds, pins].some(({ length }) => length > 0) || related.has(inode) || listed.has(inode);
  const all = [...scan.found.values()].filter(isThere).sort((a, b) => a.inode - b.inode);
  const users = all.flatMap(({ type, processes: [first] }) =>
    type === 'user' && first !== undefined ? [{ pid: first.pid }] : [],
  );
  const maps = reader.readFiles(
    users.flatMap(({ pid }) => [`/proc/${pid}/uid_map`, `/proc/${pid}/gid_map`]),
    4_096,
  );
  const mapsOf = new Map(
    users.map(({ pid }, index) => [pid, [mapText(maps[index * 2]), mapText(maps[index * 2 + 1])] as const]),
  );
  const netNsIds = readNetNsIds(
    reader,
    all.filter(({ type }) => type === 'net'),
  );
  return all.map((found): NamespaceInfo => {
    const { type, inode, processes, threads, fds, pins, path } = found;
    const [first] = processes;
    const lowest = first === undefined ? undefined : lowestOf.get(first.pid);
    const told = relations.get(inode);
    const [uidMap = null, gidMap = null] = (type === 'user' && first && mapsOf.get(first.pid)) || [];
    return {
      type,
      inode,
      id: told?.id ?? null,
      processes: processes.length,
      pid: first?.pid ?? null,
      parentPid: first?.parentPid ?? null,
      command: lowest?.command ?? null,
      uid: lowest?.uid ?? null,
      owner: told?.owner ?? null,
      parent: told?.parent ?? null,
      ownerUid: told?.ownerUid ?? null,
      uidMap,
      gidMap,
      netNsId: netNsIds.get(inode) ?? null,
      path,
      holders: { processes: processes.length, threads, fds, pins, descendants: related.has(inode) },
    };
  });
};

/**
 * Looks at every namespace of this machine that can be found: through processes, threads, open fds, mounts, through the
 * namespaces that belong to them, and since Linux 6.19 through the kernel's own list, by the ffi backend.
 *
 * @remarks Blocks the calling thread while it reads /proc: tens of milliseconds for a thousand processes. Works as anybody:
 * what is not the caller's to see (it takes the permission to ptrace(2) a process) is left out and counted in `unseen`.
 * What only an ioctl tells (owner's uid, id, nsid) is null without the ffi backend; there owner and parent are those that lsns(8)
 * tells of namespaces with a process, null where its release tells neither.
 * @param spec - what to look at
 * @returns namespaces by inode, processes by pid, and how much could not be seen; or `backend-unavailable`, `invalid-option`
 * @example
 * ```ts
 * const seen = inspect();
 * if (seen.isOk()) console.log(seen.value.namespaces.some(({ type }) => type === 'mnt')); // true
 * ```
 * @see lsns(8), ioctl_ns(2)
 */
export const inspect = (spec: InspectSpec = {}): Result<Inspection, BackendUnavailable | InvalidOption> =>
  openBackend(spec.backend)
    .andThen(({ backend }) => backend.reader?.() ?? ok(filesOf(backend)))
    .map((reader) => {
      const scan = new Scan(reader);
      scan.readProcesses();
      scan.readThreads();
      scan.readMounts();
      if (spec.fds !== false) scan.readFds();
      return { namespaces: assemble(reader, scan), processes: scan.processes, unseen: scan.unseen };
    });
