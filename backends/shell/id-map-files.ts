import { writeFileSync } from 'node:fs';
import { err, ok, type Result } from 'neverthrow';
import { errnoName } from '../../lib/errno.ts';
import type { SetupFailed } from '../../lib/errors.ts';
import { helperArguments } from '../../lib/id-map.ts';
import { helperFailed, type MapWrite, mapWrites } from '../../lib/id-map-helper.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import { mapFailed } from './failure.ts';
import { runToEnd } from './run.ts';

const byHelper = async (pid: number, write: MapWrite): Promise<Result<void, SetupFailed>> => {
  const { path, ranges } = write.helper ?? { path: '', ranges: [] };
  const { code, said, errno } = await runToEnd(path, helperArguments(pid, ranges));
  if (errno !== 0) return err(helperFailed('shell', pid, write, 'it could not be executed', errnoName(errno)));
  return code === 0 ? ok(undefined) : err(helperFailed('shell', pid, write, said));
};

/** Writes the maps of the user namespace that a waiting process is in. */
export const writeIdMaps = async (plan: SpawnPlan, pid: number): Promise<Result<void, SetupFailed>> => {
  for (const write of mapWrites(plan.idMap)) {
    if (write.helper !== null) {
      const written = await byHelper(pid, write);
      if (written.isErr()) return written;
      continue;
    }
    const path = `/proc/${pid}/${write.file}`;
    try {
      writeFileSync(path, write.text);
    } catch (error) {
      return err(mapFailed(plan, path, write.text, error as NodeJS.ErrnoException));
    }
  }
  return ok(undefined);
};
