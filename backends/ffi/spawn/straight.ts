import { type Unsupported, unsupported } from '../../../lib/errors.ts';
import type { SpawnPlan } from '../../../lib/plan.ts';

const NEEDS = 'a carrier: an executable memfd, or a directory that files may be executed from';

/**
 * What must not be done, or cannot, while the child shares Node's memory: a change of credentials makes that memory
 * non-dumpable for good, a time namespace is entered by a clone with memory of its own, and a child that waits for its
 * id maps would keep Node from writing them.
 */
export const refuseStraight = ({ namespaces, idMap }: SpawnPlan): Unsupported | null => {
  if (namespaces.includes('time')) return unsupported('ffi', 'a new time namespace', NEEDS);
  if (idMap?.writer === 'parent') return unsupported('ffi', 'id maps that the child may not write itself', NEEDS);
  return null;
};
