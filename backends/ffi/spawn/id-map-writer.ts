import { closeSync, writeFileSync, writeSync } from 'node:fs';
import { err, ok, type Result } from 'neverthrow';
import { errnoName } from '../../../lib/errno.ts';
import { type SetupFailed, setupFailed } from '../../../lib/errors.ts';
import { type IdMapPlan, idMapText } from '../../../lib/id-map.ts';

const writeProc = (path: string, text: string): Result<void, SetupFailed> => {
  try {
    writeFileSync(path, text);
    return ok(undefined);
  } catch (error) {
    const errno = errnoName(Math.abs((error as NodeJS.ErrnoException).errno ?? 0));
    const namespaces = ['user'] as const;
    return err(
      setupFailed({
        backend: 'ffi',
        step: 'id-map',
        syscall: (error as NodeJS.ErrnoException).syscall ?? 'write',
        call: `write(${JSON.stringify(path)}, ${JSON.stringify(text)})`,
        errno,
        namespaces,
        path,
        diagnosis: null,
      }),
    );
  }
};

/**
 * Writes a waiting child's id maps from outside, then lets it go on; after an error it is told to end instead.
 *
 * @param go - our end of the pipe on which the child waits; closed here
 */
export const writeIdMaps = (pid: number, go: number, { uid, gid, setgroups }: IdMapPlan): Result<void, SetupFailed> => {
  const files: [string, string][] = [];
  if (setgroups === 'deny') files.push(['setgroups', 'deny']);
  if (uid.length > 0) files.push(['uid_map', idMapText(uid)]);
  if (gid.length > 0) files.push(['gid_map', idMapText(gid)]);
  let written: Result<void, SetupFailed> = ok(undefined);
  for (const [name, text] of files) written = written.andThen(() => writeProc(`/proc/${pid}/${name}`, text));
  try {
    if (written.isOk()) writeSync(go, 'g');
  } catch {
    // The child is gone: that it is, and why, comes through the status pipe.
  }
  closeSync(go);
  return written;
};
