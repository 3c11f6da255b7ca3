import type { IdMapPlan } from '../../../lib/id-map.ts';
import { NAMESPACES } from '../../../lib/namespace.ts';
import type { SpawnPlan } from '../../../lib/plan.ts';
import { PRCTL } from '../abi/constants.ts';
import { type Argument, NULL, num, shown, words } from '../program/argument.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';
import { RECORD } from '../program/layout.ts';
import { addPrctl } from './capability-ops.ts';
import { addEnteredIds } from './enter-ops.ts';
import { addOwnIdMaps } from './id-map-ops.ts';
import { RECORD_KIND } from './records.ts';
import { CLONE_FLAGS } from './set-up-ops.ts';

const addUnshareUser = (program: ProgramBuilder, fail: Label): void => {
  program.op('unshare', [words(NAMESPACES.user.cloneFlag, CLONE_FLAGS)], {
    step: 'unshare',
    onError: fail,
    namespaces: ['user'],
  });
};

/** Tells that the maps may be written from outside. */
const addWaiting = (program: ProgramBuilder, idMap: IdMapPlan | null, status: Argument, fail: Label): void => {
  if (idMap?.writer !== 'parent') return;
  const record = program.int32s(RECORD_KIND.waiting, -1, 0, 0, 0, 0);
  program.op('write', [status, shown(record, '{waiting}'), num(RECORD.size)], { step: 'id-map', onError: fail });
};

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
  addUnshareUser(program, fail);
  addWaiting(program, idMap, status, fail);
};

/**
 * Makes the user namespace inside of what has been entered, as who the process is there.
 *
 * @param proc - the caller's /proc: what is in sight by now need not show this process
 */
export const addUserInside = (
  program: ProgramBuilder,
  { namespaces, enter, idMap }: SpawnPlan,
  { status, proc }: { readonly status: Argument; readonly proc: Argument | null },
  fail: Label,
): void => {
  if (enter === null || !namespaces.includes('user')) return;
  addEnteredIds(program, enter, fail);
  addUnshareUser(program, fail);
  if (idMap?.writer === 'self') addOwnIdMaps(program, idMap, fail, proc);
  addWaiting(program, idMap, status, fail);
};
