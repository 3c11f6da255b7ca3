import { writeFileSync } from 'node:fs';
import { err, ok, type Result } from 'neverthrow';
import type { SetupFailed } from '../../lib/errors.ts';
import { idMapText } from '../../lib/id-map.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import { mapFailed } from './failure.ts';

/** The files that are written from outside, with their texts, in their order: setgroups before gid_map. */
export const idMapFiles = ({ idMap }: SpawnPlan): readonly (readonly [name: string, text: string])[] =>
  idMap?.writer !== 'parent'
    ? []
    : [
        ...(idMap.setgroups === 'deny' ? [['setgroups', 'deny'] as const] : []),
        ...(idMap.uid.length > 0 ? [['uid_map', idMapText(idMap.uid)] as const] : []),
        ...(idMap.gid.length > 0 ? [['gid_map', idMapText(idMap.gid)] as const] : []),
      ];

/** Writes the maps of the user namespace that a waiting process is in. */
export const writeIdMaps = (plan: SpawnPlan, pid: number): Result<void, SetupFailed> => {
  for (const [name, text] of idMapFiles(plan)) {
    const path = `/proc/${pid}/${name}`;
    try {
      writeFileSync(path, text);
    } catch (error) {
      return err(mapFailed(plan, path, text, error as NodeJS.ErrnoException));
    }
  }
  return ok(undefined);
};
