import { readFileSync, statSync } from 'node:fs';
import type { Inspection, NamespaceInfo, ProcessInfo } from '../../lib/index.ts';
import { COLUMNS, type ColumnName, type LineProcess, type Subject } from './columns.ts';
import type { ListRequest } from './request.ts';

/** A line, and those that stand below it. */
export interface Line {
  readonly subject: Subject;
  readonly children: Line[];
}

const bytes = (path: string): Buffer | null => {
  try {
    return readFileSync(path);
  } catch {
    return null;
  }
};

const describe = ({ pid, parentPid }: ProcessInfo): LineProcess => {
  const cmdline = bytes(`/proc/${pid}/cmdline`);
  const named = bytes(`/proc/${pid}/comm`)?.toString('utf8').replace(/\n$/, '') ?? null;
  const command = cmdline === null || cmdline.length === 0 ? named : cmdline.toString('utf8').replace(/\0+$/, '');
  let uid: number | null = null;
  try {
    ({ uid } = statSync(`/proc/${pid}`));
  } catch {
    // It has ended meanwhile.
  }
  return { pid, parentPid, uid, command: command?.replaceAll('\0', ' ') ?? null };
};

/** The cells of a subject, as a filter asks for them. */
const isWanted = ({ filter }: ListRequest, subject: Subject): boolean =>
  filter === null || filter((name) => COLUMNS[name as ColumnName].cell(subject));

const ownMounts = ({ processes }: Inspection): number | null =>
  processes.find(({ pid }) => pid === process.pid)?.namespaces.mnt ?? null;

/** Lines that stand below the line of a process's parent: the last one that was made for it by then. */
const byProcess = (subjects: readonly Subject[]): Line[] => {
  const roots: Line[] = [];
  const lineOf = new Map<number, Line>();
  for (const subject of subjects) {
    const line: Line = { subject, children: [] };
    const { pid, parentPid } = subject.process;
    const above = parentPid === null ? undefined : lineOf.get(parentPid);
    (above?.children ?? roots).push(line);
    if (pid !== null) lineOf.set(pid, line);
  }
  return roots;
};

/** Lines that stand below the namespace that owns them, or is their parent, which is put in where it was not asked for. */
const byRelation = (
  relation: 'owner' | 'parent',
  subjects: readonly Subject[],
  subjectOf: (inode: number) => Subject | null,
): Line[] => {
  const roots: Line[] = [];
  const lineOf = new Map<number, Line>();
  const add = (subject: Subject): Line => {
    const known = lineOf.get(subject.namespace.inode);
    if (known !== undefined) return known;
    const inode = subject.namespace[relation];
    const above = inode === null ? null : subjectOf(inode);
    const siblings = above === null ? roots : add(above).children;
    const line: Line = { subject, children: [] };
    siblings.push(line);
    lineOf.set(subject.namespace.inode, line);
    return line;
  };
  const wanted = new Map(subjects.map((subject) => [subject.namespace.inode, subject]));
  for (const subject of subjects) {
    // lsns has the line of an owner ready before those of what it owns.
    const owner = wanted.get(subject.namespace.owner ?? 0);
    if (owner !== undefined) add(owner);
    add(subject);
  }
  return roots;
};

/** The lines of namespaces. */
export const namespaceLines = (seen: Inspection, request: ListRequest): readonly Line[] => {
  const { types, task, persistent, tree } = request;
  const mounts = ownMounts(seen);
  const subjectOf = (namespace: NamespaceInfo): Subject => ({ namespace, process: namespace, ownMounts: mounts });
  const known = new Map(seen.namespaces.map((namespace) => [namespace.inode, namespace]));
  const own = task === null ? null : seen.processes.find(({ pid }) => pid === task)?.namespaces;
  const inTask = own === null ? null : new Set(Object.values(own ?? {}));
  const subjects = seen.namespaces
    .filter(
      ({ type, inode, processes }) =>
        (types.length === 0 || types.includes(type)) &&
        (inTask === null || inTask.has(inode)) &&
        (!persistent || processes === 0),
    )
    .map(subjectOf)
    .filter((subject) => isWanted(request, subject));
  if (tree === null) return subjects.map((subject) => ({ subject, children: [] }));
  if (tree === 'process') return byProcess(subjects);
  return byRelation(tree, subjects, (inode) => {
    const namespace = known.get(inode);
    return namespace === undefined ? null : subjectOf(namespace);
  });
};

/** The lines of the processes of one namespace; null when there is no such namespace. */
export const processLines = (seen: Inspection, inode: number, request: ListRequest): readonly Line[] | null => {
  const namespace = seen.namespaces.find((candidate) => candidate.inode === inode);
  if (namespace === undefined) return null;
  const mounts = ownMounts(seen);
  const members = seen.processes
    .filter(({ namespaces }) => namespaces[namespace.type] === inode)
    .map((process): Subject => ({ namespace, process: describe(process), ownMounts: mounts }))
    .filter((subject) => isWanted(request, subject));
  if (request.tree === null) return members.map((subject) => ({ subject, children: [] }));
  // A parent may have the higher number.
  const lines = new Map(members.map((subject) => [subject.process.pid, { subject, children: [] } as Line]));
  const roots: Line[] = [];
  for (const line of lines.values()) {
    const above = lines.get(line.subject.process.parentPid);
    (above?.children ?? roots).push(line);
  }
  return roots;
};
