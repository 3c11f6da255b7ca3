import { err, ok, Result } from 'neverthrow';
import type { BackendChoice, EnterSpec, NamespaceSource, NamespaceType, ProcessTarget } from '../../lib/index.ts';
import { shell } from '../ns-run/environment.ts';
import { splitLine } from '../ns-run/getopt.ts';
import type { Environment } from '../ns-run/host.ts';
import { parseQuietly } from '../ns-run/quiet-parser.ts';
import { type UsageError, usageError } from '../ns-run/usage-error.ts';
import { createProgram, type RawOptions, TYPE_OPTIONS } from './program.ts';

/** A namespace that an option names by a file, an id, or a socket of the target's. */
interface Named {
  readonly option: string;
  readonly type: NamespaceType;
  readonly text: string;
  readonly source: NamespaceSource;
}

/** A command to run in other namespaces, or to explain. */
export interface EnterRequest {
  readonly type: 'run' | 'explain';
  /** The target process; null when everything is named by files. */
  readonly process: ProcessTarget | null;
  /** Namespaces by the option that named them. */
  readonly named: readonly Named[];
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

const wrong = (option: string, text: string, wanted: string): UsageError =>
  usageError(`Option "${option}" is "${text}", wanted ${wanted}`);

const number = (option: string, text: string | undefined, wanted: string): Read<number | undefined> => {
  if (text === undefined) return ok(undefined);
  return /^\d{1,10}$/.test(text) ? ok(Number(text)) : err(wrong(option, text, wanted));
};

const id = (option: string, text: string | undefined, wanted: string): Read<number | 'follow' | undefined> =>
  text === 'follow' ? ok(text) : number(option, text, `${wanted}, or "follow"`);

const LARGEST = (1n << 64n) - 1n;

/** A positive number of 64 bits. */
const wide = (option: string, text: string, digits: string, wanted: string): Read<bigint> => {
  const value = /^\d{1,20}$/.test(digits) ? BigInt(digits) : 0n;
  return value > 0n && value <= LARGEST ? ok(value) : err(wrong(option, text, wanted));
};

/** PID, or PID:INODE with the inode of its pidfd. */
const target = (texts: readonly string[] | undefined): Read<ProcessTarget | undefined> => {
  const [text, more] = texts ?? [];
  if (text === undefined) return ok(undefined);
  if (more !== undefined) return err(usageError('Option "--target" may be given only once'));
  const [pid = '', inode] = text.split(/:(.*)/s);
  return number('--target', pid, 'a process id').andThen((number = 0): Read<ProcessTarget> => {
    if (inode === undefined) return ok(number);
    return wide('--target', text, inode, 'a process id and the inode of its pidfd').map((pidfdInode) => ({
      pid: number,
      pidfdInode,
    }));
  });
};

/** `-n=/run/netns/blue`: nsenter takes that for the file. */
const withoutEquals = (text: string): string => text.replace(/^=/, '');

interface Wanted {
  readonly types: readonly NamespaceType[] | undefined;
  readonly named: readonly Named[];
}

/** A file, or with a colon before it an id. */
const sourceOf = (option: string, text: string): Read<NamespaceSource> =>
  text.startsWith(':')
    ? wide(option, text, text.slice(1), 'the id of a namespace behind the colon').map((nsid) => ({ id: nsid }))
    : ok({ path: text });

/** What of the target, and what else. */
const wanted = (raw: RawOptions, process: ProcessTarget | undefined): Read<Wanted> => {
  const given = Object.entries(TYPE_OPTIONS).flatMap(([option, type]) => {
    const text = raw[option as keyof typeof TYPE_OPTIONS];
    return text === undefined ? [] : [{ option: `--${option}`, type, text: withoutEquals(text) }];
  });
  const types = given.filter(({ text }) => text === '').map(({ type }) => type);
  const named = given.filter(({ text }) => text !== '');
  return Result.combine(
    named.map(({ option, type, text }) =>
      sourceOf(option, text).map((source): Named => ({ option, type, text, source })),
    ),
  ).andThen((all) =>
    number('--net-socket', raw.netSocket, 'the number of an fd').map((socket): Wanted => {
      if (socket === undefined) return { types: raw.all === true ? undefined : types, named: all };
      // A socket's namespace comes in place of the one that "--net" names, as with nsenter.
      const others = all.filter(({ type }) => type !== 'net');
      const source = { socket, ...(process === undefined ? {} : { process }) };
      return {
        types: raw.all === true ? undefined : types.filter((type) => type !== 'net'),
        named: [...others, { option: '--net-socket', type: 'net', text: String(socket), source }],
      };
    }),
  );
};

/** Options that say nothing without a target. */
const needsTarget = (raw: RawOptions): string | null => {
  for (const option of Object.keys(TYPE_OPTIONS)) if (raw[option as keyof RawOptions] === '') return `--${option}`;
  if (raw.all === true) return '--all';
  if (raw.root === '') return '--root';
  if (raw.wd === '') return '--wd';
  if (raw.netSocket !== undefined) return '--net-socket';
  if (raw.setuid === 'follow') return '--setuid';
  if (raw.setgid === 'follow') return '--setgid';
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
    const clash = raw.wd !== undefined && raw.wdns !== undefined;
    if (clash) return err(usageError('Option "--wd" and option "--wdns" exclude each other'));
    const read = target(raw.target).andThen((process) =>
      wanted(raw, process).andThen((chosen) =>
        id('--setuid', raw.setuid, 'a user id').andThen((uid) =>
          id('--setgid', raw.setgid, 'a group id').map((gid) => ({ process, uid, gid, ...chosen })),
        ),
      ),
    );
    return read.andThen(({ process, uid, gid, types, named }): Read<Request> => {
      const lonely = process === undefined ? needsTarget(raw) : null;
      if (lonely !== null) return err(usageError(`Option "${lonely}" wants a file or "--target"`));
      const [command, ...args] = words;
      const login = command === undefined ? shell(env) : undefined;
      return ok({
        type: raw.explain === true ? 'explain' : 'run',
        process: process ?? null,
        named,
        command: login?.command ?? command ?? '',
        args,
        spec: present<EnterSpec>({
          types: process === undefined && named.length > 0 ? undefined : types,
          targetRoot: directory(raw.root),
          targetCwd: directory(raw.wd && withoutEquals(raw.wd)),
          cwd: raw.wdns,
          targetEnv: raw.env,
          joinCgroup: raw.joinCgroup,
          followContext: raw.followContext,
          userParent: raw.userParent,
          preserveCredentials: raw.preserveCredentials,
          keepCaps: raw.keepCaps,
          noFork: raw.fork === false ? true : undefined,
          uid,
          gid,
          argv0: login?.argv0,
          backend: raw.backend as BackendChoice | undefined,
          stdio: 'inherit',
        }),
      });
    });
  });
