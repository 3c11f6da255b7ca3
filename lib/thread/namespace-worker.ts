import {
  MessageChannel,
  type MessagePort,
  type TransferListItem,
  Worker,
  type WorkerOptions,
} from 'node:worker_threads';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import type { Child } from '../child.ts';
import { enter } from '../enter.ts';
import type { EnterSpec } from '../enter-spec.ts';
import {
  type EnterError,
  type InvalidOption,
  invalidOption,
  type ProcessGone,
  processGone,
  type Unsupported,
} from '../errors.ts';
import type { NamespaceType } from '../namespace.ts';
import type { NamespaceHandle } from '../namespace-handle.ts';
import type { NamespaceIds } from '../namespace-ids.ts';
import { openNamespace } from '../open-namespace.ts';
import type { ThreadPlan } from '../plan.ts';
import { planThread, type ThreadSpec } from '../plan-thread.ts';
import { type Errand, errand, type Moved } from './errand.ts';
import type { Loudness } from './loud.ts';
import type { ThreadError } from './move.ts';

/** What {@link NamespaceWorker} takes: a Worker's options, and what its thread is to be given. */
export interface NamespaceWorkerOptions extends Omit<WorkerOptions, 'eval'>, ThreadSpec {
  /** A Worker evaluates text before anything can be preloaded: refused. Use a `data:` URL. */
  readonly eval?: false;
  /** `ffi`, which alone can do this, or `auto`, when left out. */
  readonly backend?: 'auto' | 'ffi' | 'shell';
  /**
   * What `dns.lookup` of a name does with a new `net`, in which getaddrinfo(3) would ask from the old one: `fail` (when left
   * out) with the code ERR_OUTSIDE_NAMESPACES, `warn`, or `allow`. Addresses and `localhost` always work.
   */
  readonly dns?: Loudness;
  /** What asynchronous fs by path does with a new `mnt`, where it would see the old mounts: `fail`, `warn` or `allow`. */
  readonly fs?: Loudness;
}

/** Why a worker's thread did not move; `process-gone` when it ended before it was asked to. */
export type NamespaceWorkerError = ThreadError | ProcessGone;

const LOUDNESS: readonly unknown[] = ['fail', 'warn', 'allow', undefined];
const BACKENDS: readonly unknown[] = ['auto', 'ffi', 'shell', undefined];

const PRELOAD = new URL('./preload.js', import.meta.url).href;

/** Everything that a thread has to be told, checked. */
const planWorker = (
  options: NamespaceWorkerOptions,
): Result<Omit<Errand, 'mark' | 'port'>, InvalidOption | Unsupported> => {
  if (typeof options !== 'object' || options === null) return err(invalidOption('options', options, 'an object'));
  const { dns, fs, backend } = options;
  for (const [option, value] of Object.entries({ dns, fs })) {
    if (!LOUDNESS.includes(value)) return err(invalidOption(option, value, '"fail", "warn" or "allow"'));
  }
  // Such code runs before what is preloaded, in the namespaces of the process.
  if ((options.eval as unknown) === true)
    return err(invalidOption('eval', true, 'a module: a path, or a URL, which may be "data:"'));
  if (!BACKENDS.includes(backend)) return err(invalidOption('backend', backend, '"auto", "ffi" or "shell"'));
  return planThread(options).map((plan) => ({
    plan,
    backend: backend ?? 'auto',
    dns: dns ?? 'fail',
    fs: fs ?? 'fail',
    data: options.workerData,
  }));
};

/** Worker's own options, with ours where its thread finds them. */
const workerOptions = (options: NamespaceWorkerOptions, sent: Errand, execArgv: readonly string[]): WorkerOptions => {
  const { namespaces, hostname, domainname, propagation, network, backend, dns, fs, ...rest } = options;
  return {
    ...rest,
    workerData: sent,
    transferList: [...((rest.transferList ?? []) as TransferListItem[]), sent.port],
    execArgv: [...execArgv, '--import', PRELOAD],
  };
};

const isInvalidExecArgv = (error: unknown): boolean =>
  (error as NodeJS.ErrnoException | undefined)?.code === 'ERR_WORKER_INVALID_EXEC_ARGV';

const listen = (
  worker: Worker,
  port: MessagePort,
): Promise<Result<{ threadId: number; namespaces: NamespaceIds }, NamespaceWorkerError>> =>
  new Promise((resolve) => {
    port.on('message', (moved: Moved) => {
      port.close();
      resolve('error' in moved ? err(moved.error) : ok(moved));
    });
    // What it sent before it ended has come by then.
    worker.once('exit', () => {
      port.close();
      resolve(err(processGone(process.pid)));
    });
    // Whoever waits for the worker waits for it, not for this port.
    port.unref();
  });

/**
 * A Worker of node:worker_threads whose thread moves into new namespaces before its module is loaded.
 *
 * @remarks In it `net`, `http`, `dgram`, `tls`, child processes and synchronous fs are those of its namespaces. What runs on
 * libuv's pool does not follow: asynchronous fs, `dns.lookup`, and the loader of ES modules; see docs/workers.md. Takes
 * CAP_SYS_ADMIN, and the ffi backend. The namespaces end with the thread.
 * @example
 * ```ts
 * // Needs root, and the ffi backend.
 * const module = `import { hostname } from 'node:os';
 *   import { parentPort } from 'node:worker_threads';
 *   parentPort.postMessage(hostname());`;
 * const worker = new NamespaceWorker(new URL(`data:text/javascript,${encodeURIComponent(module)}`), {
 *   namespaces: ['net', 'uts'],
 *   network: { loopback: true },
 *   hostname: 'inside',
 * });
 * worker.on('message', (name) => console.log(name)); // inside
 * worker.on('error', (error) => console.error(error.message));
 * ```
 * @see unshare(2)
 */
export class NamespaceWorker extends Worker {
  /**
   * The namespaces that the thread is in, once it has moved and before its module is loaded; or why it has not. Then the
   * worker emits `error`, too, and ends.
   */
  declare readonly moved: ResultAsync<NamespaceIds, NamespaceWorkerError>;
  declare readonly plan: ThreadPlan;
  declare private readonly whereabouts: ReturnType<typeof listen>;

  /**
   * @param filename - as for Worker
   * @param options - as for Worker, and what its thread is to be given
   * @throws TypeError for options that cannot be meant, as Worker does; {@link NamespaceWorker.create} returns them instead
   */
  // biome-ignore lint/correctness/noUnreachableSuper: a super() that threw has made nothing, and may be tried again
  constructor(filename: string | URL, options: NamespaceWorkerOptions) {
    const planned = planWorker(options);
    if (planned.isErr()) throw new TypeError(planned.error.message, { cause: planned.error });
    const { port1, port2 } = new MessageChannel();
    const sent = errand({ ...planned.value, port: port2 });
    try {
      super(filename, workerOptions(options, sent, options.execArgv ?? process.execArgv));
    } catch (error) {
      if (options.execArgv !== undefined || !isInvalidExecArgv(error)) throw error;
      // Options of the whole process are in force in every thread, and no Worker may be given them.
      super(filename, workerOptions(options, sent, []));
    }
    const whereabouts = listen(this, port1);
    Object.assign(this, {
      plan: planned.value.plan,
      whereabouts,
      moved: new ResultAsync(whereabouts.then((moved) => moved.map(({ namespaces }) => namespaces))),
    });
  }

  /**
   * The constructor, for who wants its errors as values.
   *
   * @returns the worker, or `invalid-option`, `unsupported`
   */
  static create(
    filename: string | URL,
    options: NamespaceWorkerOptions,
  ): Result<NamespaceWorker, InvalidOption | Unsupported> {
    return planWorker(options).map(() => new NamespaceWorker(filename, options));
  }

  /**
   * Opens a namespace of the thread, which lives on as long as the handle.
   *
   * @returns a handle to be closed; or why the thread did not move, or `process-gone` when it has ended
   */
  namespace(type: NamespaceType): ResultAsync<NamespaceHandle, NamespaceWorkerError | EnterError> {
    const open = async (): Promise<Result<NamespaceHandle, NamespaceWorkerError | EnterError>> => {
      const moved = await this.whereabouts;
      if (moved.isErr()) return err(moved.error);
      const { threadId, namespaces } = moved.value;
      return openNamespace({ path: `/proc/self/task/${threadId}/ns/${type}` })
        .mapErr((error): EnterError => (error.type === 'namespace-unavailable' ? processGone(threadId) : error))
        .andThen((handle) => {
          if (handle.inode === namespaces[type]) return ok(handle);
          // Another thread has its number by now.
          handle.close();
          return err(processGone(threadId));
        });
    };
    return new ResultAsync(open());
  }

  /**
   * Starts a command in the namespaces of the thread.
   *
   * @returns what `enter` returns; or why the thread did not move
   */
  enter(
    command: string,
    args: readonly string[] = [],
    spec: EnterSpec = {},
  ): ResultAsync<Child, NamespaceWorkerError | EnterError> {
    const opened: NamespaceHandle[] = [];
    const start = async (): Promise<Result<Child, NamespaceWorkerError | EnterError>> => {
      for (const type of this.plan.namespaces) {
        const handle = await this.namespace(type);
        if (handle.isErr()) return err(handle.error);
        opened.push(handle.value);
      }
      return enter(opened, command, args, spec);
    };
    const close = <T>(outcome: T): T => {
      for (const handle of opened) handle.close();
      return outcome;
    };
    return new ResultAsync(start().then(close));
  }
}
