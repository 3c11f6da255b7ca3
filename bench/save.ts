import { accessSync, constants, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { err, ok, type Result } from 'neverthrow';

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);

/** Tells before a long run whether its result can be written; leaves no trace. */
export const checkWritable = (path: string): Result<void, string> => {
  if (path === '') return err('a file name');
  try {
    accessSync(dirname(path), constants.W_OK | constants.X_OK);
  } catch (error) {
    return err(`a file in a directory that can be written to (${codeOf(error)})`);
  }
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? err('a file, not a directory') : ok();
};

/** Writes a file as a whole: whoever reads it sees the old one or the new one. */
export const saveText = (path: string, text: string): Result<void, string> => {
  const partial = `${path}.${process.pid}.partial`;
  try {
    writeFileSync(partial, text, { flag: 'wx' });
    renameSync(partial, path);
    return ok();
  } catch (error) {
    rmSync(partial, { force: true });
    return err(codeOf(error));
  }
};
