import type { ErrnoName } from './errno.ts';
import { type SetupFailed, setupFailed } from './errors.ts';
import { type FullIdRange, helperArguments, type IdMapPlan, idMapText } from './id-map.ts';
import type { IdKind } from './subordinate-ids.ts';

/** What newuidmap(1) and newgidmap(1) say, and the errno that it comes to. */
const SAYINGS: readonly (readonly [RegExp, ErrnoName])[] = [
  [/ not allowed/, 'EPERM'],
  [/is owned by a different user/, 'EPERM'],
  [/Operation not permitted/, 'EPERM'],
  [/Could not set caps/i, 'EPERM'],
  [/Permission denied/, 'EACCES'],
  [/Invalid argument/, 'EINVAL'],
  [/No such (file|process)/, 'ESRCH'],
];

/** The errno in the words of newuidmap(1); null when they name none. */
export const errnoOfHelper = (said: string): ErrnoName | null =>
  SAYINGS.find(([words]) => words.test(said))?.[1] ?? null;

/** A file that is to be written from outside, and how. */
export interface MapWrite {
  readonly file: 'setgroups' | `${IdKind}_map`;
  readonly text: string;
  /** The program that writes it, and what it is to be told; null: the caller itself does. */
  readonly helper: { readonly path: string; readonly ranges: readonly FullIdRange[] } | null;
}

/** What is to be written while the child waits, in its order: setgroups before gid_map. */
export const mapWrites = (idMap: IdMapPlan | null): readonly MapWrite[] => {
  if (idMap?.writer !== 'parent') return [];
  const { uid, gid, setgroups, helpers } = idMap;
  const map = (kind: IdKind, ranges: readonly FullIdRange[]): readonly MapWrite[] => {
    const path = helpers[kind];
    const helper = path === null ? null : { path, ranges };
    return ranges.length === 0 ? [] : [{ file: `${kind}_map`, text: idMapText(ranges), helper }];
  };
  return [
    ...(setgroups === 'deny' ? [{ file: 'setgroups', text: 'deny', helper: null } as const] : []),
    ...map('uid', uid),
    ...map('gid', gid),
  ];
};

/** A write for a person to read. */
export const explainWrite = ({ file, text, helper }: MapWrite): string =>
  helper === null
    ? `writes ${JSON.stringify(text)} to /proc/PID/${file}`
    : `runs ${[helper.path, ...helperArguments('PID', helper.ranges)].join(' ')}`;

/** The error of a helper that could not write a map, by what it said. */
export const helperFailed = (
  backend: string,
  pid: number,
  { file, helper }: MapWrite,
  said: string,
  errno: SetupFailed['errno'] = errnoOfHelper(said),
): SetupFailed => {
  const path = helper?.path ?? '';
  const name = path.slice(path.lastIndexOf('/') + 1);
  const words =
    said
      .trim()
      .split('\n')
      .at(-1)
      ?.replace(/^new[ug]idmap: /, '') || 'no word';
  return setupFailed({
    backend,
    step: 'id-map',
    syscall: `${name}(1)`,
    call: `${[name, ...helperArguments(pid, helper?.ranges ?? [])].join(' ')}: ${words}`,
    errno,
    namespaces: ['user'],
    path: `/proc/${pid}/${file}`,
    diagnosis: null,
  });
};
