import { ERRNO, errnoName } from '../../lib/errno.ts';
import { type ExecFailed, execFailed, type LaunchError, type SetupFailed, setupFailed } from '../../lib/errors.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import { errnoIn, errnoInAny, isTooLong, lastLine, signalInFarewell, speakerIn, stepIn } from './parse.ts';
import type { NoPipes } from './pipes.ts';
import type { StageEnd } from './run.ts';

type Facts = Pick<SetupFailed, 'step' | 'syscall' | 'call' | 'errno' | 'path'>;

/** The verb that reports it finds out why. */
const failed = (plan: SpawnPlan, facts: Facts): SetupFailed =>
  setupFailed({
    backend: 'shell',
    ...facts,
    namespaces: facts.step === 'id-map' ? ['user'] : plan.namespaces,
    diagnosis: null,
  });

const pathOf = (step: SetupFailed['step'], plan: SpawnPlan): string | null => {
  if (step === 'mount-proc') return plan.mountProc;
  if (step === 'cwd') return plan.cwd;
  return step === 'propagation' ? '/' : null;
};

/** Names of the tools that a shell's message may begin with are not the tool: it is the shell that failed. */
const toolOf = (text: string): string => {
  const speaker = speakerIn(text);
  // Neither names itself.
  if (text.includes('Could not process rule')) return 'nft(8)';
  if (speaker === 'Error' || text.startsWith('RTNETLINK answers:')) return 'ip(8)';
  return speaker === null || speaker.startsWith('ns-') ? 'sh(1)' : `${speaker.slice(speaker.lastIndexOf('/') + 1)}(1)`;
};

/** A message with the name of its tool as manual pages have it: `unshare(1): unshare failed: ...`. */
const saying = (text: string): string => {
  const line = lastLine(text);
  const speaker = speakerIn(text);
  return `${toolOf(text)}: ${speaker === null ? line || 'no word' : line.slice(speaker.length + 1).trim()}`;
};

/** The error of a step that a stage has named. */
export const stepFailed = (plan: SpawnPlan, step: SetupFailed['step'], text: string): SetupFailed =>
  failed(plan, {
    step,
    syscall: step === 'cwd' ? 'cd(1)' : toolOf(text),
    // What od said of the directory is its errno; what was to be done is cd.
    call: step === 'cwd' ? `cd(1) ${plan.cwd}` : saying(text),
    errno: errnoIn(text),
    path: pathOf(step, plan),
  });

const silence = (plan: SpawnPlan, how: string): SetupFailed =>
  failed(plan, {
    step: 'prepare',
    syscall: 'unshare(1)',
    call: `unshare(1) or a stage after it ${how}`,
    errno: null,
    path: null,
  });

/** The error of stages that were killed before the command was reached. */
export const stagesKilled = (plan: SpawnPlan, signal: NodeJS.Signals = 'SIGKILL'): SetupFailed =>
  silence(plan, `was killed by ${signal}`);

/** The error of stages that have ended before the command was reached, by what they said. */
export const stagesFailed = (plan: SpawnPlan, text: string, { code, signal }: StageEnd): LaunchError => {
  if (signal) return stagesKilled(plan, signal);
  // unshare may say that its child was killed, and would be taken for one that failed itself.
  if (signalInFarewell(text) !== null) return stagesKilled(plan);
  if (isTooLong(text)) return execFailed(plan.command, ERRNO.E2BIG);
  return lastLine(text) === ''
    ? silence(plan, `exited with ${code} and without a word`)
    : stepFailed(plan, stepIn(text), text);
};

/** The error of a first stage that could not be started. */
export const notStarted = (plan: SpawnPlan, file: string, errno: number): LaunchError => {
  if (errno === ERRNO.E2BIG) return execFailed(plan.command, ERRNO.E2BIG);
  const step = errno === ERRNO.EBADF ? 'stdio' : 'prepare';
  return failed(plan, {
    step,
    syscall: 'spawn',
    call: `spawn(${JSON.stringify(file)})`,
    errno: errnoName(errno),
    path: file,
  });
};

/** The error of pipes that could not be made. */
export const pipesFailed = (plan: SpawnPlan, { errno, path }: NoPipes): SetupFailed =>
  failed(plan, {
    step: 'stdio',
    syscall: 'open',
    call: `open(${JSON.stringify(path)}) of a pipe`,
    errno: errno === 0 ? null : errnoName(errno),
    path,
  });

/** The error of a map file that could not be written. */
export const mapFailed = (plan: SpawnPlan, path: string, text: string, error: NodeJS.ErrnoException): SetupFailed =>
  failed(plan, {
    step: 'id-map',
    syscall: error.syscall ?? 'write',
    call: `${error.syscall ?? 'write'}(${JSON.stringify(path)}, ${JSON.stringify(text)})`,
    errno: errnoName(Math.abs(error.errno ?? 0)),
    path,
  });

/**
 * The error of an exec that the shell itself could not do, though nothing spoke against it.
 *
 * @param code - what the shell ends with: 127 for what is not there, 126 for what cannot be executed
 * @param text - what it said on the command's stderr, where that is a pipe of ours
 */
export const shellExecFailed = (plan: SpawnPlan, code: number, text: string): ExecFailed =>
  execFailed(plan.command, ERRNO[errnoInAny(text) ?? (code === 127 ? 'ENOENT' : 'EACCES')]);
