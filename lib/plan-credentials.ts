import { readFileSync } from 'node:fs';
import { err, ok } from 'neverthrow';
import { CAPABILITY_NAMES, type CapabilityName, lastCapability, SECUREBITS, type SecurebitName } from './capability.ts';
import { all, type Checked, flag, NOTHING, optional } from './checks.ts';
import { invalidOption } from './errors.ts';
import type { FullIdRange, IdMapPlan } from './id-map.ts';
import type { NamespaceType } from './namespace.ts';
import type { CredentialsPlan } from './plan.ts';
import type { CapabilitySet, SpawnSpec } from './spec.ts';

/** (uid_t)-1 means "leave it" to the calls. */
const LAST_ID = 0xfffffffe;

/** The kernel's NGROUPS_MAX. */
const MOST_GROUPS = 65_536;

const isId = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= LAST_ID;

const isMapped = (ranges: readonly FullIdRange[], id: number): boolean =>
  ranges.some(({ inside, count }) => id >= inside && id < inside + count);

const shownRanges = (ranges: readonly FullIdRange[]): string =>
  ranges.length === 0 ? 'none' : ranges.map(({ inside, count }) => `${inside} to ${inside + count - 1}`).join(', ');

/** An id that exists inside; the kernel would say EINVAL, and no reason. */
const planId = (option: string, value: unknown, ranges: readonly FullIdRange[] | null): Checked<number> => {
  if (!isId(value)) return err(invalidOption(option, value, 'an id from 0 to 4294967294'));
  return ranges === null || isMapped(ranges, value)
    ? ok(value)
    : err(invalidOption(option, value, `an id that is mapped inside (${shownRanges(ranges)})`));
};

/** What is mapped in the new user namespace; null without one. */
const mappedIn = (
  kind: 'uid' | 'gid',
  types: ReadonlySet<NamespaceType>,
  idMap: IdMapPlan | null,
): readonly FullIdRange[] | null => (types.has('user') ? (idMap?.[kind] ?? []) : null);

const planGroups = (
  { uid, gid, groups }: SpawnSpec,
  types: ReadonlySet<NamespaceType>,
  idMap: IdMapPlan | null,
): Checked<readonly number[] | null> => {
  if (groups === 'keep') return NOTHING;
  // Whoever becomes somebody else must not keep the groups of who it was, unless that is asked for by name.
  if (groups === undefined && uid === undefined && gid === undefined) return NOTHING;
  const wanted = groups ?? [];
  if (!Array.isArray(wanted)) return err(invalidOption('groups', groups, '"keep" or a list of group ids'));
  if (wanted.length > MOST_GROUPS)
    return err(invalidOption('groups', `${wanted.length} groups`, `at most ${MOST_GROUPS}`));
  // Without a gid map setgroups(2) is denied as well; user_namespaces(7).
  if (types.has('user') && (idMap === null || idMap.setgroups === 'deny' || idMap.gid.length === 0)) {
    return err(
      invalidOption('groups', groups, '"keep", because setgroups(2) is denied in this user namespace: the groups stay'),
    );
  }
  const ranges = mappedIn('gid', types, idMap);
  for (const [index, group] of wanted.entries()) {
    const checked = planId(`groups[${index}]`, group, ranges);
    if (checked.isErr()) return err(checked.error);
  }
  return ok(wanted as readonly number[]);
};

const planCapabilitySet = (option: string, value: CapabilitySet | undefined): Checked<readonly number[] | null> =>
  optional(value, (given) => {
    if (given === 'all') return ok(Array.from({ length: lastCapability() + 1 }, (_, capability) => capability));
    if (!Array.isArray(given)) return err(invalidOption(option, given, '"all" or a list of capabilities'));
    const numbers = new Set<number>();
    for (const [index, name] of given.entries()) {
      const number = CAPABILITY_NAMES.indexOf(name as CapabilityName);
      if (number === -1)
        return err(invalidOption(`${option}[${index}]`, name, 'the name of a capability, like CAP_KILL'));
      numbers.add(number);
    }
    return ok([...numbers].sort((a, b) => a - b));
  });

const planSecurebits = (value: SpawnSpec['securebits']): Checked<number | null> =>
  optional(value, (given) => {
    if (!Array.isArray(given)) return err(invalidOption('securebits', given, 'a list of securebits'));
    const wrong = given.findIndex((name) => typeof name !== 'string' || !Object.hasOwn(SECUREBITS, name));
    return wrong === -1
      ? ok(given.reduce<number>((bits, name) => bits | SECUREBITS[name as SecurebitName], 0))
      : err(invalidOption(`securebits[${wrong}]`, given[wrong], `one of ${Object.keys(SECUREBITS).join(', ')}`));
  });

/** Two halves of a capability set of this process, by its name in /proc/PID/status. */
const ownSet = (name: 'CapInh' | 'CapPrm'): readonly number[] => {
  try {
    const status = readFileSync('/proc/self/status', 'latin1');
    const bits = BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)`, 'm').exec(status)?.[1] ?? '0'}`);
    return Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => ((bits >> BigInt(bit)) & 1n) === 1n);
  } catch {
    return [];
  }
};

/** The caps that the process before the command holds, and its inheritable ones: a new user namespace has all, and none. */
const held = (types: ReadonlySet<NamespaceType>): Pick<CredentialsPlan, 'permitted' | 'inherited'> =>
  types.has('user') ? { permitted: null, inherited: [] } : { permitted: ownSet('CapPrm'), inherited: ownSet('CapInh') };

const KEYS = ['uid', 'gid', 'groups', 'capabilities', 'keepCaps', 'noNewPrivs', 'securebits'] as const;

const keepCaps = (value: unknown, types: ReadonlySet<NamespaceType>): Checked<boolean> =>
  flag('keepCaps', value).andThen((keeps) =>
    keeps && !types.has('user')
      ? err(invalidOption('keepCaps', value, '"user" among the namespaces with it'))
      : ok(keeps),
  );

/** Checks who the command is to be, and what it may do; null when nothing of it is asked for. */
export const planCredentials = (
  spec: SpawnSpec,
  types: ReadonlySet<NamespaceType>,
  idMap: IdMapPlan | null,
): Checked<CredentialsPlan | null> => {
  if (spec.seccomp === undefined && KEYS.every((key) => spec[key] === undefined)) return NOTHING;
  const { capabilities } = spec;
  if (capabilities !== undefined && (typeof capabilities !== 'object' || capabilities === null)) {
    return err(invalidOption('capabilities', capabilities, 'an object of bounding, inheritable and ambient'));
  }
  return all<Omit<CredentialsPlan, 'permitted' | 'inherited'>>({
    uid: optional(spec.uid, (uid) => planId('uid', uid, mappedIn('uid', types, idMap))),
    gid: optional(spec.gid, (gid) => planId('gid', gid, mappedIn('gid', types, idMap))),
    groups: planGroups(spec, types, idMap),
    bounding: planCapabilitySet('capabilities.bounding', capabilities?.bounding),
    inheritable: planCapabilitySet('capabilities.inheritable', capabilities?.inheritable),
    ambient: planCapabilitySet('capabilities.ambient', capabilities?.ambient),
    keepCaps: keepCaps(spec.keepCaps, types),
    // A filter that a set-user-ID program could be fooled by takes it, or CAP_SYS_ADMIN; seccomp(2).
    noNewPrivs: flag('noNewPrivs', spec.noNewPrivs ?? (spec.seccomp === undefined ? undefined : true)),
    securebits: planSecurebits(spec.securebits),
  }).map((plan) => ({ ...plan, ...held(types) }));
};
