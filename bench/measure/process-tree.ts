import { readFileSync } from 'node:fs';

/** The children of a process's main thread; none when it is gone. */
const childrenOf = (pid: number): readonly number[] => {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
};

/** Kills a process and what it started; unshare --fork would leave its child behind. */
export const killTree = (pid: number): void => {
  const children = childrenOf(pid);
  for (const victim of [pid, ...children]) {
    try {
      process.kill(victim, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
};
