import { type Unsupported, unsupported } from '../../../lib/errors.ts';
import type { NamespaceType } from '../../../lib/namespace.ts';
import { usesCaller } from '../../../lib/network.ts';
import type { EnterPlan, SpawnPlan } from '../../../lib/plan.ts';
import type { HostKind } from './placement.ts';

/** Parts of a plan that are as well done in Node's memory: they change nothing but the child's own fds and directory. */
const HARMLESS: readonly (keyof SpawnPlan)[] = [
  'command',
  'argv',
  'env',
  'searchPath',
  'cwd',
  'stdio',
  'detached',
  'parentDeathSignal',
];

const isNothing = (part: unknown): boolean =>
  part === null || part === false || (Array.isArray(part) && part.length === 0);

/** What is as well joined in Node's memory: nothing but the child's own namespaces change, and no path leads elsewhere by it. */
const HARMLESS_JOINS: readonly NamespaceType[] = ['ipc', 'net', 'uts'];

const isHarmlessEntry = ({ joins, ...rest }: EnterPlan): boolean =>
  joins.every(({ type }) => HARMLESS_JOINS.includes(type)) && Object.values(rest).every(isNothing);

/** Whether a child has nothing to do that takes a carrier: whatever else a plan asks for does. */
const isPlain = (plan: SpawnPlan): boolean => {
  for (const [name, part] of Object.entries(plan)) {
    if (name === 'enter' && plan.enter !== null && isHarmlessEntry(plan.enter)) continue;
    if (!isNothing(part) && !(HARMLESS as readonly string[]).includes(name)) return false;
  }
  return true;
};

/**
 * What a child may do beside Node as well: nothing of it changes the shared memory, or lets others see it. Neither a root nor
 * mounts are among it: links in a tree of somebody else's would lead to Node's program and to its fds.
 */
const BESIDE: readonly (keyof SpawnPlan)[] = [
  ...HARMLESS,
  'namespaces',
  'hostname',
  'domainname',
  'network',
  'propagation',
  'mountProc',
  'idMap',
];

const hasOnly = (plan: SpawnPlan, parts: readonly string[]): boolean =>
  Object.entries(plan).every(([name, part]) => isNothing(part) || parts.includes(name));

/** Where the child of a plan needs no carrier, the best first: nowhere with anything that nobody has called harmless. */
export const hostsFor = (plan: SpawnPlan): readonly HostKind[] => {
  if (isPlain(plan)) return ['beside', 'straight'];
  // With ranges uid 0 inside is another user: a change of credentials.
  return hasOnly(plan, BESIDE) && plan.idMap?.writer !== 'parent' ? ['beside'] : [];
};

const NEEDS = 'a carrier: an executable memfd, or a directory that files may be executed from';

/**
 * What must not be done, or cannot, while the child shares Node's memory: a change of credentials makes that memory
 * non-dumpable for good, a time namespace is entered by a clone with memory of its own, and a child that waits for its
 * id maps would keep Node from writing them.
 */
export const refuseStraight = ({
  namespaces,
  idMap,
  enter,
  network,
  credentials,
  init,
  owner,
  ipc,
  networkTask,
}: SpawnPlan): Unsupported | null => {
  // A call that waits would keep Node waiting with it.
  if (ipc !== null) return unsupported('ffi', 'IPC', NEEDS);
  if (networkTask === 'watch') return unsupported('ffi', 'watching a network', NEEDS);
  const joined = enter?.joins.find(({ type }) => type === 'user' || type === 'pid' || type === 'time');
  if (joined !== undefined) return unsupported('ffi', `entering a ${joined.type} namespace`, NEEDS);
  if (enter !== null && namespaces.includes('user'))
    return unsupported('ffi', 'a new user namespace beside entered ones', NEEDS);
  if (enter !== null && namespaces.includes('pid'))
    return unsupported('ffi', 'a new pid namespace beside entered ones', NEEDS);
  if (enter !== null && (enter.userParentOf !== null || enter.uid !== null || enter.gid !== null)) {
    return unsupported('ffi', 'other credentials', NEEDS);
  }
  if (init) return unsupported('ffi', 'init', NEEDS);
  if (namespaces.includes('time')) return unsupported('ffi', 'a new time namespace', NEEDS);
  if (network !== null && usesCaller(network)) return unsupported('ffi', "an interface of the caller's network", NEEDS);
  if (idMap?.writer === 'parent') return unsupported('ffi', 'id maps that the child may not write itself', NEEDS);
  if (owner !== null) return unsupported('ffi', 'a user namespace of another owner', NEEDS);
  if (credentials !== null && (credentials.uid !== null || credentials.gid !== null)) {
    return unsupported('ffi', 'a change of uid or gid', NEEDS);
  }
  return null;
};
