/** A source of numbers from 0 up to, not with, 1. */
export type Random = () => number;

/**
 * A small generator that gives the same numbers for the same seed (mulberry32: 32 bits of state, good enough to shuffle
 * and to resample, not for secrets).
 *
 * @param seed - any number; its lower 32 bits count
 */
export const seededRandom = (seed: number): Random => {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
};
