import { err, ok, type Result } from 'neverthrow';
import { type InvalidOption, invalidOption } from './errors.ts';

/** One line of /proc/PID/uid_map or gid_map: `count` ids from `inside` on are `outside` and the following. */
export interface IdRange {
  readonly inside: number;
  readonly outside: number;
  /** How many ids; 1 when left out. */
  readonly count?: number;
}

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
  /** `self`: the child may write the maps; `parent`: it takes CAP_SETUID and CAP_SETGID outside. */
  readonly writer: 'self' | 'parent';
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

const becomes = (ranges: readonly FullIdRange[], own: number): number | null => {
  const covered = ranges.some(({ outside, count }) => own >= outside && own < outside + count);
  return !covered && ranges.some(({ inside }) => inside === 0) ? 0 : null;
};

/** Decides who writes the maps, and what the child has to do after it. */
export const planIdMap = (
  uid: readonly FullIdRange[],
  gid: readonly FullIdRange[],
  setgroups: 'allow' | 'deny' | undefined,
  own: Identity,
): IdMapPlan => {
  const selfMay = isOwnLine(uid, own.uid) && isOwnLine(gid, own.gid) && setgroups !== 'allow';
  return {
    uid,
    gid,
    writer: selfMay ? 'self' : 'parent',
    // A gid map that is written without CAP_SETGID outside needs "deny" first, since Linux 3.19.
    setgroups: setgroups ?? (selfMay && gid.length > 0 ? 'deny' : 'allow'),
    become: { uid: becomes(uid, own.uid), gid: becomes(gid, own.gid) },
  };
};

/** The text of a map file. */
export const idMapText = (ranges: readonly FullIdRange[]): string =>
  ranges.map((range) => `${describe(range)}\n`).join('');
