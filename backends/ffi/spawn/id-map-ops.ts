import { type IdMapPlan, idMapText } from '../../../lib/id-map.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';
import { addWriteFile } from './write-file.ts';

/** The child writes its own maps: one line each, of the caller's own ids. */
export const addOwnIdMaps = (program: ProgramBuilder, { uid, gid, setgroups }: IdMapPlan, fail: Label): void => {
  const options = { step: 'id-map', onError: fail } as const;
  if (setgroups === 'deny') {
    // Before Linux 3.19 there is no such file, and no need for it.
    const after = program.label();
    addWriteFile(program, '/proc/self/setgroups', 'deny', options, after);
    program.place(after);
  }
  if (uid.length > 0) addWriteFile(program, '/proc/self/uid_map', idMapText(uid), options);
  if (gid.length > 0) addWriteFile(program, '/proc/self/gid_map', idMapText(gid), options);
};
