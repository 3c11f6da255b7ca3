import { constants } from 'node:os';
import { err, ok, type Result } from 'neverthrow';
import type { SignalName } from '../../lib/index.ts';
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
