import { readFileSync } from 'node:fs';

/** The text of a command line; a kernel thread has a name only. */
export const commandText = (cmdline: Buffer | null, comm: Buffer | null): string | null => {
  if (cmdline !== null && cmdline.length > 0) {
    return cmdline.toString('utf8').replace(/\0+$/, '').replaceAll('\0', ' ');
  }
  return comm?.toString('utf8').replace(/\n$/, '') ?? null;
};

const bytes = (path: string): Buffer | null => {
  try {
    return readFileSync(path);
  } catch {
    // It has ended.
    return null;
  }
};

/** What runs as a pid; null when nothing does. */
export const commandOf = (pid: number): string | null =>
  pid <= 0 ? null : commandText(bytes(`/proc/${pid}/cmdline`), bytes(`/proc/${pid}/comm`));
