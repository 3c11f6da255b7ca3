import { type Case, caseOf, isInside, type PeerName, type Way } from './case.ts';
import { COMBINATIONS, DEFAULT_SETS, type FlagSet, withBaseline, withoutPrivilege } from './flag-set.ts';

/** What is to be measured. */
export interface Choice {
  /** The sets that were asked for; none means the usual ones. */
  readonly sets: readonly FlagSet[];
  /** The backends that can be used here, and whether each can time a spawn inside its own program. */
  readonly backends: readonly { readonly name: string; readonly timesItself: boolean }[];
  /** Whether child_process is measured beside the backends. */
  readonly peers: boolean;
  /** Other programs that are here. */
  readonly others: readonly PeerName[];
  /** Whether the caller may make namespaces without a user namespace. */
  readonly privileged: boolean;
  /** Measures the sets in one way only: inside the program where there is one, else from JavaScript. */
  readonly oneWay: boolean;
}

/**
 * Lists the cases of a run.
 *
 * @remarks Inside the program each usual set is measured; from JavaScript, where a case takes several times as long, only
 * `none` and the combinations. Sets that were asked for are measured in every way.
 */
export const chooseCases = ({ sets, backends, peers, others, privileged, oneWay }: Choice): readonly Case[] => {
  const usable = (chosen: readonly FlagSet[]): readonly FlagSet[] =>
    withBaseline(privileged ? chosen : chosen.map(withoutPrivilege));
  const inside = usable(sets.length > 0 ? sets : DEFAULT_SETS);
  const around = usable(sets.length > 0 ? sets : COMBINATIONS);
  const ways = others.map((name): Way => ({ type: 'peer', name }));
  const programs = backends.filter(({ timesItself }) => timesItself);
  if (oneWay) {
    const [program] = programs;
    const [backend] = backends;
    if (backend === undefined) return [];
    const way: Way =
      program === undefined ? { type: 'spawn', backend: backend.name } : { type: 'program', backend: program.name };
    return inside.map((set) => caseOf(way, set));
  }
  const starters = (set: FlagSet): readonly Way[] => [
    ...backends.map(({ name }): Way => ({ type: 'spawn', backend: name })),
    ...(peers && set.namespaces.length === 0 ? [{ type: 'child-process' } as const] : []),
    ...(peers ? [{ type: 'unshare' } as const] : []),
    ...ways.filter((way) => !isInside(way)),
  ];
  const inner = [...programs.map(({ name }): Way => ({ type: 'program', backend: name })), ...ways.filter(isInside)];
  return [
    ...inside.flatMap((set) => inner.map((way) => caseOf(way, set))),
    ...around.flatMap((set) => starters(set).map((way) => caseOf(way, set))),
  ];
};
