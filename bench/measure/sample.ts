import type { Result } from 'neverthrow';

/** What can be timed, nanoseconds each. */
export type Sample = {
  /** Until clone3(2) had returned, inside the program. */
  readonly cloneNs?: number;
  /** Until the child had been reaped, inside the program. */
  readonly totalNs?: number;
  /** Until JavaScript knew that the command had exited. */
  readonly exitKnownNs?: number;
  /** Until the call that started the child gave the event loop back. */
  readonly blockedNs?: number;
};

/** A duration of a {@link Sample}. */
export type Quantity = keyof Sample;

/** Every duration that a sample can have. */
export const QUANTITIES = ['cloneNs', 'totalNs', 'exitKnownNs', 'blockedNs'] as const satisfies readonly Quantity[];

/** Why a case gave no time: what the machine said, typed. */
export interface Refusal {
  /** The type of the error: `setup-failed`, `unsupported`, `command-failed`... */
  readonly type: string;
  readonly message: string;
}

/** Where a sampler leaves the means to end its child early; called at most once a sample. */
type OnRunning = (kill: () => void) => void;

/** Durations by what they are of, nanoseconds. */
export type Durations = Readonly<Partial<Record<string, number>>>;

/** Starts one child, waits for its end and tells what that took. */
export type Sampler = (onRunning: OnRunning) => Promise<Result<Durations, Refusal>>;

/** Nanoseconds since `start`, both of process.hrtime.bigint. */
export const nsSince = (start: bigint): number => Number(process.hrtime.bigint() - start);

/** The refusal of a command that did not end well, which would make its times worthless. */
export const commandFailed = (command: string, how: string): Refusal => ({
  type: 'command-failed',
  message: `${command} ${how}, wanted exit code 0`,
});
