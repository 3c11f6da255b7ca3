import type { Readable } from 'node:stream';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import type { Backend, NetworkWatchRun } from '../backend.ts';
import { aborted, invalidOption, unsupported, type WatchEnded, watchEnded } from '../errors.ts';
import type { NetworkEvent, NetworkNews } from '../network-news.ts';
import type { NetworkState } from '../network-state.ts';
import { openBackend } from '../open.ts';
import type { BackendChoice } from '../spec.ts';
import { ask, type NetworkTarget, openQuestion, type Question, type ReadNetworkError } from './question.ts';
import { NetworkTracker } from './tracker.ts';

/** What a watcher hands out. */
export type WatchEvent =
  | NetworkEvent
  /** It cannot go on; nothing comes after this. */
  | { readonly type: 'failed'; readonly error: ReadNetworkError | WatchEnded };

/** How a network is watched. */
export interface WatchSpec {
  /** Closes the watcher when aborted. */
  readonly signal?: AbortSignal;
  readonly backend?: BackendChoice;
}

interface WatchParts {
  readonly backend: Backend;
  readonly run: NetworkWatchRun;
  readonly question: Question;
  readonly state: NetworkState;
  readonly signal: AbortSignal | undefined;
}

const SIGKILL = 9;

type Refable = Readable & { ref?: () => void; unref?: () => void };

/**
 * What changes in a network, one event after the other; see {@link watchNetwork}.
 *
 * @remarks There is one sequence of events, for one reader. What nobody takes waits in the kernel, which keeps some hundred
 * changes; `overrun` tells that there were more.
 */
export class NetworkWatcher implements AsyncIterable<WatchEvent>, Disposable {
  readonly #parts: WatchParts;
  readonly #tracker: NetworkTracker;
  readonly #events: AsyncGenerator<WatchEvent, void, void>;
  readonly #onAbort = (): void => this.close();
  #isOpen = true;

  /** @internal */
  constructor(parts: WatchParts) {
    this.#parts = parts;
    this.#tracker = new NetworkTracker(parts.state);
    this.#events = this.#run();
    parts.signal?.addEventListener('abort', this.#onAbort, { once: true });
    // Nobody may be reading when it ends.
    this.#out.on('error', () => this.#out.destroy());
  }

  /** How the network is, after the last event that was taken. */
  get state(): NetworkState {
    return this.#tracker.state;
  }

  /** The events; they end when the watcher is closed, which leaving a `for await` does, too. */
  [Symbol.asyncIterator](): AsyncGenerator<WatchEvent, void, void> {
    return this.#events;
  }

  /** Keeps the event loop alive as long as it is open; the default. */
  ref(): this {
    this.#parts.run.launched.setRef(true);
    this.#out.ref?.();
    return this;
  }

  /** Lets the event loop end while it is open. */
  unref(): this {
    this.#parts.run.launched.setRef(false);
    this.#out.unref?.();
    return this;
  }

  /** Watches no longer, and ends the process that did. May be called more than once. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const { run, question, signal } = this.#parts;
    signal?.removeEventListener('abort', this.#onAbort);
    // That it has ended meanwhile is no error.
    run.launched.kill(SIGKILL).unwrapOr(undefined);
    for (const stream of run.launched.stdio) stream?.destroy();
    question.close();
  }

  /** The same as {@link NetworkWatcher.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  get #out(): Refable {
    return this.#parts.run.launched.stdio[1] as Refable;
  }

  async *#run(): AsyncGenerator<WatchEvent, void, void> {
    try {
      yield* this.#listen();
    } finally {
      this.close();
    }
  }

  async *#listen(): AsyncGenerator<WatchEvent, void, void> {
    const chunks = this.#out.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>;
    while (this.#isOpen) {
      // A stream that was destroyed is at its end.
      const chunk = await chunks.next().catch(() => ({ done: true as const, value: undefined }));
      if (!this.#isOpen) return;
      const news = chunk.done === true ? null : this.#parts.run.decode(chunk.value);
      if (news === null) {
        const reason = chunk.done === true ? 'the process that did it ended' : 'what it told cannot be read';
        yield { type: 'failed', error: watchEnded(reason) };
        return;
      }
      yield* this.#tell(news);
    }
  }

  /** What comes while the network is read waits in the pipe: it may be older than what was read, which does no harm. */
  async *#tell(news: readonly NetworkNews[]): AsyncGenerator<WatchEvent, void, void> {
    let [overrun, changed] = [false, false];
    for (const one of news) {
      if (one.type === 'overrun') overrun = true;
      else if (one.type === 'changed') changed = true;
      else yield* this.#tracker.tell(one);
      if (!this.#isOpen) return;
    }
    if (!overrun && !changed && !this.#tracker.isStale) return;
    const state = await ask(this.#parts.backend, this.#parts.question);
    if (!this.#isOpen) return;
    if (state.isErr()) {
      yield { type: 'failed', error: state.error };
      this.close();
      return;
    }
    const events = overrun || changed ? this.#tracker.read(state.value) : this.#tracker.dropRoutes(state.value);
    if (overrun) yield { type: 'overrun', state: state.value };
    else yield* events;
  }
}

const open = async (
  target: NetworkTarget | undefined,
  { signal, backend: choice }: WatchSpec,
): Promise<Result<NetworkWatcher, ReadNetworkError>> => {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    return err(invalidOption('signal', signal, 'an AbortSignal'));
  }
  const opened = openBackend(choice);
  if (opened.isErr()) return err(opened.error);
  const { backend } = opened.value;
  if (backend.watchNetwork === undefined) {
    return err(unsupported(backend.name, 'watching a network', 'a backend that can do it'));
  }
  if (signal?.aborted === true) return err(aborted(signal.reason, null));
  const question = openQuestion(target, backend);
  if (question.isErr()) return err(question.error);
  const fail = (error: ReadNetworkError): Result<never, ReadNetworkError> => {
    question.value.close();
    return err(error);
  };
  const plan = {
    ...question.value.plan,
    stdio: [{ type: 'pipe' }, { type: 'pipe' }, { type: 'ignore' }] as const,
    // The keys of a terminal are not for it.
    detached: true,
  };
  const run = backend.watchNetwork(plan);
  if (run.isErr()) return fail(run.error);
  const { launched } = run.value;
  const started = await launched.started;
  if (started.isErr()) return fail(started.error);
  const state = await ask(backend, question.value);
  const stop = signal?.aborted as boolean | undefined;
  if (state.isOk() && stop !== true) {
    return ok(new NetworkWatcher({ backend, run: run.value, question: question.value, state: state.value, signal }));
  }
  launched.kill(SIGKILL).unwrapOr(undefined);
  for (const stream of launched.stdio) stream?.destroy();
  return fail(state.isErr() ? state.error : aborted(signal?.reason, null));
};

/**
 * Watches the interfaces, addresses and routes of a network namespace.
 *
 * @remarks A process of a few pages enters the target and listens there (rtnetlink multicast) until the watcher is closed, or
 * this process ends; the calling thread stays where it is. It keeps the namespace alive, as a handle does. Takes what `enter`
 * takes, and nothing for the caller's own network. IPv4 routes that the kernel takes away with their interface or address,
 * of which it tells nobody, are found by reading anew. The shell backend hears by ip-monitor(8) that something changed, and
 * reads what: of what came and went at once it tells nothing.
 * @param target - a process, handles with a `net` among them, or kept namespaces; the calling thread's own when left out
 * @param spec - `signal` closes it
 * @returns the watcher, which hears of everything that changes from now on, to be closed; or what `readNetwork` says
 * @example
 * ```ts
 * // Needs ip.
 * const result = await withNetwork(async (net) => {
 *   const watcher = await watchNetwork(net);
 *   if (watcher.isErr()) return watcher.error.message;
 *   const down = await net.run('ip', ['link', 'set', 'lo', 'down']);
 *   if (down.isErr()) return down.error.message;
 *   for await (const event of watcher.value) {
 *     if (event.type === 'link-changed') return `${event.link.name} is ${event.link.state}`;
 *     if (event.type === 'failed') return event.error.message;
 *   }
 *   return 'closed';
 * });
 * console.log(result.isOk() ? result.value : result.error.message); // lo is down
 * ```
 * @see rtnetlink(7), ip-monitor(8)
 */
export const watchNetwork = (
  target?: NetworkTarget,
  spec: WatchSpec = {},
): ResultAsync<NetworkWatcher, ReadNetworkError> => {
  if (typeof spec !== 'object' || spec === null) {
    return new ResultAsync(Promise.resolve(err(invalidOption('spec', spec, 'an object'))));
  }
  return new ResultAsync(open(target, spec));
};
