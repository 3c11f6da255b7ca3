import { type IdMapPlan, idMapText } from '../../../lib/id-map.ts';
import type { SpawnPlan } from '../../../lib/plan.ts';
import type { Argument } from '../program/argument.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';
import { addWriteFile } from './write-file.ts';

/** The child of the launch writes its own maps, where it may, before anything else. */
export const addEarlyIdMaps = (program: ProgramBuilder, { idMap, enter }: SpawnPlan, fail: Label): void => {
  if (idMap?.writer === 'self' && enter === null) addOwnIdMaps(program, idMap, fail);
};

/**
 * The child writes its own maps: one line each, of its own ids.
 *
 * @param proc - where /proc is open; null: it is in sight
 */
export const addOwnIdMaps = (
  program: ProgramBuilder,
  { uid, gid, setgroups }: IdMapPlan,
  fail: Label,
  proc: Argument | null = null,
): void => {
  const file = (name: string): string => (proc === null ? `/proc/self/${name}` : `self/${name}`);
  const directory = proc === null ? {} : { directory: proc };
  const options = { step: 'id-map', onError: fail, ...directory } as const;
  if (setgroups === 'deny') {
    // Before Linux 3.19 there is no such file, and no need for it.
    const after = program.label();
    addWriteFile(program, file('setgroups'), 'deny', options, after);
    program.place(after);
  }
  if (uid.length > 0) addWriteFile(program, file('uid_map'), idMapText(uid), options);
  if (gid.length > 0) addWriteFile(program, file('gid_map'), idMapText(gid), options);
};
