import type { Child, SignalName } from '../../lib/index.ts';
import { processState } from './process-state.ts';
import { inForeground, underJobControl } from './terminal.ts';

/** Signals that end a process; a terminal sends the first two to the command as well. */
const ENDING = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
/** Signals that stop a process; a terminal sends them to the command as well. */
const STOPPING = ['SIGTSTP', 'SIGTTIN', 'SIGTTOU'] as const;

type Ending = (typeof ENDING)[number];
type Stopping = (typeof STOPPING)[number];

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

/** That the command has ended meanwhile is no error. */
const send = (child: Child, signal: SignalName): void => {
  child.kill(signal).unwrapOr(undefined);
};

/**
 * Makes ns-run outlive its command, and share its fate otherwise.
 *
 * @remarks The kernel keeps signals from pid 1 of a pid namespace that pid 1 has no handler for, except SIGKILL and SIGSTOP
 * from outside: without help neither Ctrl-C nor Ctrl-Z nor SIGTERM would do anything to `ns-run -p sleep 60`. Where the
 * command leaves a signal to its default, ns-run does the default: SIGKILL or SIGSTOP.
 * @param forwardInterrupt - whether SIGINT is passed on although a terminal's Ctrl-C reaches the command by itself
 */
export const holdSignals = (forwardInterrupt: boolean): HeldSignals => {
  const before = new AbortController();
  let endedBy: SignalName | null = null;
  let child: Child | null = null;
  // What comes before it is known that the command runs: the command may well run already.
  const early = new Set<SignalName>();
  let patience: NodeJS.Timeout | undefined;

  const onEnding = (signal: Ending): void => {
    if (child === null) {
      early.add(signal);
      patience ??= setTimeout(() => {
        endedBy = signal;
        before.abort(signal);
      }, PATIENCE_MS);
      return;
    }
    const fromKeyboard = signal === 'SIGINT' || signal === 'SIGQUIT';
    const forward = !fromKeyboard || (signal === 'SIGINT' && forwardInterrupt);
    if (!forward && !inForeground()) return;
    const state = processState(child.pid);
    if (state?.init === true && state.isDefault(signal)) {
      endedBy ??= signal;
      send(child, 'SIGKILL');
    } else if (forward) send(child, signal);
  };

  /** Stops with the command, so that the shell that waits for ns-run gets its terminal back, and continues with it. */
  const stopWithChild = (): void => {
    if (child === null || processState(child.pid)?.stopped !== true || !underJobControl()) return;
    // Not SIGTSTP: while that had its default back, a Ctrl-Z would stop ns-run alone.
    process.kill(process.pid, 'SIGSTOP');
    onContinue();
  };

  const onContinue = (): void => {
    if (child !== null && processState(child.pid)?.stopped === true) send(child, 'SIGCONT');
  };

  const onStopping = (signal: Stopping): void => {
    if (child === null) early.add(signal);
    if (child === null || !underJobControl()) return;
    // A pid 1 that reads in the background makes the kernel repeat SIGTTIN; the last ones are seen after all is over.
    if (signal !== 'SIGTSTP' && inForeground()) return;
    const state = processState(child.pid);
    if (state?.init === true && state.isDefault(signal)) send(child, 'SIGSTOP');
    stopWithChild();
  };
  const listeners: readonly (readonly [NodeJS.Signals, () => void])[] = [
    ...ENDING.map((signal) => [signal, () => onEnding(signal)] as const),
    ...STOPPING.map((signal) => [signal, () => onStopping(signal)] as const),
    ['SIGCONT', onContinue],
    ['SIGCHLD', stopWithChild],
  ];
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return {
    abort: before.signal,
    endedBy: () => endedBy,
    follow: (started) => {
      child = started;
      clearTimeout(patience);
      for (const [signal, listener] of listeners) if (early.has(signal)) listener();
      stopWithChild();
    },
    release: () => {
      child = null;
      clearTimeout(patience);
      for (const [signal, listener] of listeners) process.off(signal, listener);
    },
  };
};
