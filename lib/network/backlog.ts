import { setTimeout as sleep } from 'node:timers/promises';
import { err, ok, type Result } from 'neverthrow';
import { enter } from '../enter.ts';
import type { NamespaceHandle } from '../namespace-handle.ts';
import type { BackendChoice } from '../spec.ts';
import { keepNew } from './kept.ts';

/** Lets one network namespace exist below a user namespace at a time. */
const ONLY_ONE = 'echo 1 >/proc/sys/user/max_net_namespaces';
const FIRST_WAIT_MS = 2;
const LONGEST_WAIT_MS = 100;

/**
 * How many discarded network namespaces the kernel has not freed yet, at most: it does that in the background, one batch
 * after the other, and tells nobody.
 *
 * A canary tells: a network namespace below a user namespace that may have one. Another can be made as soon as the one
 * before has been freed, and with it everything that was discarded before that one was.
 */
export class Backlog implements Disposable {
  readonly #most: number;
  readonly #backend: BackendChoice | undefined;
  /** What was discarded since the canary that lives, or waits to be freed, was let go of; and what before. */
  #younger = 0;
  #older = 0;
  #cage: readonly NamespaceHandle[] = [];
  /** There are no user namespaces for us, or no limits of them: then nothing is held back. */
  #isBlind = false;
  #isClosed = false;

  constructor(most: number, backend: BackendChoice | undefined) {
    this.#most = most;
    this.#backend = backend;
  }

  /** How many may be waiting to be freed. */
  get size(): number {
    return this.#older + this.#younger;
  }

  /** One more was discarded. */
  add(): void {
    this.#younger += 1;
  }

  /** Waits until there is room for more, or until it is too late. */
  async room(deadline: number): Promise<void> {
    for (
      let wait = FIRST_WAIT_MS;
      this.size >= this.#most && !this.#isBlind;
      wait = Math.min(2 * wait, LONGEST_WAIT_MS)
    ) {
      const freed = await this.#ask();
      if (this.#isClosed || Date.now() >= deadline) return;
      if (freed.isErr()) this.#isBlind = true;
      else if (freed.value) [this.#older, this.#younger] = [this.#younger, 0];
      else await sleep(wait);
    }
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    for (const handle of this.#cage) handle.close();
    this.#cage = [];
  }

  /** Whether the canary has been freed; there is another one then. */
  async #ask(): Promise<Result<boolean, unknown>> {
    const caged = await this.#openCage();
    if (caged.isErr() || this.#isClosed) return caged.map(() => false);
    const child = await enter(this.#cage, 'true', [], {
      namespaces: ['net'],
      stdio: 'ignore',
      ...(this.#backend === undefined ? {} : { backend: this.#backend }),
    });
    if (child.isOk()) return child.value.exit.map(() => true);
    const { error } = child;
    return error.type === 'setup-failed' && error.errno === 'ENOSPC' ? ok(false) : err(error);
  }

  async #openCage(): Promise<Result<void, unknown>> {
    if (this.#cage.length > 0) return ok(undefined);
    const backend = this.#backend === undefined ? {} : { backend: this.#backend };
    const made = await keepNew({ namespaces: ['user'], mapRootUser: true, ...backend });
    if (made.isErr()) return err(made.error);
    this.#cage = made.value;
    const limited = await enter(this.#cage, 'sh', ['-c', ONLY_ONE], { stdio: 'ignore', ...backend }).andThen(
      ({ exit }) => exit,
    );
    if (this.#isClosed) this[Symbol.dispose]();
    if (limited.isErr()) return err(limited.error);
    return limited.value.type === 'exited' && limited.value.code === 0 ? ok(undefined) : err(limited.value);
  }
}
