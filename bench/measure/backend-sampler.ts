import { err, ok, type Result } from 'neverthrow';
import { type BackendChoice, type ExitStatus, measureSpawn, type NamespaceType, spawn } from '../../lib/index.ts';
import { commandFailed, nsSince, type Refusal, type Sample, type Sampler } from './sample.ts';

/** What is started in every round, and in which namespaces. */
export interface Target {
  readonly command: string;
  readonly args: readonly string[];
  readonly namespaces: readonly NamespaceType[];
}

const specOf = ({ namespaces }: Target, backend: BackendChoice) => ({
  namespaces,
  backend,
  // Without a map most of what a user namespace is for would be refused inside it.
  ...(namespaces.includes('user') ? { mapRootUser: true } : {}),
});

const refusal = ({ type, message }: Refusal): Refusal => ({ type, message });

const checked = ({ command }: Target, status: ExitStatus, sample: Sample): Result<Sample, Refusal> => {
  if (status.type === 'killed') return err(commandFailed(command, `was killed by ${status.signal}`));
  return status.code === 0 ? ok(sample) : err(commandFailed(command, `exited with ${status.code}`));
};

/** Times inside the backend's program; the calling thread stands still meanwhile, and nothing can end the child early. */
export const programSampler = (target: Target, backend: BackendChoice): Sampler => {
  const spec = specOf(target, backend);
  return async () =>
    measureSpawn(target.command, target.args, spec)
      .mapErr(refusal)
      .andThen(({ cloneNs, totalNs, status }) => checked(target, status, { cloneNs, totalNs }));
};

/** Times `spawn` from JavaScript: the call, and the way until its exit is known. */
export const spawnSampler = (target: Target, backend: BackendChoice): Sampler => {
  const spec = { ...specOf(target, backend), stdio: 'ignore' } as const;
  return async (onRunning) => {
    const start = process.hrtime.bigint();
    const spawning = spawn(target.command, target.args, spec);
    const blockedNs = nsSince(start);
    const child = await spawning;
    if (child.isErr()) return err(refusal(child.error));
    // That it has ended meanwhile is no error.
    onRunning(() => child.value.kill('SIGKILL').unwrapOr(undefined));
    const exit = await child.value.exit;
    const exitKnownNs = nsSince(start);
    return exit.mapErr(refusal).andThen((status) => checked(target, status, { blockedNs, exitKnownNs }));
  };
};
