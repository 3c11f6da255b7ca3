import { err, ok, type Result } from 'neverthrow';
import { type InvalidOption, invalidOption } from './errors.ts';

/** One line of /proc/PID/uid_map or gid_map: `count` ids from `inside` on are `outside` and the following. */
export interface IdRange {
  readonly inside: number;
  readonly outside: number;
  /** How many ids; 1 when left out. */
  readonly count?: number;
}

/**
 * A range that is looked up: `auto` the caller's first range of subuid(5) or subgid(5), from id 0 on; `subids` the same
 * under the same ids inside; `all` every id that the caller itself has, unchanged.
 */
export type IdMapWord = 'auto' | 'subids' | 'all';

/** An id range with its count. */
export type FullIdRange = Required<IdRange>;

/** Who the caller is; what its own maps may hold depends on it. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** The maps of a new user namespace, and how they come to be written. */
export interface IdMapPlan {
  readonly uid: readonly FullIdRange[];
  readonly gid: readonly FullIdRange[];
  readonly setgroups: 'allow' | 'deny';
  /** `self`: the child writes the maps; `parent`: it waits until somebody outside has. */
  readonly writer: 'self' | 'parent';
  /** The paths of newuidmap(1) and newgidmap(1), where they are to write the file that the caller may not. */
  readonly helpers: { readonly uid: string | null; readonly gid: string | null };
  /** Ids to take on inside, because the caller's own are not mapped and 0 is. */
  readonly become: { readonly uid: number | null; readonly gid: number | null };
}

/** The highest id that can be mapped; (uid_t)-1 is no id. */
const LAST_ID = 0xfffffffe;

const isId = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= LAST_ID;

/** The first map of a machine has all of them in one line: `0 0 4294967295`. */
const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= LAST_ID + 1;

/** A range as it stands in the file. */
const describe = (range: FullIdRange): string => `${range.inside} ${range.outside} ${range.count}`;

const overlap = (a: FullIdRange, b: FullIdRange, side: 'inside' | 'outside'): boolean =>
  a[side] < b[side] + b.count && b[side] < a[side] + a.count;

/** Checks ranges and fills in their counts; the kernel would say EINVAL to what is refused here. */
export const idRanges = (
  option: string,
  value: IdRange | readonly IdRange[],
): Result<readonly FullIdRange[], InvalidOption> => {
  const given: readonly IdRange[] = Array.isArray(value) ? value : [value as IdRange];
  const ranges: FullIdRange[] = [];
  if (given.length === 0) return err(invalidOption(option, value, 'at least one range'));
  if (given.length > 340) return err(invalidOption(option, `${given.length} ranges`, 'at most 340 ranges'));
  for (const entry of given) {
    const range = { inside: entry?.inside, outside: entry?.outside, count: entry?.count ?? 1 };
    if (!isId(range.inside) || !isId(range.outside) || !isCount(range.count)) {
      return err(invalidOption(option, entry, 'inside, outside (0 to 4294967294) and count (1 or more)'));
    }
    if (range.inside + range.count - 1 > LAST_ID || range.outside + range.count - 1 > LAST_ID) {
      return err(invalidOption(option, describe(range), 'a range that ends at 4294967294 or below'));
    }
    for (const other of ranges) {
      const side = (['inside', 'outside'] as const).find((end) => overlap(range, other, end));
      if (side !== undefined) {
        return err(invalidOption(option, [describe(other), describe(range)], `ranges that do not overlap ${side}`));
      }
    }
    ranges.push(range);
  }
  return ok(ranges);
};

const isOwnLine = (ranges: readonly FullIdRange[], own: number): boolean =>
  ranges.length === 0 || (ranges.length === 1 && ranges[0]?.count === 1 && ranges[0].outside === own);

/** Maps that the child may write itself: a line each at most, of the caller's own ids. */
export const isOwnMap = (
  uid: readonly FullIdRange[],
  gid: readonly FullIdRange[],
  setgroups: 'allow' | 'deny' | undefined,
  own: Identity,
): boolean => isOwnLine(uid, own.uid) && isOwnLine(gid, own.gid) && setgroups !== 'allow';

interface Run {
  readonly start: number;
  readonly count: number;
}

/** A run of ids without those of another run: no, one or two runs. */
const without = (run: Run, start: number, count: number): readonly Run[] => {
  const end = run.start + run.count;
  if (start + count <= run.start || start >= end) return [run];
  return [
    { start: run.start, count: start - run.start },
    { start: start + count, count: end - start - count },
  ].filter((part) => part.count > 0);
};

/** Pairs the ids of two lists of runs in their order, until one of the lists is at its end. */
const pair = (insides: readonly Run[], outsides: readonly Run[]): readonly FullIdRange[] => {
  const ranges: FullIdRange[] = [];
  const left = [...insides];
  const right = [...outsides];
  for (let a = left.shift(), b = right.shift(); a !== undefined && b !== undefined; ) {
    const count = Math.min(a.count, b.count);
    ranges.push({ inside: a.start, outside: b.start, count });
    a = a.count > count ? { start: a.start + count, count: a.count - count } : left.shift();
    b = b.count > count ? { start: b.start + count, count: b.count - count } : right.shift();
  }
  return ranges;
};

/**
 * Takes out of a range what others have of it, on both sides, and pairs what is left in its order.
 *
 * @remarks A range that held an end of another one loses as many of its topmost ids on the other side, as with unshare(1).
 */
export const fitIdRange = (range: FullIdRange, others: readonly FullIdRange[]): readonly FullIdRange[] => {
  let insides: readonly Run[] = [{ start: range.inside, count: range.count }];
  let outsides: readonly Run[] = [{ start: range.outside, count: range.count }];
  for (const { inside, outside, count } of others) {
    insides = insides.flatMap((run) => without(run, inside, count));
    outsides = outsides.flatMap((run) => without(run, outside, count));
  }
  return pair(insides, outsides);
};

const becomes = (ranges: readonly FullIdRange[], own: number): number | null => {
  const covered = ranges.some(({ outside, count }) => own >= outside && own < outside + count);
  return !covered && ranges.some(({ inside }) => inside === 0) ? 0 : null;
};

/** What the caller may write of maps that hold more than its own ids, and who may where it may not. */
export interface MapWriters {
  readonly setuid: boolean;
  readonly setgid: boolean;
  readonly newuidmap: string | null;
  readonly newgidmap: string | null;
}

const ALL_MAY: MapWriters = { setuid: true, setgid: true, newuidmap: null, newgidmap: null };

/** Decides who writes the maps, and what the child has to do after it. */
export const planIdMap = (
  uid: readonly FullIdRange[],
  gid: readonly FullIdRange[],
  setgroups: 'allow' | 'deny' | undefined,
  own: Identity,
  writers: MapWriters = ALL_MAY,
): IdMapPlan => {
  const selfMay = isOwnMap(uid, gid, setgroups, own);
  const ownGid = isOwnLine(gid, own.gid);
  return {
    uid,
    gid,
    writer: selfMay ? 'self' : 'parent',
    helpers: {
      uid: selfMay || writers.setuid || isOwnLine(uid, own.uid) ? null : writers.newuidmap,
      gid: selfMay || writers.setgid || ownGid ? null : writers.newgidmap,
    },
    // A gid map that is written without CAP_SETGID outside needs "deny" first, since Linux 3.19.
    setgroups: setgroups ?? (gid.length > 0 && ownGid && (selfMay || !writers.setgid) ? 'deny' : 'allow'),
    become: { uid: becomes(uid, own.uid), gid: becomes(gid, own.gid) },
  };
};

/** The maps of a namespace that belongs to somebody else: a privileged caller writes them. */
export const planOwnedMap = (
  uid: readonly FullIdRange[],
  gid: readonly FullIdRange[],
  setgroups: 'allow' | 'deny' | undefined,
  owner: Identity,
): IdMapPlan => ({
  uid,
  gid,
  writer: 'parent',
  helpers: { uid: null, gid: null },
  setgroups: setgroups ?? 'allow',
  become: { uid: becomes(uid, owner.uid), gid: becomes(gid, owner.gid) },
});

/** The text of a map file. */
export const idMapText = (ranges: readonly FullIdRange[]): string =>
  ranges.map((range) => `${describe(range)}\n`).join('');

/** What newuidmap(1) and newgidmap(1) are to be told. */
export const helperArguments = (pid: number | string, ranges: readonly FullIdRange[]): readonly string[] => [
  String(pid),
  ...ranges.flatMap(({ inside, outside, count }) => [inside, outside, count].map(String)),
];
