import { constants } from 'node:os';
import { match } from 'ts-pattern';
import type { ExitError, ExitStatus, SignalName, SpawnError } from '../../lib/index.ts';
import type { UsageError } from './usage-error.ts';

/** Codes that are ns-run's own, as env(1), timeout(1) and the shells have them. */
export const EXIT = { ok: 0, timedOut: 124, failed: 125, notExecutable: 126, notFound: 127 } as const;

/** 128 and a signal's number, as shells show it; a real-time signal has its number for a name. */
export const signalCode = (signal: SignalName): number =>
  128 + (constants.signals[signal] ?? Number(signal.replace('SIG', '')));

/** The exit code that stands for the command's end. */
export const statusCode = (status: ExitStatus): number =>
  match(status)
    .with({ type: 'exited' }, ({ code }) => code)
    .with({ type: 'killed' }, ({ signal }) => signalCode(signal))
    .exhaustive();

/** The exit code that stands for an error. */
export const errorCode = (error: SpawnError | ExitError | UsageError): number =>
  match(error)
    .with({ type: 'exec-failed' }, ({ reason }) => (reason === 'not-found' ? EXIT.notFound : EXIT.notExecutable))
    .with({ type: 'timed-out' }, () => EXIT.timedOut)
    .with(
      { type: 'usage' },
      { type: 'invalid-option' },
      { type: 'unsupported' },
      { type: 'backend-unavailable' },
      { type: 'setup-failed' },
      { type: 'aborted' },
      { type: 'exit-lost' },
      () => EXIT.failed,
    )
    .exhaustive();
