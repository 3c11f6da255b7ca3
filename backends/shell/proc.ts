import { readdirSync, readFileSync } from 'node:fs';

const read = (path: string): string | null => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // The process has ended, or the file is not ours to read: either way there is nothing.
    return null;
  }
};

const list = (path: string): readonly string[] => {
  try {
    return readdirSync(path);
  } catch {
    // No /proc, or no fd left to read it: what comes next will say so.
    return [];
  }
};

/** Fields of /proc/PID/stat from the third on; the second may hold blanks and parentheses. See proc_pid_stat(5). */
const statFields = (pid: number): readonly string[] | null => {
  const text = read(`/proc/${pid}/stat`);
  return text === null ? null : text.slice(text.lastIndexOf(')') + 2).split(' ');
};

/** The parent of a process; null when the process is gone. */
export const parentOf = (pid: number): number | null => {
  const fields = statFields(pid);
  return fields === null ? null : Number(fields[1]);
};

/** The only child of a process that has at most one; null when there is none. */
export const childOf = (pid: number): number | null => {
  const children = read(`/proc/${pid}/task/${pid}/children`);
  if (children !== null) return Number.parseInt(children, 10) || null;
  // A kernel without CONFIG_PROC_CHILDREN.
  const found = list('/proc').find((name) => /^\d+$/.test(name) && parentOf(Number(name)) === pid);
  return found === undefined ? null : Number(found);
};

/** The arguments of a process as one string, changed by an exec; null when it is gone, or on its way in or out. */
export const argumentsOf = (pid: number): string | null => {
  const text = read(`/proc/${pid}/cmdline`);
  if (text === null || text !== '') return text;
  // An exec that is under way has no arguments yet, and an end none any more; a command that has emptied its own title
  // has a place for them.
  const argumentsAt = Number(statFields(pid)?.[45] ?? 0);
  return argumentsAt > 0 ? '' : null;
};

/** O_CLOEXEC in the flags of /proc/PID/fdinfo, octal. */
const CLOEXEC = 0o2000000;

const openFds = (): readonly number[] => {
  try {
    return readdirSync('/proc/self/fd').map(Number);
  } catch {
    // Without an fd to read the directory with there are none for a child's pipes: the spawn itself will say so.
    return [];
  }
};

/** fds of this process above stderr that its children would inherit: those that its own parent had left open. */
export const inheritedFds = (): readonly number[] => {
  return openFds()
    .filter((fd) => fd > 2)
    .filter((fd) => {
      const flags = /^flags:\s+(\d+)/m.exec(read(`/proc/self/fdinfo/${fd}`) ?? '')?.[1];
      return flags !== undefined && (Number.parseInt(flags, 8) & CLOEXEC) === 0;
    })
    .sort((a, b) => a - b);
};
