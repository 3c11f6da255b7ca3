import { constants } from 'node:os';
import { err, ok, type Result } from 'neverthrow';
import type { SignalName, TimeOffset } from '../../lib/index.ts';
import { type UsageError, usageError } from './usage-error.ts';

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Reads a duration as timeout(1) writes them, and `ms`; in milliseconds. */
export const parseDuration = (option: string, text: string): Result<number, UsageError> => {
  const [, amount, unit] = /^(\d+(?:\.\d*)?|\.\d+)(ms|s|m|h|d)?$/.exec(text) ?? [];
  return amount === undefined
    ? err(usageError(`Option "${option}" is "${text}", wanted a duration like 10, 1.5s, 500ms, 2m or 1h`))
    : ok(Number(amount) * UNIT_MS[(unit ?? 's') as keyof typeof UNIT_MS]);
};

/** Reads a signal's name, with or without SIG, in letters of either case. */
export const parseSignal = (option: string, text: string): Result<SignalName, UsageError> => {
  const name = `SIG${text.toUpperCase().replace(/^SIG/, '')}`;
  return Object.hasOwn(constants.signals, name)
    ? ok(name as SignalName)
    : err(usageError(`Option "${option}" is "${text}", wanted the name of a signal like SIGTERM or TERM`));
};

/** Reads `NAME=VALUE`; the name must be there, the value may be empty. */
export const parseVariable = (option: string, text: string): Result<readonly [string, string], UsageError> => {
  const equals = text.indexOf('=');
  return equals > 0
    ? ok([text.slice(0, equals), text.slice(equals + 1)])
    : err(usageError(`Option "${option}" is "${text}", wanted NAME=VALUE`));
};

/** Reads seconds, with up to nine decimals. */
export const parseOffset = (option: string, text: string): Result<TimeOffset, UsageError> => {
  const [, sign, whole, fraction = ''] = /^([+-]?)(\d{1,12})(?:\.(\d{1,9}))?$/.exec(text) ?? [];
  if (whole === undefined)
    return err(usageError(`Option "${option}" is "${text}", wanted seconds like 86400, -1 or 0.5`));
  const nanoseconds = Number(fraction.padEnd(9, '0'));
  if (nanoseconds === 0) return ok(sign === '-' ? -Number(whole) : Number(whole));
  // The nanoseconds of an offset are never negative: -0.5 is -1 and 500,000,000 of them.
  return ok(
    sign === '-'
      ? { seconds: -Number(whole) - 1, nanoseconds: 1_000_000_000 - nanoseconds }
      : { seconds: Number(whole), nanoseconds },
  );
};
