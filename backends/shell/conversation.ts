import { execFailed, type LaunchError, SETUP_STEPS, type SetupStep } from '../../lib/errors.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import { searchCommand } from './command-search.ts';
import { shellExecFailed, stepFailed } from './failure.ts';
import { writeIdMaps } from './id-map-files.ts';
import { argumentsOf } from './proc.ts';
import type { Talk } from './talk.ts';

/** What came of the talk with the stages. */
export type Heard =
  /** The last stage has become the command. */
  | { readonly type: 'running'; readonly pid: number }
  /** Something failed; the error is made when all is known that the tools said, and the last shell on the command's stderr. */
  | { readonly type: 'failed'; readonly error: (tools: string, shell: string) => LaunchError }
  /** The stages ended without having told why. */
  | { readonly type: 'silence' };

/** What the talk takes of the process. */
export interface Surroundings {
  /** The pid of the stage that becomes the command; null when it is gone already. */
  readonly locate: () => number | null;
  readonly moment: () => Promise<void>;
  /** The exec closes no socket for good, because unshare holds it, too: it has to be looked for. */
  readonly polls: boolean;
}

const SILENCE: Heard = { type: 'silence' };

const failed = (error: (tools: string, shell: string) => LaunchError): Heard => ({ type: 'failed', error });

const isStep = (text: string): text is SetupStep => (SETUP_STEPS as readonly string[]).includes(text);

const complaint = (plan: SpawnPlan, line: string): Heard => {
  const [, what = '', code] = /^failed (\S+)(?: (\d+))?$/.exec(line) ?? [];
  if (what === 'exec') return failed((_, shell) => shellExecFailed(plan, Number(code), shell));
  return isStep(what) ? failed((tools) => stepFailed(plan, what, tools)) : SILENCE;
};

/** Settles when the arguments of the process are no longer those of the stage: only an exec changes them. */
const seesExec = async (
  pid: number,
  before: string,
  { moment }: Surroundings,
  isSettled: () => boolean,
): Promise<void> => {
  while (!isSettled()) {
    const now = argumentsOf(pid);
    if (now !== null && now !== before) return;
    await moment();
  }
};

/** Waits until the last stage has become the command, or has told that it could not. */
const awaitExec = async (
  plan: SpawnPlan,
  talk: Talk,
  pid: number,
  before: string,
  around: Surroundings,
): Promise<Heard> => {
  let isSettled = false;
  const running: Heard = { type: 'running', pid };
  // The end of the talk without a complaint is the exec, or the end of a command that was short.
  const told = talk.next().then((line) => (line === null ? running : complaint(plan, line)));
  const seen = around.polls ? seesExec(pid, before, around, () => isSettled).then(() => running) : told;
  const heard = await Promise.race([told, seen]);
  isSettled = true;
  return heard;
};

/** Talks the stages through: writes the maps that one waits for, finds the command for the last, and sees it exec. */
export const converse = async (plan: SpawnPlan, talk: Talk, around: Surroundings): Promise<Heard> => {
  for (;;) {
    const line = await talk.next();
    if (line === null) return SILENCE;
    if (line !== 'maps' && line !== 'ready') return complaint(plan, line);
    const pid = around.locate();
    if (pid === null) return SILENCE;
    if (line === 'maps') {
      const written = await writeIdMaps(plan, pid);
      if (written.isErr()) return failed(() => written.error);
      talk.say('go');
      continue;
    }
    const before = argumentsOf(pid) ?? '';
    const found = await searchCommand(plan, talk);
    if (found.type === 'refused') return failed(() => execFailed(plan.command, found.errno));
    talk.say(found.answer);
    return awaitExec(plan, talk, pid, before, around);
  }
};
