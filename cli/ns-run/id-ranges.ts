import { err, ok, type Result } from 'neverthrow';
import { type FullIdRange, fitIdRange, type IdMapWord } from '../../lib/index.ts';
import { type UsageError, usageError } from './usage-error.ts';

const WANTED = 'inside:outside:count (or the old outside,inside,count), auto, subids or all';

const isWord = (text: string): text is IdMapWord => text === 'auto' || text === 'subids' || text === 'all';

/** Reads one range in either of unshare's forms, or a word; whether its numbers can be mapped is for the library to say. */
export const parseRange = (option: string, text: string): Result<FullIdRange | IdMapWord, UsageError> => {
  if (isWord(text)) return ok(text);
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

/** Puts a single id before ranges and takes both of its ends out of them; the library fits the words around both. */
export const withSingle = (
  single: SingleId | null,
  ranges: readonly (FullIdRange | IdMapWord)[],
): readonly (FullIdRange | IdMapWord)[] => {
  if (single === null) return ranges;
  const line = { ...single, count: 1 };
  const around = (range: FullIdRange | IdMapWord): readonly (FullIdRange | IdMapWord)[] =>
    typeof range === 'string' ? [range] : fitIdRange(range, [line]);
  return [line, ...ranges.flatMap(around)];
};
