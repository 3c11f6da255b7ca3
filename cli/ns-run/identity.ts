import { err, ok, Result } from 'neverthrow';
import type { FullIdRange, IdMapWord } from '../../lib/index.ts';
import { parseRange, type SingleId, withSingle } from './id-ranges.ts';
import type { Inner } from './program.ts';
import { type UsageError, usageError } from './usage-error.ts';

/** Whom the caller is to be inside, as a map line; null when nobody said. */
export const innerId = (
  option: string,
  inner: Inner['user'],
  own: number,
  find: (name: string) => number | null,
): Result<SingleId | null, UsageError> => {
  if (inner === undefined) return ok(null);
  if (inner === 'own') return ok({ inside: own, outside: own });
  const { written } = inner;
  const id = /^\d{1,10}$/.test(written) ? Number(written) : find(written);
  return id === null
    ? err(usageError(`Option "${option}" is "${written}", wanted a number or a name that this machine knows`))
    : ok({ inside: id, outside: own });
};

/** The lines of one map, or nothing to write. */
export const readMap = (
  single: Result<SingleId | null, UsageError>,
  option: string,
  texts: readonly string[] = [],
): Result<readonly (FullIdRange | IdMapWord)[] | undefined, UsageError> =>
  single.andThen((id) =>
    Result.combine(texts.map((text) => parseRange(option, text))).map((ranges) => {
      const all = withSingle(id, ranges);
      return all.length === 0 ? undefined : all;
    }),
  );
