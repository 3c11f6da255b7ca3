import type { Manner } from '../../backends/ffi/spawn/compile.ts';

/** How a spawn is compiled where a newer kernel lets a carrier be made. */
export const MANNER: Manner = {
  host: 'carrier',
  vehicle: { type: 'memfd', exec: true },
  clone3: true,
  intoCgroup: true,
  mountApi: 'fd',
  strays: null,
  environ: 0,
  signals: true,
  measured: false,
};
