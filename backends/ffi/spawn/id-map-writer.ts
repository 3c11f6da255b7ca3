import { closeSync, writeFileSync, writeSync } from 'node:fs';
import { err, ok, type Result } from 'neverthrow';
import { errnoName } from '../../../lib/errno.ts';
import { type SetupFailed, setupFailed } from '../../../lib/errors.ts';
import { helperArguments, type IdMapPlan } from '../../../lib/id-map.ts';
import { helperFailed, type MapWrite, mapWrites } from '../../../lib/id-map-helper.ts';

/** How a program ended that was run to its end. */
export interface HelperEnd {
  /** 0 is success. */
  readonly code: number;
  readonly said: string;
  /** Why it never ran; null when it did. */
  readonly errno: SetupFailed['errno'];
}

/** Runs a program to its end, without a wait of the event loop. */
export type RunHelper = (path: string, args: readonly string[]) => Promise<HelperEnd>;

type Written = Result<void, SetupFailed>;

const writeProc = (path: string, text: string): Written => {
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

const writeByHelper = async (pid: number, write: MapWrite, run: RunHelper): Promise<Written> => {
  const { path, ranges } = write.helper ?? { path: '', ranges: [] };
  const { code, said, errno } = await run(path, helperArguments(pid, ranges));
  if (errno !== null) return err(helperFailed('ffi', pid, write, 'it could not be executed', errno));
  return code === 0 ? ok(undefined) : err(helperFailed('ffi', pid, write, said));
};

/** Lets the child go on, or, after an error, end. */
const release = (go: number, written: Written): Written => {
  try {
    if (written.isOk()) writeSync(go, 'g');
  } catch {
    // The child is gone: that it is, and why, comes through the status pipe.
  }
  closeSync(go);
  return written;
};

const writeInTurn = async (pid: number, go: number, writes: readonly MapWrite[], run: RunHelper): Promise<Written> => {
  let written: Written = ok(undefined);
  for (const write of writes) {
    if (written.isErr()) break;
    written =
      write.helper === null
        ? writeProc(`/proc/${pid}/${write.file}`, write.text)
        : await writeByHelper(pid, write, run);
  }
  return release(go, written);
};

/**
 * Writes a waiting child's id maps from outside, then lets it go on; after an error it is told to end instead. Done at
 * once where no helper is wanted.
 *
 * @param go - our end of the pipe on which the child waits; closed here
 */
export const writeIdMaps = (pid: number, go: number, idMap: IdMapPlan, run: RunHelper): Written | Promise<Written> => {
  const writes = mapWrites(idMap);
  if (writes.some(({ helper }) => helper !== null)) return writeInTurn(pid, go, writes, run);
  let written: Written = ok(undefined);
  for (const { file, text } of writes) written = written.andThen(() => writeProc(`/proc/${pid}/${file}`, text));
  return release(go, written);
};
