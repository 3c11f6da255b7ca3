import { closeSync, openSync, statSync } from 'node:fs';
import { ok, type Result } from 'neverthrow';
import type { BackendUnavailable, InvalidOption } from '../errors.ts';
import type { KernelReader, Question, Relations, Step } from '../kernel-reader.ts';
import { openBackend } from '../open.ts';
import { commandText } from '../process-command.ts';
import type { BackendChoice } from '../spec.ts';
import { fileReader } from './file-reader.ts';
import type { Inspection, NamespaceInfo } from './model.ts';
import { type Found, Scan } from './scan.ts';

/** What {@link inspect} looks at. */
export interface InspectSpec {
  /** Whether open fds of all processes are gone through, too; true when left out. */
  readonly fds?: boolean;
  /** `auto` when left out: ffi, else shell; or what the environment variable NS_BACKEND says. */
  readonly backend?: BackendChoice;
}

/** No chain of namespaces is longer than the kernel lets it be: MAX_PID_NS_LEVEL, and the same for user namespaces. */
const MOST_LEVELS = 33;

/** Asks for the relations of everything found, and of their relatives, until there is nobody new. */
const relate = (reader: KernelReader, scan: Scan): ReadonlyMap<number, Relations> => {
  const known = new Map<number, Relations>();
  let questions: Question[] = [...scan.found.values()].flatMap(({ path }) => (path === null ? [] : [{ path, up: [] }]));
  for (let level = 0; questions.length > 0 && level < MOST_LEVELS; level += 1) {
    const asked = new Set<number>();
    const next: Question[] = [];
    for (const [index, answer] of reader.relations(questions).entries()) {
      const question = questions[index];
      if (answer === null || question === undefined) continue;
      // A process may have ended, and its pid may be another one's: what was answered for is what counts.
      known.set(answer.inode, answer);
      scan.add(answer);
      for (const step of ['owner', 'parent'] as const satisfies readonly Step[]) {
        const inode = answer[step];
        if (inode === null || scan.found.has(inode) || asked.has(inode)) continue;
        asked.add(inode);
        next.push({ path: question.path, up: [...question.up, step] });
      }
    }
    questions = next;
  }
  return known;
};

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
  const relations = relate(reader, scan);
  const all = [...scan.found.values()].sort((a, b) => a.inode - b.inode);
  const lowest = all.map(({ processes }) => processes[0]);
  const pids = [...new Set(lowest.flatMap((process) => (process === undefined ? [] : [process.pid])))];
  const commands = new Map(readCommands(reader, pids).map((command, index) => [pids[index], command]));
  const uids = new Map(pids.map((pid) => [pid, uidOf(pid)]));
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
  const related = new Set([...relations.values()].flatMap(({ owner, parent }) => [owner, parent]));
  return all.map((found, index): NamespaceInfo => {
    const { type, inode, processes, threads, fds, pins, path } = found;
    const first = lowest[index];
    const told = relations.get(inode);
    const [uidMap = null, gidMap = null] = (type === 'user' && first && mapsOf.get(first.pid)) || [];
    return {
      type,
      inode,
      id: told?.id ?? null,
      processes: processes.length,
      pid: first?.pid ?? null,
      parentPid: first?.parentPid ?? null,
      command: commands.get(first?.pid) ?? null,
      uid: first === undefined ? null : (uids.get(first.pid) ?? null),
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
 * Looks at every namespace of this machine that can be found: through processes, threads, open fds, mounts, and through
 * the namespaces that belong to them.
 *
 * @remarks Blocks the calling thread while it reads /proc: tens of milliseconds for a thousand processes. Works as anybody:
 * what is not the caller's to see (it takes the permission to ptrace(2) a process) is left out and counted in `unseen`.
 * What only an ioctl tells (owner, parent, owner's uid, id, nsid) is null without the ffi backend.
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
    .andThen(({ backend }) => backend.reader?.() ?? ok(fileReader))
    .map((reader) => {
      const scan = new Scan(reader);
      scan.readProcesses();
      scan.readThreads();
      scan.readMounts();
      if (spec.fds !== false) scan.readFds();
      return { namespaces: assemble(reader, scan), processes: scan.processes, unseen: scan.unseen };
    });
