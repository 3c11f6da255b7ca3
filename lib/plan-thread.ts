import { err, ok, type Result } from 'neverthrow';
import { type InvalidOption, invalidOption, type Unsupported, unsupported } from './errors.ts';
import type { NamespaceType } from './namespace.ts';
import type { ThreadPlan } from './plan.ts';
import { planSpawn } from './plan-spawn.ts';
import type { SpawnSpec } from './spec.ts';

/** What a thread of this process is to be given. */
export type ThreadSpec = Pick<SpawnSpec, 'namespaces' | 'hostname' | 'domainname' | 'propagation' | 'network'>;

/** Types that no thread of Node.js can enter, and what they would take. */
const IMPOSSIBLE: Readonly<Partial<Record<NamespaceType, string>>> = {
  user: 'a process of one thread: the threads of a process share their credentials (EINVAL)',
  pid: 'a process of its own: after it the thread could start no more threads (EINVAL), and stay where it is',
  time: 'a process of its own: only children would be in it',
};

/** The reason why a thread cannot be in a namespace of one of these types; null when it can. */
export const refuseThread = (types: readonly NamespaceType[], verb: string): Unsupported | null => {
  const type = types.find((one) => IMPOSSIBLE[one] !== undefined);
  return type === undefined ? null : unsupported('ffi', `"${verb}" of a ${type} namespace`, IMPOSSIBLE[type] ?? '');
};

/** Checks what a thread is to be given. */
export const planThread = (spec: ThreadSpec): Result<ThreadPlan, InvalidOption | Unsupported> => {
  if (typeof spec !== 'object' || spec === null) return err(invalidOption('spec', spec, 'an object'));
  const { namespaces, hostname, domainname, propagation, network } = spec;
  const given = Object.entries({ namespaces, hostname, domainname, propagation, network });
  const own = Object.fromEntries(given.filter(([, value]) => value !== undefined)) as SpawnSpec;
  return planSpawn('thread', [], own).andThen((plan): Result<ThreadPlan, InvalidOption | Unsupported> => {
    if (plan.namespaces.length === 0) {
      return err(invalidOption('namespaces', namespaces, 'at least one of cgroup, ipc, mnt, net, uts'));
    }
    const refusal = refuseThread(plan.namespaces, 'unshare');
    if (refusal !== null) return err(refusal);
    return ok({
      namespaces: plan.namespaces,
      hostname: plan.hostname,
      domainname: plan.domainname,
      propagation: plan.propagation,
      network: plan.network,
      joins: [],
    });
  });
};
