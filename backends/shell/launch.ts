import { err, ok, type Result, ResultAsync } from 'neverthrow';
import type { Launched } from '../../lib/backend.ts';
import { ERRNO } from '../../lib/errno.ts';
import { type ExitLost, exitLost, type LaunchError, type SignalFailed, signalFailed } from '../../lib/errors.ts';
import type { ExitStatus } from '../../lib/exit.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import { signalNumber } from '../../lib/signal.ts';
import type { CommandLine } from './command-line.ts';
import { converse } from './conversation.ts';
import { notStarted, stagesFailed } from './failure.ts';
import { OutputPipe } from './output-pipe.ts';
import { signalInFarewell } from './parse.ts';
import { childOf, parentOf } from './proc.ts';
import { type StageProcess, startStages } from './run.ts';
import { type Murmur, murmurOn, type Talk, talkOn } from './talk.ts';

/** The stages of one spawn while they run, and the command that the last one becomes. */
interface Stages {
  readonly plan: SpawnPlan;
  readonly line: CommandLine;
  readonly process: StageProcess;
  readonly talk: Talk;
  readonly murmur: Murmur;
  /** The caller's ends of the pipes. */
  readonly stdio: Launched['stdio'];
  /** The pid of the command, or of what is about to become it; null while unshare has not forked yet. */
  command: number | null;
  isRunning: boolean;
  isOver: boolean;
  refs: boolean;
  timer: NodeJS.Timeout | null;
}

/** Looks for the process that becomes the command, which exists for certain when it has spoken. */
const locate = (stages: Stages): number | null => {
  stages.command ??= stages.line.forks ? childOf(stages.process.pid) : stages.process.pid;
  return stages.command;
};

/** Waits a moment, with a timer that keeps the event loop alive only as far as the child does. */
const moment = (stages: Stages): Promise<void> =>
  new Promise((resolve) => {
    stages.timer = setTimeout(resolve, 1);
    if (!stages.refs) stages.timer.unref();
  });

const drain = async ({ process, murmur, talk }: Stages): Promise<void> => {
  await Promise.all([process.ended, murmur.over]);
  // Every stage holds the socket until it has ended, also one that unshare has left behind.
  while ((await talk.next()) !== null);
};

const setUp = async (stages: Stages): Promise<Result<number, LaunchError>> => {
  const { plan, line, talk, murmur, process } = stages;
  const heard = await converse(plan, talk, {
    locate: () => locate(stages),
    moment: () => moment(stages),
    polls: line.forks,
  });
  if (heard.type === 'running') {
    stages.isRunning = true;
    talk.close();
    return ok(heard.pid);
  }
  talk.hangUp();
  await drain(stages);
  for (const pipe of process.pipes) pipe?.destroy();
  return err(
    heard.type === 'failed' ? heard.error(murmur.text()) : stagesFailed(plan, murmur.text(), await process.ended),
  );
};

const exitStatus = async (stages: Stages, pid: number): Promise<Result<ExitStatus, ExitLost>> => {
  const { process, line, murmur } = stages;
  const { code, signal } = await process.ended;
  // Node.js tells neither the usage nor whether there was a core dump.
  const killed = (name: NodeJS.Signals): ExitStatus => ({
    type: 'killed',
    signal: name,
    coreDumped: false,
    usage: null,
  });
  if (signal !== null) return ok(killed(signal));
  if (line.forks && code === 1) {
    await murmur.over;
    const farewell = signalInFarewell(murmur.text());
    if (farewell === 'lost') return err(exitLost(pid));
    if (farewell !== null) return ok(killed(farewell));
  }
  return ok({ type: 'exited', code: code ?? 0, usage: null });
};

const sendTo = (pid: number, signal: number): Result<void, SignalFailed> => {
  try {
    process.kill(pid, signal);
    return ok(undefined);
  } catch (error) {
    return err(signalFailed(pid, Math.abs((error as NodeJS.ErrnoException).errno ?? ERRNO.ESRCH)));
  }
};

const SIGKILL = signalNumber('SIGKILL');

const kill = (stages: Stages, signal: number): Result<void, SignalFailed> => {
  const { line, process, talk } = stages;
  const target = locate(stages) ?? process.pid;
  if (stages.isOver) return err(signalFailed(target, ERRNO.ESRCH));
  // A stage that unshare is forking just now is not killed with it, but finds that nobody answers.
  if (!stages.isRunning && signal === SIGKILL) talk.hangUp();
  // unshare reaps the command before it ends itself: from then on the pid may be somebody else's.
  if (line.forks && target !== process.pid && parentOf(target) !== process.pid) {
    return err(signalFailed(target, ERRNO.ESRCH));
  }
  return sendTo(target, signal);
};

/** The caller's ends: the command's stderr has waited elsewhere than at fd 2. */
const callersPipes = (plan: SpawnPlan, line: CommandLine, pipes: StageProcess['pipes']): Launched['stdio'] =>
  plan.stdio.map((entry, fd) => {
    const socket = pipes[fd === 2 ? line.stderr : fd];
    if (entry.type !== 'pipe' || socket == null) return null;
    return fd === 0 ? socket : new OutputPipe(socket);
  });

const follow = (plan: SpawnPlan, line: CommandLine, process: StageProcess, talk: Talk, murmur: Murmur): Launched => {
  const stdio = callersPipes(plan, line, process.pipes);
  const stages: Stages = {
    stdio,
    plan,
    line,
    process,
    talk,
    murmur,
    command: null,
    isRunning: false,
    isOver: false,
    refs: true,
    timer: null,
  };
  void process.ended.then(() => {
    stages.isOver = true;
  });
  const started = setUp(stages);
  const exit = started.then((result) =>
    // Without a start there is no end to wait for.
    result.isOk() ? exitStatus(stages, result.value) : new Promise<never>(() => undefined),
  );
  return {
    started: new ResultAsync(started),
    exit: new ResultAsync(exit),
    stdio,
    kill: (signal) => kill(stages, signal),
    setRef: (ref) => {
      stages.refs = ref;
      for (const part of [process, talk, murmur]) part.setRef(ref);
      if (ref) stages.timer?.ref();
      else stages.timer?.unref();
    },
  };
};

/** A child that never was. */
const nothingLaunched = (plan: SpawnPlan, error: Promise<LaunchError>): Launched => ({
  started: new ResultAsync(error.then((reason) => err(reason))),
  exit: new ResultAsync(new Promise<never>(() => undefined)),
  stdio: plan.stdio.map(() => null),
  kill: () => err(signalFailed(0, ERRNO.ESRCH)),
  setRef: () => undefined,
});

/** Starts the stages of a command line and talks them through. */
export const launch = (plan: SpawnPlan, line: CommandLine): Launched => {
  const started = startStages(line);
  const file = line.stages[0]?.[0] ?? '';
  if (started.isErr())
    return nothingLaunched(
      plan,
      started.error.then((errno) => notStarted(plan, file, errno)),
    );
  const { pipes } = started.value;
  const [murmur, socket] = [pipes[2], pipes[line.control]];
  if (murmur == null || socket == null) throw new Error(`Node.js gave no pipe for fd 2 or fd ${line.control}`);
  return follow(plan, line, started.value, talkOn(socket), murmurOn(murmur));
};
