import { err, ok, type Result } from 'neverthrow';
import type { IpcRun } from '../../lib/backend.ts';
import { type LaunchError, unsupported } from '../../lib/errors.ts';
import type { IpcAnswer, IpcRequest } from '../../lib/ipc.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import type { Host } from './host.ts';
import { AnswerReader } from './spawn/ipc/answer.ts';
import { ipcDecoders } from './spawn/ipc/requests.ts';
import { launch } from './spawn/spawn.ts';

/** Has a carrier do what is asked for, in the namespaces that the plan enters. */
export const ipc = (host: Host, plan: SpawnPlan, requests: readonly IpcRequest[]): Result<IpcRun, LaunchError> => {
  const decoders = ipcDecoders(requests, host.arch);
  if (decoders === null) return err(unsupported('ffi', `${requests.length} IPC requests at once`, 'fewer of them'));
  return launch(host, { ...plan, ipc: requests }).andThen((launched) =>
    ok({
      launched,
      decode: (bytes: Buffer) => {
        const reader = new AnswerReader(bytes);
        const answers: IpcAnswer[] = [];
        for (const decode of decoders) {
          const answer = decode(reader);
          if (answer === null) return null;
          answers.push(answer);
        }
        return answers;
      },
    }),
  );
};
