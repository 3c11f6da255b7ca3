import { type SignalName, signalName } from './signal.ts';

/** What a child used, as wait4(2) tells it. */
export interface ResourceUsage {
  /** Processor time in user mode, microseconds. */
  readonly userUs: number;
  /** Processor time in the kernel, microseconds. */
  readonly systemUs: number;
  /**
   * The largest resident set, bytes. At least what the caller had when it started the child: Linux counts the memory
   * that the two share until execve(2).
   */
  readonly maxRssBytes: number;
}

/** How a child ended; a code and a signal are never mixed. */
export type ExitStatus =
  | { readonly type: 'exited'; readonly code: number; readonly usage: ResourceUsage | null }
  | {
      readonly type: 'killed';
      readonly signal: SignalName;
      readonly coreDumped: boolean;
      readonly usage: ResourceUsage | null;
    };

/** Reads a wait status as wait(2) lays it out. */
export const exitStatus = (status: number, usage: ResourceUsage | null): ExitStatus => {
  const signal = status & 0x7f;
  return signal === 0
    ? { type: 'exited', code: (status >> 8) & 0xff, usage }
    : { type: 'killed', signal: signalName(signal), coreDumped: (status & 0x80) !== 0, usage };
};
