import { type KernelOperation, NAMESPACE_TYPES, type NamespaceType } from '../../lib/index.ts';
import { COMBINATIONS, type FlagSet, NO_FLAGS, setOf, withBaseline, withoutPrivilege } from '../cases/flag-set.ts';

/** One thing of whose parts the time is taken. */
export interface Operation {
  /** What a table calls it. */
  readonly name: string;
  readonly group: 'spawn' | 'step' | 'tear-down';
  readonly what: KernelOperation;
}

/** How many namespaces a burst makes before it waits for the last one to be freed. */
const BURST = 50;

const clone = (
  namespaces: readonly NamespaceType[],
  command: string | null,
  caller: 'small' | 'node' = 'small',
  memory: 'shared' | 'copied' = 'shared',
  call: 'clone3' | 'clone' = 'clone3',
): KernelOperation => ({
  ...{ type: 'clone', delayCalls: 0 },
  ...{ namespaces, call, memory, caller, command },
});

/** Several flags, all of which clone(2) takes: that of time namespaces it takes for a signal. */
const isOldEnough = ({ namespaces }: FlagSet): boolean => namespaces.length > 1 && !namespaces.includes('time');

/**
 * Lists what is looked at: the phases of a spawn by set, the single steps of a set-up, and how long the kernel takes to
 * free what was made.
 *
 * @param sets - those that were asked for; none means the usual ones
 * @param command - what is executed; an absolute path
 */
export const operationsOf = (sets: readonly FlagSet[], privileged: boolean, command: string): readonly Operation[] => {
  const chosen = sets.length > 0 ? sets : [...NAMESPACE_TYPES.map((type) => setOf(type)), ...COMBINATIONS];
  const usable = withBaseline(privileged ? chosen : chosen.map(withoutPrivilege));
  const step = (name: string, what: KernelOperation): Operation => ({ name, group: 'step', what });
  const gone = (namespace: NamespaceType, count: number): Operation => ({
    name: count === 1 ? namespace : `${namespace}, ${count} of them`,
    group: 'tear-down',
    what: { type: 'tear-down', namespace, count },
  });
  return [
    { name: 'none, child exits at once', group: 'spawn', what: clone(NO_FLAGS.namespaces, null) },
    ...usable.map(({ name, namespaces }): Operation => ({ name, group: 'spawn', what: clone(namespaces, command) })),
    ...[NO_FLAGS, ...usable.filter(isOldEnough).slice(0, 1)].map(
      ({ name, namespaces }): Operation => ({
        ...{ name: `${name}, by clone(2)`, group: 'spawn' },
        what: clone(namespaces, command, 'small', 'shared', 'clone'),
      }),
    ),
    { name: 'none, from Node', group: 'spawn', what: clone(NO_FLAGS.namespaces, command, 'node') },
    { name: 'none, from Node, copied', group: 'spawn', what: clone(NO_FLAGS.namespaces, command, 'node', 'copied') },
    step('nothing (the clock)', { type: 'nothing' }),
    ...NAMESPACE_TYPES.map((namespace) => step(`unshare ${namespace}`, { type: 'unshare', namespace })),
    ...NAMESPACE_TYPES.map((namespace) => step(`setns ${namespace}`, { type: 'setns', namespace })),
    step('id maps', { type: 'id-map' }),
    step('mounts', { type: 'mounts' }),
    step('network', { type: 'network' }),
    ...NAMESPACE_TYPES.map((namespace) => gone(namespace, 1)),
    gone('net', BURST),
    gone('mnt', BURST),
  ];
};
