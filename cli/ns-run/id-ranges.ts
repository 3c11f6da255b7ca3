import { err, ok, type Result } from 'neverthrow';
import type { FullIdRange } from '../../lib/index.ts';
import { refusal } from './refused.ts';
import { type UsageError, usageError } from './usage-error.ts';

const WANTED = 'inside:outside:count (or the old outside,inside,count)';

/** Words of unshare that stand for ranges which are looked up. */
const LOOKED_UP: ReadonlyMap<string, string> = new Map([
  ['auto', 'map the ids of /etc/subuid and /etc/subgid'],
  ['subids', 'map the ids of /etc/subuid and /etc/subgid'],
  ['all', 'map all ids that it has itself'],
]);

/** Reads one range in either of unshare's forms; whether its numbers can be mapped is for the library to say. */
export const parseRange = (option: string, text: string): Result<FullIdRange, UsageError> => {
  const deed = LOOKED_UP.get(text);
  if (deed !== undefined) return err(usageError(refusal(`${option}=${text}`, deed)));
  const [, a, separator, b, count] = /^(\d{1,10})([:,])(\d{1,10})\2(\d{1,10})$/.exec(text) ?? [];
  return separator === undefined
    ? err(usageError(`Option "${option}" is "${text}", wanted ${WANTED}`))
    : ok({
        inside: Number(separator === ':' ? a : b),
        outside: Number(separator === ':' ? b : a),
        count: Number(count),
      });
};

/** One id inside and the id outside that it stands for. */
export type SingleId = Omit<FullIdRange, 'count'>;

interface Run {
  readonly start: number;
  readonly count: number;
}

/** A run of ids without one of them: no, one or two runs. */
const without = (start: number, count: number, id: number): readonly Run[] => {
  if (id < start || id >= start + count) return [{ start, count }];
  const runs = [
    { start, count: id - start },
    { start: id + 1, count: start + count - id - 1 },
  ];
  return runs.filter((run) => run.count > 0);
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
 * Puts a single id before ranges and takes both of its ends out of them.
 *
 * @remarks A range that held one of the ends loses its topmost id on the other side, as with unshare.
 */
export const withSingle = (single: SingleId | null, ranges: readonly FullIdRange[]): readonly FullIdRange[] =>
  single === null
    ? ranges
    : [
        { ...single, count: 1 },
        ...ranges.flatMap(({ inside, outside, count }) =>
          pair(without(inside, count, single.inside), without(outside, count, single.outside)),
        ),
      ];
