import { type Manner, NEWEST } from '../../backends/ffi/spawn/compile.ts';

/** How a spawn is compiled where a newer kernel lets a carrier be made. */
export const MANNER: Manner = {
  host: 'carrier',
  vehicle: { type: 'memfd', exec: true },
  ...NEWEST,
};
