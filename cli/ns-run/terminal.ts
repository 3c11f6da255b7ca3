import { closeSync } from 'node:fs';
import { processPlace } from './process-state.ts';

/** Whether Ctrl-C reaches this process: its group is in the foreground of its terminal. */
export const inForeground = (): boolean => {
  const own = processPlace('self');
  return own !== null && own.terminal !== 0 && own.group === own.foreground;
};

/**
 * Whether somebody would notice that this process is stopped, and continue it: a shell with job control.
 *
 * @remarks That is what the kernel calls a process group that is not orphaned; setpgid(2), credentials(7).
 */
export const underJobControl = (): boolean => {
  const own = processPlace('self');
  if (own === null || own.terminal === 0) return false;
  let ancestor = processPlace(own.parent);
  while (ancestor !== null && ancestor.group === own.group && ancestor.parent > 0) {
    ancestor = processPlace(ancestor.parent);
  }
  return ancestor !== null && ancestor.group !== own.group && ancestor.session === own.session;
};

/**
 * Leaves the terminal as the command left it.
 *
 * @remarks At its end Node.js sets the modes of a terminal on fds 0 to 2 back to what they were at its start, and so
 * undoes `ns-run stty -echo`; not on an fd that is closed by then. Nothing can be written after it.
 */
export const leaveTerminal = (): void => {
  for (const fd of [0, 1, 2]) {
    try {
      closeSync(fd);
    } catch {
      // It was closed before.
    }
  }
};
