import { setTimeout as sleep } from 'node:timers/promises';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { type EnterError, type InvalidOption, invalidOption, type PoolClosed, poolClosed } from '../errors.ts';
import type { NamespaceType } from '../namespace.ts';
import { planSpawn } from '../plan-spawn.ts';
import type { SpawnSpec } from '../spec.ts';
import { Backlog } from './backlog.ts';
import { KeptNamespaces, keepNew } from './kept.ts';

/** What a pool keeps ready. */
export interface PoolSpec
  extends Pick<SpawnSpec, 'hostname' | 'domainname' | 'mapRootUser' | 'mapCurrentUser' | 'backend'>,
    Pick<SpawnSpec, 'network'> {
  /** How many are kept ready, 1 to 1000. */
  readonly size: number;
  /** The types of each; `pid` and `time` end with their first process, and cannot be kept. */
  readonly namespaces: readonly NamespaceType[];
  /** How many are made at a time; 1 when left out, which disturbs the least. */
  readonly concurrency?: number;
  /**
   * How many network namespaces that were discarded may wait for the kernel to free them before no more are made, 1 to
   * 100,000; 256 when left out. The kernel tells nobody: a probe finds out, which takes user namespaces. Without them, and
   * without `net`, only the kernel's own limits hold makers back.
   */
  readonly backlog?: number;
}

/** What may come of taking from a pool. */
export type PoolError = EnterError | PoolClosed;

const LARGEST = 1_000;
const LARGEST_BACKLOG = 100_000;
const BACKLOG = 256;

/** How long a pool goes on trying when the kernel has no room: it frees namespaces in the background. */
const PATIENCE_MS = 10_000;
/** How long after a take the next one is made, unless somebody waits for it. */
const REST_MS = 5;
const FIRST_WAIT_MS = 5;
const LONGEST_WAIT_MS = 500;

/** Errors that pass when the kernel has cleaned up. */
const isPassing = (error: EnterError): boolean =>
  error.type === 'setup-failed' && ['ENOSPC', 'ENOMEM', 'EAGAIN', 'ENOBUFS'].includes(error.errno ?? '');

/** What namespaces out of a pool tell it. */
interface Owner {
  readonly giveBack: (namespaces: PooledNamespaces) => void;
  readonly discarded: () => void;
}

/** Namespaces out of a pool: the taker's, until they are given back or discarded. */
export class PooledNamespaces extends KeptNamespaces {
  /** Whether they have been used before: only who asks for such gets them. */
  readonly used: boolean;
  readonly #pool: Owner;

  /** @internal */
  constructor(kept: Pick<KeptNamespaces, 'handles'>, used: boolean, pool: Owner) {
    super(kept.handles);
    this.used = used;
    this.#pool = pool;
  }

  /** Lets others use them after all that was done in them; only who asks for used ones gets them. */
  giveBack(): void {
    this.#pool.giveBack(this);
  }

  /** Lets go of them for good; the same as `close`. */
  discard(): void {
    this.close();
  }

  override close(): void {
    const [first] = this.handles;
    if (first !== undefined && first.fd >= 0) this.#pool.discarded();
    super.close();
  }
}

interface Waiting {
  readonly resolve: (taken: Result<PooledNamespaces, PoolError>) => void;
}

/** A pool of ready namespaces; see {@link createPool}. */
export class NamespacePool implements Disposable {
  readonly #spec: PoolSpec;
  readonly #ready: KeptNamespaces[] = [];
  readonly #used: KeptNamespaces[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #backlog: Backlog | null;
  readonly #owner: Owner = {
    giveBack: (namespaces) => this.#takeBack(namespaces),
    discarded: () => this.#backlog?.add(),
  };
  #making = 0;
  #closed = false;
  #rest: NodeJS.Timeout | null = null;

  /** @internal */
  constructor(spec: PoolSpec) {
    this.#spec = spec;
    const { namespaces, backlog = BACKLOG, backend } = spec;
    this.#backlog = namespaces.includes('net') ? new Backlog(backlog, backend) : null;
    this.#refill();
  }

  /** How many network namespaces were discarded that the kernel may not have freed yet, as far as the pool has asked. */
  get backlog(): number {
    return this.#backlog?.size ?? 0;
  }

  /** How many are ready to be taken, unused. */
  get ready(): number {
    return this.#ready.length;
  }

  /**
   * Takes namespaces that nobody has used, as soon as there are some.
   *
   * @remarks Another is made in the background for each that is taken. When the kernel has no room for more, because it is
   * still cleaning up those that were discarded, the pool tries again for ten seconds, and takers wait so long; so they do when
   * more than `backlog` of those discarded are not freed.
   * @param options - `used`: those that were given back will do, and are preferred
   * @returns the namespaces, the taker's from now on; or why none can be made, or `pool-closed`
   */
  take({ used = false }: { readonly used?: boolean } = {}): ResultAsync<PooledNamespaces, PoolError> {
    if (this.#closed) return new ResultAsync(Promise.resolve(err(poolClosed())));
    const second = used ? this.#used.pop() : undefined;
    if (second !== undefined) return new ResultAsync(Promise.resolve(ok(this.#handOut(second, true))));
    const first = this.#ready.shift();
    if (first === undefined) {
      const waiting = new Promise<Result<PooledNamespaces, PoolError>>((resolve) => this.#waiting.push({ resolve }));
      this.#refill();
      return new ResultAsync(waiting);
    }
    this.#refillLater();
    return new ResultAsync(Promise.resolve(ok(this.#handOut(first, false))));
  }

  /** Lets go of everything that is ready or was given back; what is taken stays its taker's. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#rest ?? undefined);
    this.#backlog?.[Symbol.dispose]();
    for (const kept of [...this.#ready.splice(0), ...this.#used.splice(0)]) kept.close();
    for (const { resolve } of this.#waiting.splice(0)) resolve(err(poolClosed()));
  }

  /** The same as {@link NamespacePool.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #handOut(kept: KeptNamespaces, used: boolean): PooledNamespaces {
    return new PooledNamespaces(kept, used, this.#owner);
  }

  #takeBack(namespaces: PooledNamespaces): void {
    const isOpen = namespaces.handles.every(({ fd }) => fd >= 0);
    const isThere = this.#used.some(({ handles }) => handles === namespaces.handles);
    if (!isOpen || isThere) return;
    if (this.#closed || this.#used.length >= this.#spec.size) namespaces.close();
    else this.#used.push(new KeptNamespaces(namespaces.handles));
  }

  #refill(): void {
    const { size, concurrency = 1 } = this.#spec;
    while (
      !this.#closed &&
      this.#making < concurrency &&
      this.#ready.length + this.#making < size + this.#waiting.length
    ) {
      this.#making += 1;
      setImmediate(() => this.#make());
    }
  }

  /** Who takes goes first: what is made meanwhile would compete with the command that is to be started. */
  #refillLater(): void {
    if (this.#rest !== null) return;
    this.#rest = setTimeout(() => {
      this.#rest = null;
      this.#refill();
    }, REST_MS);
  }

  async #make(): Promise<void> {
    const made = await this.#tryToMake();
    this.#making -= 1;
    if (made.isErr()) {
      // Whoever waits hears of it; without anybody the next one to take tries again.
      for (const { resolve } of this.#waiting.splice(0)) resolve(err(made.error));
      return;
    }
    const kept = new KeptNamespaces(made.value);
    const next = this.#waiting.shift();
    if (next !== undefined) next.resolve(ok(this.#handOut(kept, false)));
    else if (this.#closed) kept.close();
    else this.#ready.push(kept);
    this.#refill();
  }

  async #tryToMake(): ReturnType<typeof keepNew> extends PromiseLike<infer R> ? Promise<R> : never {
    const { size: _, concurrency: __, backlog: ___, ...spec } = this.#spec;
    const deadline = Date.now() + PATIENCE_MS;
    await this.#backlog?.room(deadline);
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
      const made = await keepNew(spec);
      if (made.isOk() || !isPassing(made.error) || this.#closed || Date.now() >= deadline) return made;
      await sleep(wait);
    }
  }
}

const checkPool = (spec: PoolSpec): Result<void, InvalidOption> => {
  if (typeof spec !== 'object' || spec === null) return err(invalidOption('spec', spec, 'an object'));
  const { size, concurrency = 1, backlog = BACKLOG, ...rest } = spec;
  if (!Number.isInteger(backlog) || backlog < 1 || backlog > LARGEST_BACKLOG) {
    return err(invalidOption('backlog', backlog, `a whole number from 1 to ${LARGEST_BACKLOG}`));
  }
  for (const [option, value] of Object.entries({ size, concurrency })) {
    if (!Number.isInteger(value) || value < 1 || value > LARGEST) {
      return err(invalidOption(option, value, `a whole number from 1 to ${LARGEST}`));
    }
  }
  return planSpawn('keeper', [], rest).andThen(({ namespaces }) => {
    const first = namespaces.find((type) => type === 'pid' || type === 'time');
    if (first !== undefined) return err(invalidOption('namespaces', first, 'types that live on without a process'));
    return namespaces.length === 0 ? err(invalidOption('namespaces', namespaces, 'at least one type')) : ok(undefined);
  });
};

/**
 * Keeps namespaces ready for who starts many commands: entering takes a fraction of the time that making them takes.
 *
 * @remarks They are made in the background, one at a time, each by a process that ends as soon as they are held by open
 * files: a ready one costs a file descriptor for each type, and no process. What was taken is never handed out again, unless
 * it was given back and somebody asks for a used one.
 * @param spec - how many, of which types, and what they are to be given
 * @returns the pool, to be closed; or `invalid-option`
 * @example
 * ```ts
 * const pool = createPool({ size: 2, namespaces: ['user', 'net'], mapRootUser: true, network: { loopback: true } });
 * if (pool.isOk()) {
 *   const taken = await pool.value.take();
 *   if (taken.isOk()) {
 *     const ran = await taken.value.run('cat', ['/sys/class/net/lo/flags']);
 *     console.log(ran.isOk() ? `${ran.value.stdout}`.trim() : ran.error.message); // 0x9
 *     taken.value.discard();
 *   }
 *   pool.value.close();
 * }
 * ```
 */
export const createPool = (spec: PoolSpec): Result<NamespacePool, InvalidOption> =>
  checkPool(spec).map(() => new NamespacePool(spec));
