import { SPECIAL } from './evidence.ts';
import type { Facts } from './facts.ts';

export const SUBID_FILES = ['/etc/subuid', '/etc/subgid'] as const;

/** subuid(5) or subgid(5). */
export type SubidFile = (typeof SUBID_FILES)[number];

/** One line of subuid(5) that is the caller's. */
interface SubidRange {
  readonly line: string;
  readonly first: number;
  readonly count: number;
}

const name = (facts: Facts): string | undefined => facts.evidence.read(SPECIAL.account)?.split(':')[0];

const ownerOf = (line: string): string => line.slice(0, Math.max(line.indexOf(':'), 0));

/**
 * The ranges that a file gives the caller, by name or uid; undefined when the file, or who the caller is, is not known.
 *
 * @remarks Where the name is not known a file whose lines all belong to one owner is taken for the caller's.
 */
export const ownRanges = (facts: Facts, file: SubidFile): readonly SubidRange[] | undefined => {
  const text = facts.evidence.read(file);
  if (text === undefined) return undefined;
  if (text === null) return [];
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length === 0) return [];
  const owners = new Set(lines.map(ownerOf));
  const uid = facts.uid();
  const own = new Set(
    [name(facts), uid === undefined ? undefined : String(uid)].filter((owner) => owner !== undefined),
  );
  if (own.size === 0 || (name(facts) === undefined && owners.size === 1)) for (const owner of owners) own.add(owner);
  if (own.size === 0) return undefined;
  return lines.flatMap((line) => {
    const [owner = '', first, count] = line.split(':');
    const range = { line, first: Number(first), count: Number(count) };
    return own.has(owner) && Number.isInteger(range.first) && range.count > 0 ? [range] : [];
  });
};

/** A range that begins within another one; null: there is none. */
export const overlapOf = <R extends { readonly first: number; readonly count: number }>(
  ranges: readonly R[],
): R | null => {
  const sorted = [...ranges].sort((a, b) => a.first - b.first);
  const second = sorted.find((range, index) => {
    const before = sorted[index - 1];
    return before !== undefined && before.first + before.count > range.first;
  });
  return second ?? null;
};

/** What overlaps among the caller's ranges, as a sentence that ends in the line to take out; null: nothing. */
export const overlap = (facts: Facts, file: SubidFile): string | null => {
  const ranges = ownRanges(facts, file) ?? [];
  const id = file === '/etc/subuid' ? facts.uid() : Number(facts.status('Gid')?.split(/\s+/)[1] ?? Number.NaN);
  const own = ranges.find(({ first, count }) => id !== undefined && id >= first && id < first + count);
  if (own !== undefined)
    return `a range in ${file} holds the caller’s own id ${id}, which then is mapped twice: ${own.line}`;
  const second = overlapOf(ranges);
  return second === null ? null : `ranges in ${file} overlap: ${second.line}`;
};
