import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

/** A directory that everybody may enter, gone after the test; its real path, without symbolic links. */
export const scratch = (t: Test): string => {
  const dir = mkdtempSync(join(tmpdir(), 'ns-contract-'));
  chmodSync(dir, 0o755);
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
};

/** Writes a file that may be executed, and gives its path. */
export const script = (dir: string, name: string, text: string, mode = 0o755): string => {
  const path = join(dir, name);
  writeFileSync(path, text);
  // Not the mode of writeFileSync: the umask would take from it.
  chmodSync(path, mode);
  return path;
};
