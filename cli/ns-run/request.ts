import { err, ok, Result } from 'neverthrow';
import type { BackendChoice, MountSpec, NamespaceType, Propagation, SpawnSpec } from '../../lib/index.ts';
import { readEnv, shell } from './environment.ts';
import { splitLine } from './getopt.ts';
import type { Host } from './host.ts';
import { innerId, readMap } from './identity.ts';
import { readMounts, readRoot, WRITTEN_OUT } from './mounts.ts';
import { readPrivileges } from './privileges.ts';
import { createProgram, type Inner, type RawOptions, TYPE_OPTIONS } from './program.ts';
import { parseQuietly } from './quiet-parser.ts';
import { REFUSED_DEEDS, refusal } from './refused.ts';
import { type UsageError, usageError } from './usage-error.ts';
import { parseDuration, parseOffset, parseSignal } from './words.ts';

/** A command to run, or to explain. */
export interface RunRequest {
  readonly type: 'run' | 'explain';
  readonly command: string;
  readonly args: readonly string[];
  readonly spec: SpawnSpec;
  readonly forwardSignals: boolean;
}

/** What a command line asks for. */
export type Request = { readonly type: 'help' } | { readonly type: 'version' } | RunRequest;

type Read<T> = Result<T, UsageError>;

const optional = <T>(value: string | undefined, read: (value: string) => Read<T>): Read<T | undefined> =>
  value === undefined ? ok(undefined) : read(value);

/** The entries that have a value; a spec tells an option that is left out from one that is undefined. */
const present = <T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;

const parse = (argv: readonly string[]): Read<{ raw: RawOptions; inner: Inner; words: readonly string[] }> => {
  const { command, inner } = createProgram();
  const rules = { attachedLetters: false, unabbreviated: WRITTEN_OUT };
  return splitLine(argv, command.options, rules).andThen(({ options, command: words }) =>
    parseQuietly(command, options).map(() => ({ raw: command.opts<RawOptions>(), inner, words })),
  );
};

/** The one sentence for the first option that unshare has and ns-run has not, if there is any. */
const refuse = (raw: RawOptions): Read<null> => {
  const given = new Map(Object.entries(raw));
  for (const [long, deed] of REFUSED_DEEDS) {
    const attribute = long.slice(2).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    if (given.has(attribute)) return err(usageError(refusal(long, deed)));
  }
  for (const option of Object.keys(TYPE_OPTIONS)) {
    const file = given.get(option);
    if (typeof file === 'string' && file !== '') {
      return err(usageError(refusal(`--${option}=${file}`, 'keep a namespace in a file')));
    }
  }
  return ok(null);
};

const planTypes = (raw: RawOptions, mapped: boolean, mounts: readonly MountSpec[]): readonly NamespaceType[] => {
  const types = new Set<NamespaceType>();
  for (const [option, type] of Object.entries(TYPE_OPTIONS)) {
    if (raw.all === true || raw[option as keyof typeof TYPE_OPTIONS] !== undefined) types.add(type);
  }
  if (mapped || raw.owner !== undefined) types.add('user');
  if (raw.mountProc !== undefined || raw.pivotRoot !== undefined || mounts.length > 0) types.add('mnt');
  if (raw.init === true) types.add('pid');
  if (raw.hostname !== undefined || raw.domainname !== undefined) types.add('uts');
  return [...types];
};

/**
 * Reads a command line.
 *
 * @remarks Values that mean something to the library go there as they are: the library checks them, once.
 * @param argv - the words after the program's name
 * @param host - the machine and the caller
 */
export const readRequest = (argv: readonly string[], host: Host): Read<Request> =>
  parse(argv).andThen(({ raw, inner, words: line }): Read<Request> => {
    if (raw.help === true) return ok({ type: 'help' });
    if (raw.version === true) return ok({ type: 'version' });
    const words = [...(raw.mapAuto === true ? ['auto'] : []), ...(raw.mapSubids === true ? ['subids'] : [])];
    const texts = (given: readonly string[] = []): readonly string[] => [...given, ...words];
    return refuse(raw)
      .andThen(() =>
        Result.combine([
          readMap(innerId('--map-user', inner.user, host.uid, host.findUser), '--map-users', texts(raw.mapUsers)),
          readMap(innerId('--map-group', inner.group, host.gid, host.findGroup), '--map-groups', texts(raw.mapGroups)),
          readEnv(raw, host.env),
          optional(raw.killChild, (text) => parseSignal('--kill-child', text)),
          optional(raw.timeout, (text) => parseDuration('--timeout', text)),
          readPrivileges(raw, host),
          optional(raw.monotonic, (text) => parseOffset('--monotonic', text)),
          optional(raw.boottime, (text) => parseOffset('--boottime', text)),
          readMounts(inner.mounts),
        ]),
      )
      .map(([uidMap, gidMap, env, parentDeathSignal, timeoutMs, privileges, monotonic, boottime, mounts]): Request => {
        const [command, ...args] = line;
        const namespaces = planTypes(raw, uidMap !== undefined || gidMap !== undefined, mounts);
        const login = command === undefined ? shell(env ?? host.env) : undefined;
        return {
          type: raw.explain === true ? 'explain' : 'run',
          command: login?.command ?? command ?? '',
          args,
          forwardSignals: raw.forwardSignals === true,
          spec: present<SpawnSpec>({
            ...privileges,
            namespaces,
            monotonic,
            boottime,
            hostname: raw.hostname,
            domainname: raw.domainname,
            propagation: raw.propagation as Propagation | undefined,
            mountProc: raw.mountProc,
            mounts: mounts.length > 0 ? mounts : undefined,
            root: readRoot(raw.root, raw.pivotRoot),
            init: raw.init,
            uidMap,
            gidMap,
            setgroups: raw.setgroups as SpawnSpec['setgroups'],
            cwd: raw.wd,
            env,
            argv0: login?.argv0,
            stdio: raw.pty === true ? 'pty' : 'inherit',
            timeoutMs,
            parentDeathSignal,
            // As with unshare, it says nothing without a user namespace.
            keepCaps: namespaces.includes('user') ? raw.keepCaps : undefined,
            backend: raw.backend as BackendChoice | undefined,
          }),
        };
      });
  });
