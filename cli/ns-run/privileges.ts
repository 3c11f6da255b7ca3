import { readFileSync } from 'node:fs';
import { Option } from 'commander';
import { err, ok, Result } from 'neverthrow';
import {
  CAPABILITY_NAMES,
  type CapabilityName,
  type Rlimit,
  type RlimitName,
  type RlimitValue,
  type SecurebitName,
  type SpawnSpec,
} from '../../lib/index.ts';
import type { Host } from './host.ts';
import { type UsageError, usageError } from './usage-error.ts';

/** What commander hands over of these options. */
export interface PrivilegeOptions {
  readonly owner?: string;
  readonly setuid?: string;
  readonly setgid?: string;
  readonly groups?: string;
  readonly keepCaps?: true;
  readonly boundingSet?: string;
  readonly inhCaps?: string;
  readonly ambientCaps?: string;
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  /** commander takes `--no-x` for the opposite of `--x`. */
  readonly newPrivs: boolean;
  readonly securebits?: string;
  readonly seccompFilter?: string;
  readonly intoCgroup?: readonly string[];
  readonly rlimit?: readonly string[];
  readonly umask?: string;
  readonly nice?: string;
  readonly oomScoreAdj?: string;
}

const repeatable = (flags: string, text: string): Option =>
  new Option(flags, text).argParser((value: string, before: readonly string[] | undefined) => [
    ...(before ?? []),
    value,
  ]);

/** The options about who the command is and what it may do, with the names of unshare, setpriv, prlimit and bwrap. */
export const privilegeOptions = (): readonly Option[] => [
  new Option('--owner <uid:gid>', 'to whom the user namespace belongs; implies --user'),
  new Option('-S, --setuid <uid|name>', 'become this user inside, at the end'),
  new Option('-G, --setgid <gid|name>', 'become this group inside, at the end, without other groups'),
  new Option('--groups <groups>', 'supplementary groups, separated by commas, or keep'),
  new Option('--keep-caps', 'keep all capabilities of the user namespace'),
  new Option('--bounding-set <caps>', 'capabilities that are left: chown,kill or -sys_admin or all or -all'),
  new Option('--inh-caps <caps>', 'inheritable capabilities'),
  new Option('--ambient-caps <caps>', 'ambient capabilities: what a command has that is not root inside'),
  repeatable('--cap-add <cap>', 'one more ambient capability; may be repeated'),
  repeatable('--cap-drop <cap>', 'one capability less in the bounding set, or ALL; may be repeated'),
  new Option('--no-new-privs', 'no gain of privilege by execve'),
  new Option('--securebits <bits>', 'securebits, separated by commas'),
  new Option('--seccomp-filter <file>', 'a seccomp filter of BPF instructions; implies --no-new-privs'),
];

/** The options about the command's process. */
export const processOptions = (): readonly Option[] => [
  repeatable('--into-cgroup <dir>', 'start in this cgroup, a directory; may be repeated'),
  repeatable('--rlimit <name=soft:hard>', 'a resource limit: nofile=1024, core=0:unlimited; may be repeated'),
  new Option('--umask <mask>', 'the file mode creation mask, octal'),
  new Option('--nice <n>', 'the nice value, -20 to 19'),
  new Option('--oom-score-adj <n>', 'how willingly it is killed when memory is short, -1000 to 1000'),
];

type Read<T> = Result<T, UsageError>;

const given = <T>(text: string | undefined, read: (text: string) => Read<T>): Read<T | undefined> =>
  text === undefined ? ok(undefined) : read(text);

const readId = (option: string, text: string, find: (name: string) => number | null): Read<number> => {
  const id = /^\d{1,10}$/.test(text) ? Number(text) : find(text);
  return id === null
    ? err(usageError(`Option "${option}" is "${text}", wanted a number or a name that this machine knows`))
    : ok(id);
};

const readGroups = (
  { setuid, setgid, groups }: PrivilegeOptions,
  find: (name: string) => number | null,
): Read<SpawnSpec['groups']> => {
  if (groups === 'keep') return ok('keep');
  // As with unshare, a change of the user alone leaves the groups.
  if (groups === undefined) return ok(setuid !== undefined && setgid === undefined ? 'keep' : undefined);
  const words = groups.split(',').filter((word) => word !== '');
  return Result.combine(words.map((word) => readId('--groups', word, find)));
};

const capability = (option: string, word: string): Read<CapabilityName> => {
  const name = `CAP_${word.toUpperCase().replace(/^CAP_/, '')}`;
  return (CAPABILITY_NAMES as readonly string[]).includes(name)
    ? ok(name as CapabilityName)
    : err(usageError(`Option "${option}" has "${word}", wanted the name of a capability like CAP_KILL or kill`));
};

/** A list as setpriv(1) writes it; one that begins with taking away begins with all. */
const readCapabilities = (option: string, text: string): Read<readonly CapabilityName[] | 'all'> => {
  const words = text.split(',').filter((word) => word !== '');
  if (words.length === 1 && /^\+?all$/i.test(words[0] ?? '')) return ok('all');
  const first = words[0] ?? '';
  const set = new Set<CapabilityName>(first.startsWith('-') && !/^-all$/i.test(first) ? CAPABILITY_NAMES : []);
  for (const word of words) {
    const [sign, name] = /^[+-]/.test(word) ? [word[0], word.slice(1)] : ['+', word];
    const names: Read<readonly CapabilityName[]> = /^all$/i.test(name)
      ? ok(CAPABILITY_NAMES)
      : capability(option, name).map((one) => [one]);
    if (names.isErr()) return err(names.error);
    for (const one of names.value) {
      if (sign === '-') set.delete(one);
      else set.add(one);
    }
  }
  return ok([...set]);
};

const readSets = (raw: PrivilegeOptions): Read<SpawnSpec['capabilities'] | undefined> => {
  const { boundingSet, inhCaps, ambientCaps, capAdd, capDrop } = raw;
  const drops = capDrop?.map((word) => `-${word}`).join(',');
  const adds = capAdd?.join(',');
  const join = (...parts: (string | undefined)[]): string | undefined => {
    const texts = parts.filter((part) => part !== undefined);
    return texts.length === 0 ? undefined : texts.join(',');
  };
  return Result.combine([
    given(join(boundingSet, drops), (text) => readCapabilities('--bounding-set', text)),
    given(inhCaps, (text) => readCapabilities('--inh-caps', text)),
    given(join(ambientCaps, adds), (text) => readCapabilities('--ambient-caps', text)),
  ]).map(([bounding, inheritable, ambient]) =>
    bounding === undefined && inheritable === undefined && ambient === undefined
      ? undefined
      : {
          ...(bounding === undefined ? {} : { bounding }),
          ...(inheritable === undefined ? {} : { inheritable }),
          ...(ambient === undefined ? {} : { ambient }),
        },
  );
};

const readNumber = (option: string, text: string, form: RegExp, base: number, wanted: string): Read<number> =>
  form.test(text)
    ? ok(Number.parseInt(text, base))
    : err(usageError(`Option "${option}" is "${text}", wanted ${wanted}`));

const readLimit = (text: string): Read<readonly [RlimitName, Rlimit]> => {
  const [, name = '', soft = '', hard] =
    /^(?:RLIMIT_)?([a-z]+)=(\d+|unlimited)(?::(\d+|unlimited))?$/i.exec(text) ?? [];
  if (name === '')
    return err(usageError(`Option "--rlimit" is "${text}", wanted a limit like nofile=1024 or core=0:unlimited`));
  const value = (word: string): RlimitValue => (word === 'unlimited' ? 'unlimited' : Number(word));
  const limit = hard === undefined ? value(soft) : { soft: value(soft), hard: value(hard) };
  return ok([`RLIMIT_${name.toUpperCase()}` as RlimitName, limit]);
};

const readFilter = (path: string): Read<Uint8Array> => {
  try {
    return ok(readFileSync(path));
  } catch (error) {
    return err(usageError(`Option "--seccomp-filter" is "${path}", which cannot be read: ${(error as Error).message}`));
  }
};

const readOwner = (text: string): Read<{ readonly uid: number; readonly gid: number }> => {
  const [, uid, gid] = /^(\d{1,10}):(\d{1,10})$/.exec(text) ?? [];
  return uid === undefined
    ? err(usageError(`Option "--owner" is "${text}", wanted uid:gid`))
    : ok({ uid: Number(uid), gid: Number(gid) });
};

const WHOLE = /^-?\d{1,6}$/;

/** What of a spec these options say; the library checks the values. */
export const readPrivileges = (raw: PrivilegeOptions, { findUser, findGroup }: Host): Read<Partial<SpawnSpec>> =>
  Result.combine([
    given(raw.setuid, (text) => readId('--setuid', text, findUser)),
    given(raw.setgid, (text) => readId('--setgid', text, findGroup)),
    readGroups(raw, findGroup),
    readSets(raw),
    given(raw.seccompFilter, readFilter),
    given(raw.owner, readOwner),
    Result.combine((raw.rlimit ?? []).map(readLimit)),
    given(raw.umask, (text) => readNumber('--umask', text, /^[0-7]{1,4}$/, 8, 'an octal number from 0 to 777')),
    given(raw.nice, (text) => readNumber('--nice', text, WHOLE, 10, 'a whole number from -20 to 19')),
    given(raw.oomScoreAdj, (text) =>
      readNumber('--oom-score-adj', text, WHOLE, 10, 'a whole number from -1000 to 1000'),
    ),
  ]).map(([uid, gid, groups, capabilities, seccomp, owner, rlimits, umask, nice, oomScoreAdj]) => {
    const spec = {
      uid,
      gid,
      groups,
      capabilities,
      owner,
      keepCaps: raw.keepCaps,
      noNewPrivs: raw.newPrivs ? undefined : true,
      securebits: raw.securebits
        ?.split(',')
        .map((bit) => bit.replace(/^\+/, ''))
        .filter((bit) => bit !== '') as SecurebitName[] | undefined,
      seccomp,
      rlimits: rlimits.length === 0 ? undefined : Object.fromEntries(rlimits),
      umask,
      nice,
      oomScoreAdj,
      cgroup: raw.intoCgroup,
    };
    return Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined)) as Partial<SpawnSpec>;
  });
