import type { Diagnosis } from '../errors.ts';
import type { Facts } from './facts.ts';
import type { Failure } from './failure.ts';

/** How sure an answer is. */
export type Confidence = Diagnosis['confidence'];

const RANK: Readonly<Record<Confidence, number>> = { certain: 0, likely: 1, possible: 2 };

/** Sorts the surest first. */
export const bySureness = (a: Confidence, b: Confidence): number => RANK[a] - RANK[b];

/** The least sure of several. */
export const leastSure = (...all: readonly Confidence[]): Confidence =>
  all.reduce((least, next) => (RANK[next] > RANK[least] ? next : least), 'certain');

/** One way in which a machine says no. Pure: the same failure and evidence give the same answer. */
export interface Cause {
  /** Stable across versions. */
  readonly id: string;
  /** How sure it is that this is why; null when it is not. What is not known never makes it certain. */
  readonly matches: (failure: Failure, facts: Facts) => Confidence | null;
  /**
   * Whether evidence alone is enough to say that something will fail, before anything has. False where the cause only
   * explains what has been seen to fail.
   */
  readonly predicts?: boolean;
  /** Whether it may fail at one time and not at another, on the same machine. */
  readonly comesAndGoes?: boolean;
  /** One sentence without a full stop; worded as a guess where it is one. */
  readonly summary: (failure: Failure, facts: Facts) => string;
  /** The sources that speak for it: a file, or `FILE#Field` for one line of it. */
  readonly sources: (failure: Failure, facts: Facts) => readonly string[];
  /** What to type, best first; empty when nothing helps. */
  readonly remedy: (facts: Facts, failure: Failure) => readonly string[];
}
