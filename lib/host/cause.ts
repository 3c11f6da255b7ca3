import type { Diagnosis } from '../errors.ts';
import type { Facts } from './facts.ts';
import type { Failure } from './failure.ts';

/** How sure an answer is. */
export type Confidence = Diagnosis['confidence'];

/** One way in which a machine says no. Pure: the same failure and evidence give the same answer. */
export interface Cause {
  /** Stable across versions. */
  readonly id: string;
  /** How sure it is that this is why; null when it is not. What is not known never makes it certain. */
  readonly matches: (failure: Failure, facts: Facts) => Confidence | null;
  /** One sentence without a full stop; worded as a guess where it is one. */
  readonly summary: (failure: Failure, facts: Facts) => string;
  /** The sources that speak for it: a file, or `FILE#Field` for one line of it. */
  readonly sources: (failure: Failure) => readonly string[];
  /** What to type, best first; empty when nothing helps. */
  readonly remedy: (facts: Facts, failure: Failure) => readonly string[];
}
