import { type Aborted, aborted, type TimedOut, timedOut } from './errors.ts';
import type { ExitStatus } from './exit.ts';
import type { SpawnSpec } from './spec.ts';

/** The reasons why a child may have to be stopped early, and whether one of them has come. */
export interface StopWatch {
  /** The error that stands for the first reason that came; null while none has. */
  readonly stopped: (status: ExitStatus | null) => TimedOut | Aborted | null;
  /** What to do when a reason comes; done at once when it has come already. */
  readonly onStop: (act: () => void) => void;
  /** Forgets timer and listener. */
  readonly release: () => void;
  readonly setRef: (ref: boolean) => void;
}

type Reason = 'timeout' | 'abort';

/** Watches the clock and the abort signal from now on. */
export const watchStop = ({ timeoutMs, signal }: Pick<SpawnSpec, 'timeoutMs' | 'signal'>): StopWatch => {
  let reason: Reason | null = null;
  let act: (() => void) | null = null;
  const stop = (why: Reason): void => {
    if (reason !== null) return;
    reason = why;
    act?.();
  };
  const onAbort = (): void => stop('abort');
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => stop('timeout'), timeoutMs);
  if (signal?.aborted === true) stop('abort');
  else signal?.addEventListener('abort', onAbort, { once: true });
  return {
    stopped: (status) => {
      if (reason === 'timeout') return timedOut(timeoutMs ?? 0, status);
      return reason === 'abort' ? aborted(signal?.reason, status) : null;
    },
    onStop: (next) => {
      act = next;
      if (reason !== null) next();
    },
    release: () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    },
    setRef: (ref) => {
      if (ref) timer?.ref();
      else timer?.unref();
    },
  };
};
