import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** The path of a program that is searched in PATH; null when there is none. */
export const findProgram = (name: string): string | null => {
  const dirs = (process.env['PATH'] ?? '').split(':').filter((dir) => dir.startsWith('/'));
  for (const dir of dirs) {
    const path = join(dir, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // The next one may have it.
    }
  }
  return null;
};
