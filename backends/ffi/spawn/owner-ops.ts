import { NAMESPACES } from '../../../lib/namespace.ts';
import type { SpawnPlan } from '../../../lib/plan.ts';
import { PRCTL } from '../abi/constants.ts';
import { type Argument, NULL, num, shown, words } from '../program/argument.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';
import { RECORD } from '../program/layout.ts';
import { addPrctl } from './capability-ops.ts';
import { RECORD_KIND } from './records.ts';
import { CLONE_FLAGS } from './set-up-ops.ts';

/**
 * Becomes the owner, outside, and makes the user namespace as such: then it has all capabilities again, inside. The maps are
 * written when that has been told.
 */
export const addOwner = (program: ProgramBuilder, { owner, idMap }: SpawnPlan, status: Argument, fail: Label): void => {
  if (owner === null) return;
  const { uid, gid } = owner;
  const options = { step: 'credentials', onError: fail } as const;
  program.op('setgroups', [num(0), NULL], options);
  program.op('setresgid', [num(gid), num(gid), num(gid)], options);
  program.op('setresuid', [num(uid), num(uid), num(uid)], options);
  // Its own files in /proc would belong to root from here on.
  addPrctl(program, PRCTL.PR_SET_DUMPABLE, num(1), 'credentials', fail);
  program.op('unshare', [words(NAMESPACES.user.cloneFlag, CLONE_FLAGS)], {
    step: 'unshare',
    onError: fail,
    namespaces: ['user'],
  });
  if (idMap?.writer !== 'parent') return;
  const record = program.int32s(RECORD_KIND.waiting, -1, 0, 0, 0, 0);
  program.op('write', [status, shown(record, '{waiting}'), num(RECORD.size)], { step: 'id-map', onError: fail });
};
