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
): KernelOperation => ({
  ...{ type: 'clone', call: 'clone3', delayCalls: 0 },
  ...{ namespaces, memory, caller, command },
});

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
