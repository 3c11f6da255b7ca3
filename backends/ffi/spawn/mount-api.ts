import { ERRNO } from '../../../lib/errno.ts';
import { type Unsupported, unsupported } from '../../../lib/errors.ts';
import type { MountPlan, SpawnPlan } from '../../../lib/plan.ts';
import { OPEN_HOW_SIZE } from '../abi/constants.ts';
import type { Host } from '../host.ts';
import { NULL, num, shown } from '../program/argument.ts';
import type { MountApi } from './mount-target.ts';

const known = new WeakMap<Host, MountApi>();

/** Missing, or forbidden by a filter: the kernel's own answer to these arguments is another one. */
const REFUSALS: readonly number[] = [ERRNO.ENOSYS, ERRNO.EPERM];

const probe = (host: Host): MountApi =>
  host
    .runCalls((program) => {
      const quiet = { onError: 'next' } as const;
      const [empty, how] = [program.string(''), shown(program.zeros(OPEN_HOW_SIZE), 'how')];
      program.op('openat2', [num(-1), empty, how, num(OPEN_HOW_SIZE)], quiet);
      program.op('open_tree', [num(-1), empty, num(0)], quiet);
      program.op('mount_setattr', [num(-1), empty, num(-1), NULL, num(0)], quiet);
      // EPERM is what everybody without CAP_SYS_ADMIN gets from this one.
      program.op('move_mount', [num(-1), empty, num(-1), empty, num(-1)], quiet);
    })
    .map((program): MountApi => {
      const refused = [0, 1, 2].some((op) => REFUSALS.includes(-program.result(op)));
      return refused || program.result(3) === -ERRNO.ENOSYS ? 'path' : 'fd';
    })
    .unwrapOr('path');

/** How mounts can be made here; found out when a plan has some. */
export const mountApiFor = (host: Host, { mounts, root }: SpawnPlan): MountApi => {
  if (mounts.length === 0 && root === null) return 'fd';
  const found = known.get(host) ?? probe(host);
  known.set(host, found);
  return found;
};

const NEEDS = 'openat2, open_tree, move_mount and mount_setattr (Linux 5.12), not missing and not filtered';

/** Where a target is as the caller sees it; null in a root that the caller does not see. */
const callersPath = ({ root }: SpawnPlan, target: string): string | null => {
  if (root === null) return target;
  return root.type === 'bind' ? `${root.source}${target}` : null;
};

/** Mounts that the caller does not see lie at or below a path of its: a walk through what it sees would miss them. */
const hasNewBelow = (plan: SpawnPlan, earlier: readonly MountPlan[], path: string): boolean => {
  const within = path === '/' ? '/' : `${path}/`;
  return earlier.some((entry) => `${callersPath(plan, entry.target) ?? entry.target}/`.startsWith(within));
};

/** What cannot be done by paths, or not without leaving something writable. */
export const refuseByPath = (plan: SpawnPlan): Unsupported | null => {
  for (const [index, entry] of plan.mounts.entries()) {
    const earlier = plan.mounts.slice(0, index);
    if (entry.type === 'bind' && entry.idMap !== null) return unsupported('ffi', `mounts[${index}].idMap`, NEEDS);
    const path =
      entry.type === 'read-only'
        ? (callersPath(plan, entry.target) ?? entry.target)
        : entry.type === 'bind' && Object.values(entry.attributes).includes(true)
          ? entry.source
          : null;
    if (path !== null && hasNewBelow(plan, earlier, path)) {
      return unsupported('ffi', `mounts[${index}] of what has new mounts at or below it`, NEEDS);
    }
  }
  return null;
};
