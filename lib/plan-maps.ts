import { err, ok, Result } from 'neverthrow';
import { type Checked, flag, NOTHING, needs, optional } from './checks.ts';
import { invalidOption } from './errors.ts';
import {
  type FullIdRange,
  fitIdRange,
  type Identity,
  type IdMapPlan,
  type IdMapWord,
  type IdRange,
  idMapText,
  idRanges,
  isOwnMap,
  planIdMap,
  planOwnedMap,
} from './id-map.ts';
import type { NamespaceType } from './namespace.ts';
import type { SpawnSpec } from './spec.ts';
import {
  type IdKind,
  mapWriters,
  mostMapBytes,
  ownMapLines,
  ownSubordinates,
  subordinateFile,
} from './subordinate-ids.ts';

type MapOption = 'uidMap' | 'gidMap';
type Given = NonNullable<SpawnSpec[MapOption]>;

const WORDS: readonly unknown[] = ['auto', 'subids', 'all'] satisfies IdMapWord[];

const isWord = (value: unknown): value is IdMapWord => WORDS.includes(value);

/** The effective ids of this process. */
const ownIdentity = (): Identity => ({
  uid: process.geteuid?.() ?? 0,
  gid: process.getegid?.() ?? 0,
});

/** What a word stands for on this machine. */
const lookUp = (option: MapOption, kind: IdKind, word: IdMapWord, own: Identity): Checked<readonly FullIdRange[]> => {
  if (word === 'all') return ok(ownMapLines(kind).map(({ inside, count }) => ({ inside, outside: inside, count })));
  const found = ownSubordinates(kind, own);
  if (found === null) {
    return err(invalidOption(option, word, `a line for uid ${own.uid}, or its name, in ${subordinateFile(kind)}`));
  }
  const { start, count } = found;
  return ok([{ inside: word === 'auto' ? 0 : start, outside: start, count }]);
};

/** The lines of one map: those that are given, and around them what words stand for. */
const readRanges = (
  option: MapOption,
  kind: IdKind,
  value: Given | undefined,
  own: Identity,
  before: readonly FullIdRange[],
): Checked<readonly FullIdRange[]> => {
  if (value === undefined) return ok(before);
  const given: readonly unknown[] = Array.isArray(value) ? value : [value];
  const words = given.filter(isWord);
  const explicit = given.filter((entry) => !isWord(entry)) as readonly IdRange[];
  const lines: Checked<readonly FullIdRange[]> =
    explicit.length === 0 && words.length > 0 ? ok([]) : idRanges(option, explicit);
  return lines.andThen((ranges) => {
    let all: readonly FullIdRange[] = [...before, ...ranges];
    for (const word of words) {
      const found = lookUp(option, kind, word, own);
      if (found.isErr()) return err(found.error);
      for (const range of found.value) all = [...all, ...fitIdRange(range, all)];
    }
    return all.length > 340 ? err(invalidOption(option, `${all.length} ranges`, 'at most 340 ranges')) : ok(all);
  });
};

const holds = (line: FullIdRange, range: FullIdRange): boolean =>
  range.outside >= line.inside && range.outside + range.count <= line.inside + line.count;

const shownLine = ({ inside, outside, count }: FullIdRange): string => `${inside} ${outside} ${count}`;

/** Finds what the kernel would answer with EPERM or EINVAL, and no reason: more than the caller itself has, or more than a page. */
const checkLines = (option: MapOption, kind: IdKind, ranges: readonly FullIdRange[]): Checked<null> => {
  const lines = ownMapLines(kind);
  // A process that is mapped nowhere, or cannot look, is told by the kernel.
  const beyond = lines.length === 0 ? undefined : ranges.find((range) => !lines.some((line) => holds(line, range)));
  if (beyond !== undefined) {
    const own = lines.map(shownLine).join(', ');
    return err(
      invalidOption(
        option,
        shownLine(beyond),
        `outside ids that one line of this process's own ${kind}_map has (${own})`,
      ),
    );
  }
  const bytes = idMapText(ranges).length;
  const most = bytes > 4_095 ? mostMapBytes() : bytes;
  return bytes <= most
    ? NOTHING
    : err(invalidOption(option, `${ranges.length} ranges of ${bytes} bytes`, `at most ${most} bytes, a page less one`));
};

const checkBoth = (uid: readonly FullIdRange[], gid: readonly FullIdRange[]): Checked<null> =>
  checkLines('uidMap', 'uid', uid).andThen(() => checkLines('gidMap', 'gid', gid));

const isId = (value: unknown): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xfffffffe;

/** Checks to whom the new user namespace is to belong. */
export const planOwner = (value: SpawnSpec['owner'], types: ReadonlySet<NamespaceType>): Checked<Identity | null> =>
  optional(value, (owner) =>
    typeof owner === 'object' && owner !== null && isId(owner.uid) && isId(owner.gid)
      ? needs('owner', { uid: owner.uid, gid: owner.gid }, types, 'user')
      : err(invalidOption('owner', owner, 'uid and gid, from 0 to 4294967294')),
  );

const finish = (
  uid: readonly FullIdRange[],
  gid: readonly FullIdRange[],
  { setgroups, owner }: SpawnSpec,
  own: Identity,
): Checked<IdMapPlan> => {
  // Who owns the namespace writes nothing but its own ids, and those that are mapped are the caller's.
  if (owner !== undefined) return checkBoth(uid, gid).map(() => planOwnedMap(uid, gid, setgroups, owner));
  if (isOwnMap(uid, gid, setgroups, own)) return ok(planIdMap(uid, gid, setgroups, own));
  return checkBoth(uid, gid).map(() => planIdMap(uid, gid, setgroups, own, mapWriters()));
};

/** Words may stand beside a map of the own ids, and are fitted around it; ranges may not. */
const isOnlyWords = (value: unknown): boolean => isWord(value) || (Array.isArray(value) && value.every(isWord));

/** Checks the options that map ids; null without any. */
export const planMaps = (spec: SpawnSpec, types: ReadonlySet<NamespaceType>): Checked<IdMapPlan | null> => {
  const { mapRootUser, mapCurrentUser, uidMap, gidMap, setgroups } = spec;
  if ([mapRootUser, mapCurrentUser, uidMap, gidMap, setgroups].every((value) => value === undefined)) return NOTHING;
  const own = ownIdentity();
  for (const [option, value] of Object.entries({ mapRootUser, mapCurrentUser })) {
    const checked = flag(option, value);
    if (checked.isErr()) return err(checked.error);
  }
  const given = Object.entries({ mapRootUser, mapCurrentUser, uidMap, gidMap, setgroups }).filter(
    ([, value]) => value !== undefined && value !== false,
  );
  const [first] = given;
  if (first === undefined) return ok(null);
  if (!types.has('user')) return needs(first[0], first[1], types, 'user').map(() => null);
  if (setgroups !== undefined && setgroups !== 'allow' && setgroups !== 'deny') {
    return err(invalidOption('setgroups', setgroups, '"allow" or "deny"'));
  }
  const [whole] = given.filter(([option]) => option === 'mapRootUser' || option === 'mapCurrentUser');
  const other = given.find(([option, value]) => option !== whole?.[0] && option !== 'setgroups' && !isOnlyWords(value));
  if (whole !== undefined && other !== undefined) {
    return err(
      invalidOption(other[0], other[1], `no other map beside "${whole[0]}" but the words ${WORDS.join(', ')}`),
    );
  }
  const line = (id: number): readonly FullIdRange[] =>
    whole === undefined ? [] : [{ inside: whole[0] === 'mapRootUser' ? 0 : id, outside: id, count: 1 }];
  return Result.combine([
    readRanges('uidMap', 'uid', uidMap, own, line(own.uid)),
    readRanges('gidMap', 'gid', gidMap, own, line(own.gid)),
  ]).andThen(([uid = [], gid = []]) => finish(uid, gid, spec, own));
};
