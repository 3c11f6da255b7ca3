import { readFileSync } from 'node:fs';
import type { Child, SignalName } from '../../lib/index.ts';
import { processPlace, processState } from './process-state.ts';
import { inForeground, underJobControl } from './terminal.ts';

/** Signals that stop a process; a terminal sends them to the command as well. */
export const STOPPING = ['SIGTSTP', 'SIGTTIN', 'SIGTTOU'] as const;

/** How often and how long it is looked whether a command stops behind a tool that has stopped already. */
const LOOK_EVERY_MS = 20;
const LOOKS = 50;

/** Processes that ns-run itself has started: the command, or a tool that a backend needs to start it. */
const ownChildren = (): readonly number[] => {
  try {
    return readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number);
  } catch {
    // A kernel without CONFIG_PROC_CHILDREN: a tool that has been stopped stays so until somebody continues it.
    return [];
  }
};

/** The command as a job that stops and continues, and ns-run with it. */
export interface Job {
  /** ns-run was told to stop. */
  readonly stopping: (signal: (typeof STOPPING)[number]) => void;
  /** A child of ns-run has stopped, continued or ended. */
  readonly changed: () => void;
  /** What {@link stopping} does, for a signal that came before the command was known. */
  readonly wasStopping: (signal: (typeof STOPPING)[number]) => void;
  /** ns-run has been continued. */
  readonly continued: () => void;
  readonly release: () => void;
}

/** Tools between ns-run and the command, which a backend may need: unshare, with a new pid namespace. */
const between = (pid: number, above: readonly number[] = []): readonly number[] => {
  const parent = processPlace(pid)?.parent ?? 0;
  if (parent === process.pid) return above;
  // A command whose tool has ended is no longer below us; whoever is above it then is none of our business.
  return parent <= 1 ? [] : between(parent, [parent, ...above]);
};

const isStopped = (pid: number): boolean => processState(pid)?.stopped === true;

/** That the command has ended meanwhile is no error. */
const send = (child: Child, signal: SignalName): void => {
  child.kill(signal).unwrapOr(undefined);
};

const continueTool = (pid: number): void => {
  try {
    process.kill(pid, 'SIGCONT');
  } catch {
    // It has ended.
  }
};

/** Keeps a set-up going that Ctrl-Z would stop half-way, from now until it is told to leave off. */
export const keepGoing = (): (() => void) => {
  const looking = setInterval(() => ownChildren().filter(isStopped).forEach(continueTool), LOOK_EVERY_MS);
  return () => clearInterval(looking);
};

/**
 * Stops ns-run when the command stops, so that the shell that waits for ns-run gets its terminal back, and continues the
 * command with ns-run.
 *
 * @remarks It is the command that decides: one that ignores Ctrl-Z, or tidies its screen first, does so. Only a pid 1 that
 * leaves SIGTSTP to its default is stopped by ns-run, because the kernel keeps that signal from it.
 */
export const watchJob = (child: Child): Job => {
  let looking: NodeJS.Timeout | undefined;
  // Found now: a tool that stops just when the command ends has nothing below it any more.
  const tools = [...new Set([...between(child.pid), ...ownChildren()])].filter((pid) => pid !== child.pid);

  /** Who continues ns-run continues its whole process group; a shell as the command is in one of its own. */
  const resume = (): void => {
    const own = processPlace('self')?.group;
    if (isStopped(child.pid) && processPlace(child.pid)?.group !== own) send(child, 'SIGCONT');
  };

  const stopTogether = (): boolean => {
    if (!isStopped(child.pid)) return false;
    if (underJobControl()) {
      // Not SIGTSTP: while that had its default back, a Ctrl-Z would stop ns-run alone.
      process.kill(process.pid, 'SIGSTOP');
      resume();
    }
    return true;
  };

  /** A tool in between stops before the command does, or although the command does not; nobody tells us which. */
  const look = (left: number): void => {
    clearTimeout(looking);
    if (stopTogether() || !tools.some(isStopped)) return;
    if (left === 0 || processState(child.pid)?.ended !== false) tools.forEach(continueTool);
    else looking = setTimeout(look, LOOK_EVERY_MS, left - 1);
  };

  const stop = (signal: (typeof STOPPING)[number], missed: boolean): void => {
    // A pid 1 that reads in the background makes the kernel repeat SIGTTIN; the last ones are seen after all is over.
    if (!underJobControl() || (signal !== 'SIGTSTP' && inForeground())) return;
    const state = processState(child.pid);
    if (state?.isDefault(signal) === true && (state.init || missed)) send(child, 'SIGSTOP');
    look(LOOKS);
  };

  return {
    stopping: (signal) => stop(signal, false),
    wasStopping: (signal) => stop(signal, true),
    changed: () => look(LOOKS),
    continued: resume,
    release: () => clearTimeout(looking),
  };
};
