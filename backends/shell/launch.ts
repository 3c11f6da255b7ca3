import { closeSync } from 'node:fs';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import type { Launched } from '../../lib/backend.ts';
import { ERRNO } from '../../lib/errno.ts';
import { type LaunchError, type SignalFailed, signalFailed } from '../../lib/errors.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import type { CommandLine } from './command-line.ts';
import { converse } from './conversation.ts';
import { waitForExit } from './exit-status.ts';
import { notStarted, stagesFailed, stagesKilled } from './failure.ts';
import { fetchPipes } from './pipe-source.ts';
import { type Pipes, socketPipes, wantsHolders } from './pipes.ts';
import { childOf, parentOf } from './proc.ts';
import { type StageProcess, startStages } from './run.ts';
import { type Murmur, murmurOn, type Talk, talkOn } from './talk.ts';

/** The stages of a spawn, once the first of them has been started. */
interface Stages {
  readonly process: StageProcess;
  readonly talk: Talk;
  readonly murmur: Murmur;
  readonly pipes: Pipes;
}

const SIGKILL = 9;

const sendTo = (pid: number, signal: number): Result<void, SignalFailed> => {
  try {
    process.kill(pid, signal);
    return ok(undefined);
  } catch (error) {
    return err(signalFailed(pid, Math.abs((error as NodeJS.ErrnoException).errno ?? ERRNO.ESRCH)));
  }
};

/** Waits until nothing is left of stages that did not become a command. */
const drain = async ({ process, murmur, talk }: Stages): Promise<void> => {
  talk.hangUp();
  await Promise.all([process.ended, murmur.over]);
  // Every stage holds the socket until it has ended, also one that unshare has left behind.
  while ((await talk.next()) !== null);
};

/** One spawn: what it is at, and what its caller has asked of it meanwhile. */
class Spawned implements Launched {
  readonly started: Launched['started'];
  readonly exit: Launched['exit'];
  stdio: Launched['stdio'];
  readonly #plan: SpawnPlan;
  readonly #line: CommandLine;
  #stages: Stages | null = null;
  /** The pid of the command, or of what is about to become it; null while unshare has not forked yet. */
  #command: number | null = null;
  #isRunning = false;
  #isOver = false;
  /** It was killed before anybody knew that it runs: whether it did for a moment is nobody's business. */
  #isKilled = false;
  #refs = true;
  #timer: NodeJS.Timeout | null = null;
  /** What keeps the event loop alive at this moment, and how it is given up. */
  #now: { readonly setRef: (ref: boolean) => void; readonly stop: () => void };

  constructor(plan: SpawnPlan, line: CommandLine) {
    this.#plan = plan;
    this.#line = line;
    this.#now = { setRef: () => undefined, stop: () => undefined };
    this.stdio = plan.stdio.map(() => null);
    const started = this.#setUp();
    this.started = new ResultAsync(started);
    this.exit = new ResultAsync(
      started.then((result) =>
        // Without a start there is no end to wait for.
        result.isOk() && this.#stages !== null
          ? waitForExit(line, this.#stages.process, this.#stages.murmur, result.value)
          : new Promise<never>(() => undefined),
      ),
    );
  }

  readonly setRef = (ref: boolean): void => {
    this.#refs = ref;
    this.#now.setRef(ref);
  };

  readonly kill = (signal: number): Result<void, SignalFailed> => {
    const outer = this.#stages?.process.pid ?? 0;
    const target = this.#locate() ?? outer;
    if (this.#isOver) return err(signalFailed(target, ERRNO.ESRCH));
    if (!this.#isRunning && (signal === SIGKILL || this.#stages === null)) {
      this.#isKilled = true;
      // A stage that unshare is forking just now is not killed with it, but finds that nobody answers.
      this.#now.stop();
    }
    if (this.#stages === null) return ok(undefined);
    // unshare reaps the command before it ends itself: from then on the pid may be somebody else's.
    const isGone = this.#line.forks && target !== outer && parentOf(target) !== outer;
    return isGone ? err(signalFailed(target, ERRNO.ESRCH)) : sendTo(target, signal);
  };

  /** Looks for the process that becomes the command, which exists for certain when it has spoken. */
  #locate(): number | null {
    const outer = this.#stages?.process.pid ?? null;
    if (outer !== null) this.#command ??= this.#line.forks ? childOf(outer) : outer;
    return this.#command;
  }

  /** Waits a moment, with a timer that keeps the event loop alive only as far as the child does. */
  #moment(): Promise<void> {
    return new Promise((resolve) => {
      this.#timer = setTimeout(resolve, 1);
      if (!this.#refs) this.#timer.unref();
    });
  }

  async #setUp(): Promise<Result<number, LaunchError>> {
    let pipes: Pipes;
    // Without pipes to wait for, the first stage is there when the caller goes on.
    if (wantsHolders(this.#plan)) {
      const coming = fetchPipes(this.#plan, this.#line.shell);
      this.#now = coming;
      const fetched = await coming.pipes;
      if (fetched.isErr()) return err(fetched.error);
      pipes = fetched.value;
    } else {
      pipes = socketPipes(this.#plan);
    }
    const started = this.#start(pipes);
    if (started.isErr()) return err(await started.error);
    return this.#follow(started.value);
  }

  #start(pipes: Pipes): Result<Stages, LaunchError | Promise<LaunchError>> {
    // The command's stderr waits elsewhere until the tools need theirs no more.
    const placeOf = (fd: number): number => (fd === 2 ? this.#line.stderr : fd);
    const ends = new Map([...pipes.childEnds].map(([fd, end]) => [placeOf(fd), end]));
    const started = this.#isKilled
      ? err(stagesKilled(this.#plan))
      : startStages(this.#line, ends).mapErr((errno) =>
          errno.then((code) => notStarted(this.#plan, this.#line.stages[0]?.[0] ?? '', code)),
        );
    for (const end of ends.values()) closeSync(end);
    if (started.isErr()) {
      pipes.close();
      return err(started.error);
    }
    const process = started.value;
    pipes.connect((fd) => process.socketAt(placeOf(fd)));
    return ok({ process, talk: talkOn(process.control), murmur: murmurOn(process.murmur), pipes });
  }

  async #follow(stages: Stages): Promise<Result<number, LaunchError>> {
    const { process, talk, murmur, pipes } = stages;
    this.#stages = stages;
    this.#now = {
      setRef: (ref) => {
        for (const part of [process, talk, murmur]) part.setRef(ref);
        if (ref) this.#timer?.ref();
        else this.#timer?.unref();
      },
      stop: talk.hangUp,
    };
    this.#now.setRef(this.#refs);
    void process.ended.then(() => {
      this.#isOver = true;
    });
    const heard = await converse(this.#plan, talk, {
      locate: () => this.#locate(),
      moment: () => this.#moment(),
      polls: this.#line.forks,
    });
    if (heard.type === 'running' && !this.#isKilled) {
      this.#isRunning = true;
      this.stdio = pipes.open();
      talk.close();
      return ok(heard.pid);
    }
    await drain(stages);
    const [tools, shell] = [murmur.text(), pipes.close()];
    return err(
      heard.type === 'failed' ? heard.error(tools, shell) : stagesFailed(this.#plan, tools, await process.ended),
    );
  }
}

/** Starts the stages of a command line and talks them through. */
export const launch = (plan: SpawnPlan, line: CommandLine): Launched => new Spawned(plan, line);
