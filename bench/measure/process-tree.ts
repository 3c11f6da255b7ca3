import { readdirSync, readFileSync } from 'node:fs';

/** The children of all threads of a process; none when it is gone. */
const childrenOf = (pid: number): readonly number[] => {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((tid) =>
      readFileSync(`/proc/${pid}/task/${tid}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
};

/** All that a process has started, directly or not. */
export const descendantsOf = (pid: number): readonly number[] =>
  childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);

const kill = (pids: readonly number[]): void => {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
};

/** Kills what a process started, and lets itself see to the rest. */
export const killDescendants = (pid: number): void => kill(descendantsOf(pid));

/** Kills a process and all that it started; unshare --fork would leave its child behind. */
export const killTree = (pid: number): void => kill([pid, ...descendantsOf(pid)]);
