import { getHeapSpaceStatistics } from 'node:v8';

const OBJECTS = 20_000;
const MOST_TURNS = 2000;
/** Turns without growth after which the nursery is taken to be as large as it gets. */
const PATIENCE = 100;

const nurseryBytes = (): number =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.physical_space_size ?? 0;

/**
 * Lets V8's new space grow to its full size.
 *
 * @remarks It grows to some 32 MiB with whatever is allocated and does not shrink in a busy process; counted as memory
 * that spawning has taken it would hide a leak of half that size.
 */
export const fillNursery = (): void => {
  let survivors: object[][] = [];
  let largest = 0;
  for (let turn = 0, still = 0; turn < MOST_TURNS && still < PATIENCE; turn += 1, still += 1) {
    // Two generations live on, so that the scavenger has something to copy: that is what makes the space grow.
    survivors = [...survivors.slice(-2), Array.from({ length: OBJECTS }, (_, index) => ({ index }))];
    const size = nurseryBytes();
    if (size > largest) {
      largest = size;
      still = 0;
    }
  }
};
