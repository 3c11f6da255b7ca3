import type { Result } from 'neverthrow';
import type { NetworkWatchRun } from '../../../lib/backend.ts';
import type { LaunchError } from '../../../lib/errors.ts';
import type { SpawnPlan } from '../../../lib/plan.ts';
import type { Host } from '../host.ts';
import { launch } from '../spawn/spawn.ts';
import { NewsReader } from './news.ts';

/** Has a carrier stay and listen, in the network that the plan enters. */
export const watchNetwork = (host: Host, plan: SpawnPlan): Result<NetworkWatchRun, LaunchError> =>
  launch(host, { ...plan, networkTask: 'watch' }).map((launched) => {
    const reader = new NewsReader();
    return { launched, decode: (bytes) => reader.take(bytes).unwrapOr(null) };
  });
