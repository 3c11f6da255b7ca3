import { PassThrough, type Readable, type Writable } from 'node:stream';
import { err, ok, ResultAsync } from 'neverthrow';
import type { Backend, Launched } from '../../lib/backend.ts';
import { ERRNO } from '../../lib/errno.ts';
import { type ExitLost, exitLost, type LaunchError, signalFailed, unsupported } from '../../lib/errors.ts';
import { type ExitStatus, exitStatus } from '../../lib/exit.ts';
import type { SpawnPlan } from '../../lib/plan.ts';

/** One child of a {@link FakeBackend}: it does what the test says, and remembers what it was asked. */
export interface FakeChild {
  readonly plan: SpawnPlan;
  readonly signals: number[];
  readonly refs: boolean[];
  readonly stdio: readonly (Readable | Writable | null)[];
  /** Lets the execve succeed. */
  readonly start: () => void;
  /** Lets the set-up fail. */
  readonly fail: (error: LaunchError) => void;
  /** Lets it end with a wait status. */
  readonly end: (status: number) => void;
  /** Lets somebody else have waited for it. */
  readonly lose: () => void;
}

/** What a fake does by itself. */
export interface FakeOptions {
  /** Starts at once; so it is when left out. */
  readonly startsAtOnce?: boolean;
  /** Dies of any signal, as a command without handlers does; so it is when left out. */
  readonly diesOfSignals?: boolean;
  /** Refuses to launch. */
  readonly refuses?: LaunchError;
}

const PID = 4711;

/** A backend that creates nothing and counts what it was asked for. */
export class FakeBackend implements Backend {
  readonly name = 'fake';
  readonly children: FakeChild[] = [];
  explained = 0;
  readonly #options: FakeOptions;

  constructor(options: FakeOptions = {}) {
    this.#options = options;
  }

  /** The first child. */
  get child(): FakeChild {
    const [child] = this.children;
    if (child === undefined) throw new Error('Nothing was launched');
    return child;
  }

  readonly available = () => ok('it is a fake');

  readonly explain = () => {
    this.explained += 1;
    return ok('nothing');
  };

  readonly measure = () => err(unsupported('fake', 'measuring', 'a real backend'));

  readonly launch = (plan: SpawnPlan) => {
    const { startsAtOnce = true, diesOfSignals = true, refuses } = this.#options;
    if (refuses !== undefined) return err(refuses);
    const stdio = plan.stdio.map(({ type }) => (type === 'pipe' ? new PassThrough() : null));
    const signals: number[] = [];
    const refs: boolean[] = [];
    let ended = false;
    let [settleStart, failStart] = [(_: number): void => undefined, (_: LaunchError): void => undefined];
    let [settleExit, failExit] = [(_: ExitStatus): void => undefined, (_: ExitLost): void => undefined];
    const started = new Promise<number>((resolve, reject) => {
      [settleStart, failStart] = [resolve, reject];
    });
    const exit = new Promise<ExitStatus>((resolve, reject) => {
      [settleExit, failExit] = [resolve, reject];
    });
    const finish = (): void => {
      ended = true;
      // The first is ours to write, all others end with the child.
      for (const stream of stdio.slice(1)) stream?.end();
    };
    const child: FakeChild = {
      plan,
      signals,
      refs,
      stdio,
      start: () => settleStart(PID),
      fail: (error) => {
        finish();
        failStart(error);
      },
      end: (status) => {
        finish();
        settleExit(exitStatus(status, null));
      },
      lose: () => {
        finish();
        failExit(exitLost(PID));
      },
    };
    this.children.push(child);
    const launched: Launched = {
      started: ResultAsync.fromPromise(started, (error) => error as LaunchError),
      exit: ResultAsync.fromPromise(exit, (error) => error as ExitLost),
      stdio,
      kill: (signal) => {
        signals.push(signal);
        if (ended) return err(signalFailed(PID, ERRNO.ESRCH));
        if (diesOfSignals) {
          child.start();
          child.end(signal);
        }
        return ok(undefined);
      },
      setRef: (ref) => refs.push(ref),
    };
    if (startsAtOnce) child.start();
    return ok(launched);
  };
}
