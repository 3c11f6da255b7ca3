import type { KernelReader, Question, Relations, Step } from '../kernel-reader.ts';
import { fileOf, type Scan } from './scan.ts';

/** No chain of namespaces is longer than the kernel lets it be: MAX_PID_NS_LEVEL, and the same for user namespaces. */
const MOST_LEVELS = 33;
/** How many files of a namespace are tried, when the processes that had them end while they are asked about. */
const MOST_FILES = 8;

/** What the kernel told. */
export interface Told {
  readonly relations: ReadonlyMap<number, Relations>;
  /** What it listed and nobody in /proc shows. */
  readonly listed: ReadonlySet<number>;
}

/** Leaves out the processes of namespaces of which nothing was told, where they have ended. */
const forgetSilent = (reader: KernelReader, scan: Scan, relations: Told['relations']): void => {
  const silent = [...scan.found.values()].filter(({ inode }) => !relations.has(inode));
  const pids = silent.flatMap(({ type, processes }) => processes.map(({ pid }) => ({ pid, type })));
  const links = reader.readLinks(pids.map(({ pid, type }) => `/proc/${pid}/ns/${type}`));
  scan.forget(new Set(pids.filter((_, index) => links[index] === null).map(({ pid }) => pid)));
};

/** Asks for the relations of everything found and listed, and of their relatives, until there is nobody new. */
export const relate = (reader: KernelReader, scan: Scan): Told => {
  const relations = new Map<number, Relations>();
  const listed = new Set<number>();
  const climb = (first: readonly Question[]): void => {
    let questions = first;
    for (let level = 0; questions.length > 0 && level < MOST_LEVELS; level += 1) {
      const asked = new Set<number>();
      const next: Question[] = [];
      for (const [index, answer] of reader.relations(questions).entries()) {
        const question = questions[index];
        if (answer === null || question === undefined) continue;
        const { at, up } = question;
        // A process may have ended, and its pid may be another one's: what was answered for is what counts.
        relations.set(answer.inode, answer);
        scan.add(answer, typeof at === 'string' && up.length === 0 ? at : null);
        if (typeof at === 'bigint' && up.length === 0) listed.add(answer.inode);
        for (const step of ['owner', 'parent'] as const satisfies readonly Step[]) {
          const inode = answer[step];
          if (inode === null || scan.found.has(inode) || asked.has(inode)) continue;
          asked.add(inode);
          next.push({ at, up: [...up, step] });
        }
      }
      questions = next;
    }
  };

  let open = [...scan.found.values()];
  for (let turn = 0; open.length > 0 && turn < MOST_FILES; turn += 1) {
    climb(
      open.flatMap((found) => {
        const at = turn === 0 ? found.path : fileOf(found, turn);
        return at === null ? [] : [{ at, up: [] }];
      }),
    );
    // A reader that cannot ask has no answer to any file.
    if (relations.size === 0) break;
    open = open.filter((found) => !relations.has(found.inode) && fileOf(found, turn + 1) !== null);
  }

  if (relations.size > 0) forgetSilent(reader, scan, relations);

  const known = new Set([...relations.values()].map(({ id }) => id));
  const others = reader.namespaceIds()?.filter((id) => !known.has(id)) ?? [];
  climb(others.map((at) => ({ at, up: [] })));
  return { relations, listed };
};
