import { closeSync } from 'node:fs';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import type { Launched } from '../../lib/backend.ts';
import { ERRNO } from '../../lib/errno.ts';
import { type LaunchError, type SignalFailed, signalFailed } from '../../lib/errors.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import type { CommandLine } from './command-line.ts';
import { converse } from './conversation.ts';
import { waitForExit } from './exit-status.ts';
import { notStarted, pipesFailed, stagesFailed } from './failure.ts';
import { makePipes, type Pipes } from './pipes.ts';
import { childOf, parentOf } from './proc.ts';
import { type StageProcess, startStages } from './run.ts';
import { type Murmur, murmurOn, type Talk, talkOn } from './talk.ts';
import type { Tools } from './tools.ts';

/** The stages of one spawn while they run, and the command that the last one becomes. */
interface Stages {
  readonly plan: SpawnPlan;
  readonly line: CommandLine;
  readonly process: StageProcess;
  readonly talk: Talk;
  readonly murmur: Murmur;
  readonly pipes: Pipes;
  stdio: Launched['stdio'];
  /** The pid of the command, or of what is about to become it; null while unshare has not forked yet. */
  command: number | null;
  isRunning: boolean;
  /** It was killed before anybody knew that it runs: whether it did for a moment is nobody's business. */
  isAborted: boolean;
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
  const { plan, line, talk, murmur, process, pipes } = stages;
  const heard = await converse(plan, talk, {
    locate: () => locate(stages),
    moment: () => moment(stages),
    polls: line.forks,
  });
  if (heard.type === 'running' && !stages.isAborted) {
    stages.isRunning = true;
    stages.stdio = pipes.open();
    talk.close();
    return ok(heard.pid);
  }
  talk.hangUp();
  await drain(stages);
  const [tools, shell] = [murmur.text(), pipes.close()];
  return err(heard.type === 'failed' ? heard.error(tools, shell) : stagesFailed(plan, tools, await process.ended));
};

const sendTo = (pid: number, signal: number): Result<void, SignalFailed> => {
  try {
    process.kill(pid, signal);
    return ok(undefined);
  } catch (error) {
    return err(signalFailed(pid, Math.abs((error as NodeJS.ErrnoException).errno ?? ERRNO.ESRCH)));
  }
};

const SIGKILL = 9;

const kill = (stages: Stages, signal: number): Result<void, SignalFailed> => {
  const { line, process, talk } = stages;
  const target = locate(stages) ?? process.pid;
  if (stages.isOver) return err(signalFailed(target, ERRNO.ESRCH));
  if (!stages.isRunning && signal === SIGKILL) {
    stages.isAborted = true;
    // A stage that unshare is forking just now is not killed with it, but finds that nobody answers.
    talk.hangUp();
  }
  // unshare reaps the command before it ends itself: from then on the pid may be somebody else's.
  if (line.forks && target !== process.pid && parentOf(target) !== process.pid) {
    return err(signalFailed(target, ERRNO.ESRCH));
  }
  return sendTo(target, signal);
};

const follow = (plan: SpawnPlan, line: CommandLine, process: StageProcess, pipes: Pipes): Launched => {
  const [talk, murmur] = [talkOn(process.control), murmurOn(process.murmur)];
  const stages: Stages = {
    plan,
    line,
    process,
    talk,
    murmur,
    pipes,
    stdio: plan.stdio.map(() => null),
    command: null,
    isRunning: false,
    isAborted: false,
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
    result.isOk() ? waitForExit(line, process, murmur, result.value) : new Promise<never>(() => undefined),
  );
  return {
    started: new ResultAsync(started),
    exit: new ResultAsync(exit),
    get stdio() {
      return stages.stdio;
    },
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
export const launch = (plan: SpawnPlan, line: CommandLine, { mkfifo }: Tools): Result<Launched, LaunchError> =>
  makePipes(plan, mkfifo)
    .mapErr((reason) => pipesFailed(plan, reason))
    .map((pipes) => {
      // The command's stderr waits elsewhere until the tools need theirs no more.
      const placeOf = (fd: number): number => (fd === 2 ? line.stderr : fd);
      const ends = new Map([...pipes.childEnds].map(([fd, end]) => [placeOf(fd), end]));
      const started = startStages(line, ends);
      for (const end of ends.values()) closeSync(end);
      if (started.isOk()) {
        pipes.connect((fd) => started.value.socketAt(placeOf(fd)));
        return follow(plan, line, started.value, pipes);
      }
      pipes.close();
      const file = line.stages[0]?.[0] ?? '';
      return nothingLaunched(
        plan,
        started.error.then((errno) => notStarted(plan, file, errno)),
      );
    });
