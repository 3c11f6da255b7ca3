import type { Readable } from 'node:stream';
import type { Result } from 'neverthrow';
import type { Launched } from '../../../lib/backend.ts';
import type { LaunchError } from '../../../lib/errors.ts';
import { plainPlan } from '../../../lib/plain-plan.ts';
import type { SpawnPlan } from '../../../lib/plan.ts';
import type { HelperEnd, RunHelper } from './id-map-writer.ts';

const allOf = async (stream: Readable | null): Promise<string> => {
  let text = '';
  if (stream !== null) for await (const chunk of stream) text += String(chunk);
  return text;
};

const notRun = (error: LaunchError): HelperEnd => ({
  code: -1,
  said: '',
  errno: error.type === 'exec-failed' ? error.errno : error.type === 'setup-failed' ? error.errno : 'ENOSYS',
});

/** Runs a program as any other child: what it takes does not depend on how large this process is. */
export const helperRunner =
  (launch: (plan: SpawnPlan) => Result<Launched, LaunchError>): RunHelper =>
  async (path, args) => {
    const launched = launch(plainPlan(path, args));
    if (launched.isErr()) return notRun(launched.error);
    const started = await launched.value.started;
    if (started.isErr()) return notRun(started.error);
    const said = allOf((launched.value.stdio[2] ?? null) as Readable | null);
    const exit = await launched.value.exit;
    const code = exit.isOk() && exit.value.type === 'exited' ? exit.value.code : -1;
    return { code, said: await said, errno: null };
  };
