import { isMainThread } from 'node:worker_threads';
import { type ExitStatus, exitStatus, type ResourceUsage } from '../../lib/exit.ts';
import { RUSAGE, WAIT } from './abi/constants.ts';
import type { Host } from './host.ts';
import { num, shown, words } from './program/argument.ts';
import type { ProgramBuilder } from './program/builder.ts';

/** A child that is waited for. */
interface Waiting {
  readonly pid: number;
  readonly pidfd: number;
  /** null: somebody else has taken its status. */
  readonly onEnd: (status: ExitStatus | null) => void;
  keepsAlive: boolean;
}

/** What {@link Reaper.watch} gives back. */
export interface Watched {
  readonly setRef: (ref: boolean) => void;
}

/** How often a worker thread, to which no signal comes, looks for children that have ended. */
const POLL_MS = 4;
const FOREVER_MS = 0x7fffffff;

/** Reads a struct rusage. */
export const readUsage = (program: ProgramBuilder, address: number): ResourceUsage => {
  const field = (offset: number): number => program.read64(address + offset);
  return {
    userUs: field(RUSAGE.userSeconds) * 1_000_000 + field(RUSAGE.userMicros),
    systemUs: field(RUSAGE.systemSeconds) * 1_000_000 + field(RUSAGE.systemMicros),
    maxRssBytes: field(RUSAGE.maxRssKib) * 1_024,
  };
};

/**
 * Waits for children without a thread: SIGCHLD makes it look at its own pids, and at no others, so that whoever else has
 * children in this process keeps them. All are asked for in one program, which also closes the pidfds of those that ended.
 */
export class Reaper {
  readonly #host: Host;
  readonly #children = new Map<number, Waiting>();
  #listening = false;
  #alive = 0;
  #timer: NodeJS.Timeout | null = null;
  readonly #sweep = (): void => this.sweep();

  constructor(host: Host) {
    this.#host = host;
  }

  /** To be called before a child is started, so that its end is not missed. */
  listen(): void {
    if (this.#listening || !isMainThread) return;
    process.on('SIGCHLD', this.#sweep);
    this.#listening = true;
  }

  /** To be called when a start after {@link Reaper.listen} came to nothing. */
  unlisten(): void {
    if (this.#children.size > 0 || !this.#listening) return;
    process.removeListener('SIGCHLD', this.#sweep);
    this.#listening = false;
  }

  /** Waits for a child; closes `pidfd`, when it is not -1, at its end. */
  watch(pid: number, pidfd: number, onEnd: Waiting['onEnd']): Watched {
    const child: Waiting = { pid, pidfd, onEnd, keepsAlive: false };
    this.#children.set(pid, child);
    this.#setRef(child, true);
    this.#tick();
    return { setRef: (ref) => this.#children.get(pid) === child && this.#setRef(child, ref) };
  }

  /** Looks for children that have ended. */
  sweep(): void {
    const children = [...this.#children.values()];
    if (children.length === 0) return;
    const slots: { op: number; status: number; usage: number }[] = [];
    const ran = this.#host.runCalls((program) => {
      slots.length = 0;
      for (const child of children) slots.push(addWait(program, child));
    });
    // Without memory for a program the next signal, or tick, has to do.
    if (ran.isErr()) return;
    for (const [index, child] of children.entries()) {
      const slot = slots[index];
      if (slot === undefined) continue;
      const result = ran.value.result(slot.op);
      if (result === 0) continue;
      const status =
        result === child.pid ? exitStatus(ran.value.read32(slot.status), readUsage(ran.value, slot.usage)) : null;
      this.#forget(child);
      // Other callbacks may run programs of their own: everything has to be read before the first.
      queueMicrotask(() => child.onEnd(status));
    }
    this.#tick();
  }

  #forget(child: Waiting): void {
    this.#children.delete(child.pid);
    this.#setRef(child, false);
    this.unlisten();
  }

  #setRef(child: Waiting, ref: boolean): void {
    if (child.keepsAlive === ref) return;
    child.keepsAlive = ref;
    this.#alive += ref ? 1 : -1;
    if (this.#alive === 0) this.#timer?.unref();
    else this.#timer?.ref();
  }

  /** One timer for all children: on the main thread it only keeps the event loop alive, in a worker it polls. */
  #tick(): void {
    if (this.#children.size === 0) {
      clearInterval(this.#timer ?? undefined);
      this.#timer = null;
    } else if (this.#timer === null) {
      this.#timer = setInterval(this.#sweep, isMainThread ? FOREVER_MS : POLL_MS);
      if (this.#alive === 0) this.#timer.unref();
    }
  }
}

const addWait = (program: ProgramBuilder, { pid, pidfd }: Waiting): { op: number; status: number; usage: number } => {
  const status = program.int32s(0, 0);
  const usage = program.filled(RUSAGE.size);
  const running = program.label();
  const args = [num(pid), shown(status, '&status'), words(WAIT.WNOHANG, WAIT), shown(usage, '&rusage')];
  const op = program.op('wait4', args, { onError: 'next', onZero: running });
  if (pidfd >= 0) program.op('close', [num(pidfd)], { onError: 'next' });
  program.place(running);
  return { op, status, usage };
};
