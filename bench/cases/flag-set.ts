import { err, ok, type Result } from 'neverthrow';
import { isNamespaceType, NAMESPACE_TYPES, type NamespaceType } from '../../lib/index.ts';

/** A set of namespaces that is measured. */
export interface FlagSet {
  /** What a table calls it: `none`, `pid+mnt`, `all`; `net (+user)` when `user` had to be added. */
  readonly name: string;
  readonly namespaces: readonly NamespaceType[];
  /** What was added to the set that was asked for, because it takes privilege that the caller has not. */
  readonly added: readonly NamespaceType[];
}

/** The set that all others are compared with. */
export const NO_FLAGS: FlagSet = { name: 'none', namespaces: [], added: [] };

const ALL_FLAGS: FlagSet = { name: 'all', namespaces: NAMESPACE_TYPES, added: [] };

/** The set of some types, by its usual name. */
export const setOf = (...namespaces: readonly NamespaceType[]): FlagSet => {
  if (namespaces.length === 0) return NO_FLAGS;
  return namespaces.length === NAMESPACE_TYPES.length
    ? ALL_FLAGS
    : { name: namespaces.join('+'), namespaces, added: [] };
};

/** The sets of which a person makes sandboxes and containers. */
export const COMBINATIONS: readonly FlagSet[] = [
  setOf('pid', 'mnt', 'ipc', 'uts'),
  setOf('pid', 'mnt', 'ipc', 'uts', 'net', 'cgroup'),
  setOf('user', 'pid', 'mnt', 'ipc', 'uts'),
  ALL_FLAGS,
];

/** None, each of the eight alone, and the combinations. */
export const DEFAULT_SETS: readonly FlagSet[] = [
  NO_FLAGS,
  ...NAMESPACE_TYPES.map((type) => setOf(type)),
  ...COMBINATIONS,
];

/**
 * Reads a set as a person writes it.
 *
 * @param text - types joined by plus or comma (`pid+mnt`), `none` or `all`
 * @returns the set, each type once, or what is wanted instead
 */
export const parseFlagSet = (text: string): Result<FlagSet, string> => {
  if (text === 'none') return ok(NO_FLAGS);
  if (text === 'all') return ok(ALL_FLAGS);
  const types = new Set<NamespaceType>();
  for (const word of text.split(/[+,]/)) {
    if (!isNamespaceType(word)) {
      return err(`types out of ${NAMESPACE_TYPES.join(', ')} joined by "+" or ",", or "none", or "all"`);
    }
    types.add(word);
  }
  return ok(setOf(...types));
};

/** The same set as somebody without privilege can have it: with `user`, in which the caller is root. */
export const withoutPrivilege = (set: FlagSet): FlagSet =>
  set.namespaces.length === 0 || set.namespaces.includes('user')
    ? set
    : { name: `${set.name} (+user)`, namespaces: ['user', ...set.namespaces], added: ['user'] };

const sameTypes = (a: FlagSet, b: FlagSet): boolean =>
  a.namespaces.length === b.namespaces.length && a.namespaces.every((type) => b.namespaces.includes(type));

/** The sets with {@link NO_FLAGS} in front, each once whatever the order of its types. */
export const withBaseline = (sets: readonly FlagSet[]): readonly FlagSet[] => {
  const all = [NO_FLAGS, ...sets];
  return all.filter((set, index) => all.findIndex((other) => sameTypes(other, set)) === index);
};
