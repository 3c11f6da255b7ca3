import { isMainThread } from 'node:worker_threads';
import { type ExitStatus, exitStatus, type ResourceUsage } from '../../lib/exit.ts';
import { RUSAGE, WAIT } from './abi/constants.ts';
import type { Host } from './host.ts';
import { num, shown, words } from './program/argument.ts';
import type { ProgramBuilder } from './program/builder.ts';
import { addStatusReads, readStatusPipe, type StatusReads, takeStatus } from './spawn/status-pipe.ts';

/** A child that is followed from its clone to its end. */
export interface Followed {
  readonly pid: number;
  /** Closed at the end; -1 where there is none. */
  readonly pidfd: number;
  /** Our end of a status pipe, which does not block; closed at its end. -1 where there is none. */
  readonly statusFd: number;
  /** What came through the status pipe; `ended`: nothing more will. */
  readonly onStatus: (bytes: Buffer, ended: boolean) => void;
  /** How it ended; null: somebody else has taken its status. */
  readonly onEnd: (status: ExitStatus | null) => void;
}

interface Child extends Followed {
  statusPending: boolean;
  keepsAlive: boolean;
}

/** How often a worker thread, to which no signal comes, looks after its children. */
const POLL_MS = 2;
/** When a set-up is looked at, if no signal has come by then: it takes long, or the pipe gives no signals here. */
const FIRST_LOOK_MS = 20;
const FOREVER_MS = 0x7fffffff;
/** The most children that one program looks at: its ops have a limit, and its memory is kept. */
const MOST_AT_ONCE = 1_000;

/** Reads a struct rusage. */
export const readUsage = (program: ProgramBuilder, address: number): ResourceUsage => {
  const field = (offset: number): number => program.read64(address + offset);
  return {
    userUs: field(RUSAGE.userSeconds) * 1_000_000 + field(RUSAGE.userMicros),
    systemUs: field(RUSAGE.systemSeconds) * 1_000_000 + field(RUSAGE.systemMicros),
    maxRssBytes: field(RUSAGE.maxRssKib) * 1_024,
  };
};

interface Slots {
  readonly wait: number;
  readonly status: number;
  readonly usage: number;
  readonly reads: StatusReads;
}

const addLook = (program: ProgramBuilder, { pid, pidfd, statusFd, statusPending }: Child): Slots => {
  const status = program.int32s(0, 0);
  const usage = program.room(RUSAGE.size);
  const running = program.label();
  const args = [num(pid), shown(status, '&status'), words(WAIT.WNOHANG, WAIT), shown(usage, '&rusage')];
  const wait = program.op('wait4', args, { onError: 'next', onZero: running });
  if (pidfd >= 0) program.op('close', [num(pidfd)], { onError: 'next' });
  program.place(running);
  if (!statusPending) return { wait, status, usage, reads: [] };
  const reads = addStatusReads(program, num(statusFd));
  return { wait, status, usage, reads };
};

/**
 * Follows children without a thread: SIGCHLD makes it look at its own pids, and at no others, so that whoever else has
 * children in this process keeps them. They are looked at in one program, or in a few, which reads their status pipes, waits
 * for them without blocking, and closes what they no longer need.
 *
 * A status pipe is no stream of Node's at first: making one costs more than the clone. The pipe itself sends the same
 * signal when there is something to read; those of long set-ups become streams, so that nothing is polled.
 */
export class Reaper {
  readonly #host: Host;
  readonly #children = new Map<number, Child>();
  #alive = 0;
  #listening = false;
  #timer: NodeJS.Timeout | null = null;
  #firstLook: NodeJS.Timeout | null = null;
  #firstLookDue = false;
  #looking = false;
  #lookAgain = false;
  readonly #look = (): void => this.look();
  readonly #lookFirst = (): void => {
    this.#firstLookDue = false;
    this.look();
    for (const late of this.#children.values()) if (late.statusPending) this.#stream(late);
  };

  constructor(host: Host) {
    this.#host = host;
  }

  /** To be called before a child is started, so that its end is not missed. The listener, which keeps nothing alive, stays. */
  listen(): void {
    if (this.#listening || !isMainThread) return;
    process.on('SIGCHLD', this.#look);
    this.#listening = true;
  }

  /** Follows a child; the event loop stays alive for it. */
  follow(followed: Followed): void {
    const child: Child = { ...followed, statusPending: followed.statusFd >= 0, keepsAlive: false };
    this.#children.set(child.pid, child);
    this.setRef(child.pid, true);
    this.#schedule(child);
  }

  /** Whether the event loop stays alive for a child. */
  setRef(pid: number, ref: boolean): void {
    const child = this.#children.get(pid);
    if (child === undefined || child.keepsAlive === ref) return;
    child.keepsAlive = ref;
    this.#alive += ref ? 1 : -1;
    if (this.#alive === 0) this.#timer?.unref();
    else this.#timer?.ref();
  }

  /** Looks at all children; asked for while it tells what it saw, it looks once more when everything is told. */
  look(): void {
    this.#lookAgain = true;
    if (this.#looking) return;
    this.#looking = true;
    while (this.#lookAgain) {
      this.#lookAgain = false;
      this.#lookOnce();
    }
    this.#looking = false;
  }

  #lookOnce(): void {
    const children = [...this.#children.values()];
    if (children.length === 0) return;
    // What happens next may run programs in the same memory: everything has to be read before.
    const events: (() => void)[] = [];
    for (let at = 0; at < children.length; at += MOST_AT_ONCE) {
      this.#lookAt(children.slice(at, at + MOST_AT_ONCE), events);
    }
    if (this.#children.size === 0) this.#rest();
    for (const event of events) event();
  }

  #lookAt(children: readonly Child[], events: (() => void)[]): void {
    let slots: Slots[] = [];
    const ran = this.#host.runCalls((program) => {
      slots = children.map((child) => addLook(program, child));
    });
    // Without memory for a program the next signal, or tick, has to do.
    if (ran.isErr()) return;
    const program = ran.value;
    for (const [index, child] of children.entries()) {
      const { wait, status, usage, reads } = slots[index] as Slots;
      this.#takeStatus(child, program, reads, events);
      const result = program.result(wait);
      if (result === 0) continue;
      const ended = result === child.pid ? exitStatus(program.read32(status), readUsage(program, usage)) : null;
      this.setRef(child.pid, false);
      this.#children.delete(child.pid);
      events.push(() => child.onEnd(ended));
      // There is more in the pipe than a look takes, or a nested clone still holds the other end.
      if (child.statusPending) events.push(() => this.#stream(child));
    }
  }

  #takeStatus(child: Child, program: ProgramBuilder, reads: Slots['reads'], events: (() => void)[]): void {
    const { bytes, ended } = takeStatus(program, reads);
    if (bytes.length === 0 && !ended) return;
    if (ended) child.statusPending = false;
    events.push(() => child.onStatus(bytes, ended));
  }

  #schedule(child: Child): void {
    if (this.#timer === null) {
      // On the main thread it only keeps the event loop alive.
      this.#timer = setInterval(this.#look, isMainThread ? FOREVER_MS : POLL_MS);
    }
    if (!child.statusPending || !isMainThread || this.#firstLookDue) return;
    this.#firstLookDue = true;
    if (this.#firstLook === null) this.#firstLook = setTimeout(this.#lookFirst, FIRST_LOOK_MS).unref();
    else this.#firstLook.refresh();
  }

  /** Leaves a status pipe to the event loop. */
  #stream(child: Child): void {
    child.statusPending = false;
    readStatusPipe(child.statusFd, child.onStatus);
  }

  /** Without children: a poll stops; the timers of the main thread, which keep nothing alive then, are used again. */
  #rest(): void {
    if (isMainThread) return;
    clearInterval(this.#timer ?? undefined);
    this.#timer = null;
  }
}
