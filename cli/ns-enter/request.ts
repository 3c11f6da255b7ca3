import { err, ok, Result } from 'neverthrow';
import type { BackendChoice, EnterSpec, NamespaceType } from '../../lib/index.ts';
import { shell } from '../ns-run/environment.ts';
import { splitLine } from '../ns-run/getopt.ts';
import type { Environment } from '../ns-run/host.ts';
import { parseQuietly } from '../ns-run/quiet-parser.ts';
import { type UsageError, usageError } from '../ns-run/usage-error.ts';
import { createProgram, type RawOptions, TYPE_OPTIONS } from './program.ts';

/** A command to run in other namespaces, or to explain. */
export interface EnterRequest {
  readonly type: 'run' | 'explain';
  /** The target process; null when everything is named by files. */
  readonly pid: number | null;
  /** Files of namespaces, by the option that named them. */
  readonly files: readonly { readonly option: string; readonly type: NamespaceType; readonly path: string }[];
  readonly command: string;
  readonly args: readonly string[];
  readonly spec: EnterSpec;
}

/** What a command line asks for. */
export type Request = { readonly type: 'help' } | { readonly type: 'version' } | EnterRequest;

type Read<T> = Result<T, UsageError>;

/** The entries that have a value; a spec tells an option that is left out from one that is undefined. */
const present = <T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;

const parse = (argv: readonly string[]): Read<{ raw: RawOptions; words: readonly string[] }> => {
  const command = createProgram();
  return splitLine(argv, command.options, { attachedLetters: true }).andThen(({ options, command: words }) =>
    parseQuietly(command, options).map(() => ({ raw: command.opts<RawOptions>(), words })),
  );
};

const number = (option: string, text: string | undefined, wanted: string): Read<number | undefined> => {
  if (text === undefined) return ok(undefined);
  return /^\d{1,10}$/.test(text)
    ? ok(Number(text))
    : err(usageError(`Option "${option}" is "${text}", wanted ${wanted}`));
};

interface Wanted {
  readonly types: readonly NamespaceType[] | undefined;
  readonly files: EnterRequest['files'];
}

/** What of the target, and which files. */
const wanted = (raw: RawOptions): Wanted => {
  const given = Object.entries(TYPE_OPTIONS).flatMap(([option, type]) => {
    const path = raw[option as keyof typeof TYPE_OPTIONS];
    return path === undefined ? [] : [{ option: `--${option}`, type, path }];
  });
  const types = given.filter(({ path }) => path === '').map(({ type }) => type);
  return { types: raw.all === true ? undefined : types, files: given.filter(({ path }) => path !== '') };
};

/** Options that say nothing without a target. */
const needsTarget = (raw: RawOptions): string | null => {
  for (const option of Object.keys(TYPE_OPTIONS)) if (raw[option as keyof RawOptions] === '') return `--${option}`;
  if (raw.all === true) return '--all';
  if (raw.root === '') return '--root';
  if (raw.wd === '') return '--wd';
  if (raw.env === true) return '--env';
  if (raw.joinCgroup === true) return '--join-cgroup';
  return raw.followContext === true ? '--follow-context' : null;
};

const directory = (value: string | undefined): boolean | string | undefined => (value === '' ? true : value);

/**
 * Reads a command line.
 *
 * @remarks Values that mean something to the library go there as they are: the library checks them, once.
 * @param argv - the words after the program's name
 * @param env - the caller's variables
 */
export const readRequest = (argv: readonly string[], env: Environment): Read<Request> =>
  parse(argv).andThen(({ raw, words }): Read<Request> => {
    if (raw.help === true) return ok({ type: 'help' });
    if (raw.version === true) return ok({ type: 'version' });
    return Result.combine([
      number('--target', raw.target, 'a process id'),
      number('--setuid', raw.setuid, 'a user id'),
      number('--setgid', raw.setgid, 'a group id'),
    ]).andThen(([pid, uid, gid]): Read<Request> => {
      const lonely = pid === undefined ? needsTarget(raw) : null;
      if (lonely !== null) return err(usageError(`Option "${lonely}" wants a file or "--target"`));
      const { types, files } = wanted(raw);
      const [command, ...args] = words;
      const login = command === undefined ? shell(env) : undefined;
      return ok({
        type: raw.explain === true ? 'explain' : 'run',
        pid: pid ?? null,
        files,
        command: login?.command ?? command ?? '',
        args,
        spec: present<EnterSpec>({
          types: pid === undefined ? undefined : types,
          targetRoot: directory(raw.root),
          targetCwd: directory(raw.wd),
          cwd: raw.wdns,
          targetEnv: raw.env,
          joinCgroup: raw.joinCgroup,
          followContext: raw.followContext,
          userParent: raw.userParent,
          preserveCredentials: raw.preserveCredentials,
          uid,
          gid,
          argv0: login?.argv0,
          backend: raw.backend as BackendChoice | undefined,
          stdio: 'inherit',
        }),
      });
    });
  });
