import { err, type Result } from 'neverthrow';
import type { LaunchError } from '../../lib/errors.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import { pipesFailed, stagesKilled } from './failure.ts';
import { startHolders } from './holders.ts';
import { type Pipes, pipedFds, takePipes } from './pipes.ts';
import type { Shell } from './shells.ts';

/** Pipes on their way. */
export interface PipesToCome {
  readonly pipes: Promise<Result<Pipes, LaunchError>>;
  /** Gives up: `pipes` becomes an error, unless they are there already. */
  readonly stop: () => void;
  readonly setRef: (ref: boolean) => void;
}

/** Has a shell make the pipes that a plan asks for, and takes them over. */
export const fetchPipes = (plan: SpawnPlan, shell: Shell): PipesToCome => {
  const { holders, hangUp, setRef } = startHolders(shell, pipedFds(plan).length);
  let isStopped = false;
  const fetch = async (): Promise<Result<Pipes, LaunchError>> => {
    const held = await holders;
    if (held.isErr())
      return err(isStopped ? stagesKilled(plan) : pipesFailed(plan, { errno: held.error, path: shell.path }));
    const pipes = takePipes(plan, held.value.pids);
    await held.value.release();
    // Who was told to go may have gone before its pipe was taken.
    return pipes.mapErr((reason) => (isStopped ? stagesKilled(plan) : pipesFailed(plan, reason)));
  };
  return {
    pipes: fetch(),
    stop: () => {
      isStopped = true;
      hangUp();
    },
    setRef,
  };
};
