import { type Case, caseOf, type Way } from './case.ts';
import { COMBINATIONS, DEFAULT_SETS, type FlagSet, NO_FLAGS, withBaseline, withoutPrivilege } from './flag-set.ts';

/** What is to be measured. */
export interface Choice {
  /** The sets that were asked for; none means the usual ones. */
  readonly sets: readonly FlagSet[];
  /** The backends that can be used here, and whether each can time a spawn inside its own program. */
  readonly backends: readonly { readonly name: string; readonly timesItself: boolean }[];
  /** Whether child_process is measured beside the backends. */
  readonly peers: boolean;
  /** Whether the caller may make namespaces without a user namespace. */
  readonly privileged: boolean;
}

/**
 * Lists the cases of a run.
 *
 * @remarks Inside the program each usual set is measured; from JavaScript, where a case takes several times as long, only
 * `none` and the combinations. Sets that were asked for are measured in every way.
 */
export const chooseCases = ({ sets, backends, peers, privileged }: Choice): readonly Case[] => {
  const usable = (chosen: readonly FlagSet[]): readonly FlagSet[] =>
    withBaseline(privileged ? chosen : chosen.map(withoutPrivilege));
  const inside = usable(sets.length > 0 ? sets : DEFAULT_SETS);
  const around = usable(sets.length > 0 ? sets : COMBINATIONS);
  const spread = (way: Way, over: readonly FlagSet[]): readonly Case[] => over.map((set) => caseOf(way, set));
  return [
    ...backends
      .filter(({ timesItself }) => timesItself)
      .flatMap(({ name }) => spread({ type: 'program', backend: name }, inside)),
    ...backends.flatMap(({ name }) => spread({ type: 'spawn', backend: name }, around)),
    ...(peers ? [caseOf({ type: 'child-process' }, NO_FLAGS), ...spread({ type: 'unshare' }, around)] : []),
  ];
};
