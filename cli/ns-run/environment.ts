import { basename } from 'node:path';
import { ok, Result } from 'neverthrow';
import type { Environment } from './host.ts';
import type { RawOptions } from './program.ts';
import type { UsageError } from './usage-error.ts';
import { parseVariable } from './words.ts';

/** The environment that was asked for; nothing when it is the caller's own. */
export const readEnv = (raw: RawOptions, own: Environment): Result<Environment | undefined, UsageError> => {
  const { clearEnv, whitelistEnv, env } = raw;
  if (clearEnv === undefined && whitelistEnv === undefined && env === undefined) return ok(undefined);
  const kept = whitelistEnv?.flatMap((names) => names.split(',')) ?? [];
  const base =
    clearEnv === true || whitelistEnv !== undefined
      ? Object.fromEntries(kept.filter((name) => name !== '').map((name) => [name, own[name]]))
      : own;
  return Result.combine((env ?? []).map((text) => parseVariable('--env', text))).map((variables) => ({
    ...base,
    ...Object.fromEntries(variables),
  }));
};

/** The caller's shell as a login shell, which is what unshare starts when no command is given. */
export const shell = (env: Environment): { command: string; argv0: string } => {
  const command = env['SHELL'] || '/bin/sh';
  return { command, argv0: `-${basename(command)}` };
};
