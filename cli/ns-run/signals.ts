import type { Child, SignalName } from '../../lib/index.ts';
import { type Job, keepGoing, STOPPING, watchJob } from './job.ts';
import { processState } from './process-state.ts';
import { inForeground } from './terminal.ts';

/** Signals that end a process; a terminal sends the first two to the command as well. */
const ENDING = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

/** How long a set-up may go on after a signal that would end it. */
const PATIENCE_MS = 1_000;

/** ns-run's own signals, held from before the command exists until it has ended. */
export interface HeldSignals {
  /** Aborted when a signal has come and there is no command for it after a while. */
  readonly abort: AbortSignal;
  /** The signal that ended the set-up, or in whose stead the command got SIGKILL. */
  readonly endedBy: () => SignalName | null;
  /** From now on signals are about this command. */
  readonly follow: (child: Child) => void;
  /** Gives ns-run its ordinary signals back. */
  readonly release: () => void;
}

/**
 * Makes ns-run outlive its command, and share its fate otherwise.
 *
 * @remarks The kernel keeps signals from pid 1 of a pid namespace that pid 1 has no handler for, except SIGKILL and SIGSTOP
 * from outside: without help neither Ctrl-C nor SIGTERM would do anything to `ns-run -p sleep 60`. Where the command
 * leaves a signal to its default, ns-run does the default: SIGKILL.
 * @param forwardInterrupt - whether SIGINT is passed on although a terminal's Ctrl-C reaches the command by itself
 */
export const holdSignals = (forwardInterrupt: boolean): HeldSignals => {
  const before = new AbortController();
  // What comes before it is known that the command runs: the command may well run already.
  const early = new Set<SignalName>();
  let patience: NodeJS.Timeout | undefined;
  let leaveOff: (() => void) | undefined;
  let endedBy: SignalName | null = null;
  let running: { readonly child: Child; readonly job: Job } | null = null;

  const end = (child: Child, signal: (typeof ENDING)[number]): void => {
    const fromKeyboard = signal === 'SIGINT' || signal === 'SIGQUIT';
    const forward = !fromKeyboard || (signal === 'SIGINT' && forwardInterrupt);
    if (!forward && !inForeground()) return;
    const state = processState(child.pid);
    const standIn = state?.init === true && state.isDefault(signal);
    if (standIn) endedBy ??= signal;
    // That the command has ended meanwhile is no error.
    if (standIn || forward) child.kill(standIn ? 'SIGKILL' : signal).unwrapOr(undefined);
  };

  const onEnding = (signal: (typeof ENDING)[number]) => (): void => {
    if (running !== null) end(running.child, signal);
    else {
      early.add(signal);
      patience ??= setTimeout(() => {
        endedBy = signal;
        before.abort(signal);
      }, PATIENCE_MS);
    }
  };

  const onStopping = (signal: (typeof STOPPING)[number]) => (): void => {
    if (running !== null) running.job.stopping(signal);
    else {
      early.add(signal);
      leaveOff ??= keepGoing();
    }
  };

  const leaveSetUp = (): void => {
    clearTimeout(patience);
    leaveOff?.();
  };

  const listeners: readonly (readonly [NodeJS.Signals, () => void])[] = [
    ...ENDING.map((signal) => [signal, onEnding(signal)] as const),
    ...STOPPING.map((signal) => [signal, onStopping(signal)] as const),
    ['SIGCONT', () => running?.job.continued()],
    ['SIGCHLD', () => running?.job.changed()],
  ];
  for (const [signal, listener] of listeners) process.on(signal, listener);

  return {
    abort: before.signal,
    endedBy: () => endedBy,
    follow: (child) => {
      leaveSetUp();
      const job = watchJob(child);
      running = { child, job };
      for (const signal of ENDING) if (early.has(signal)) end(child, signal);
      for (const signal of STOPPING) if (early.has(signal)) job.wasStopping(signal);
      job.changed();
    },
    release: () => {
      leaveSetUp();
      running?.job.release();
      running = null;
      for (const [signal, listener] of listeners) process.off(signal, listener);
    },
  };
};
