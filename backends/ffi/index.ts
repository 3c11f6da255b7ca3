import { err } from 'neverthrow';
import type { Backend } from '../../lib/backend.ts';
import { backendUnavailable } from '../../lib/errors.ts';
import { remainingWays } from './carrier/vehicles.ts';
import { host, supportedArch } from './host.ts';
import { explain } from './spawn/explain.ts';
import { measure } from './spawn/measure.ts';
import { launch } from './spawn/spawn.ts';

/** Makes the system calls itself: programs of them, run by machine code in this process and in a carrier. */
export const ffiBackend: Backend = {
  name: 'ffi',
  available: () =>
    host().map(({ arch }) => `system calls through ffi-rs on ${arch}, host: ${remainingWays()[0]?.name}`),
  launch: (plan) => host().andThen((opened) => launch(opened, plan)),
  explain: (plan) => {
    const arch = supportedArch();
    return arch === null
      ? err(backendUnavailable('ffi', `no machine code has been written for ${process.arch}`))
      : explain(plan, arch);
  },
  measure: (plan) => host().andThen((opened) => measure(opened, plan)),
};
