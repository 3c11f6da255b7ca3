import type { Result } from 'neverthrow';
import type { NetworkRun } from '../../../lib/backend.ts';
import type { LaunchError } from '../../../lib/errors.ts';
import type { SpawnPlan } from '../../../lib/plan.ts';
import type { Host } from '../host.ts';
import { launch } from '../spawn/spawn.ts';
import { readState } from './state.ts';

/** Has a carrier ask the kernel, in the network that the plan enters. */
export const readNetwork = (host: Host, plan: SpawnPlan): Result<NetworkRun, LaunchError> =>
  launch(host, { ...plan, networkTask: 'read' }).map((launched) => ({
    launched,
    decode: (bytes) =>
      readState(bytes).match(
        (state) => state,
        ({ type }) => (type === 'interrupted' ? 'again' : null),
      ),
  }));
