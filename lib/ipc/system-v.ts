import { errAsync, okAsync, type ResultAsync } from 'neverthrow';
import { ERRNO } from '../errno.ts';
import { invalidOption, ipcFailed } from '../errors.ts';
import type { SemaphoreOperation } from '../ipc.ts';
import { commandOf } from '../process-command.ts';
import type { IpcCalls } from './calls.ts';
import { complaintAbout } from './checks.ts';
import { type IpcListing, parseListing } from './listing.ts';
import type { IpcError, StopSpec } from './perform.ts';

/** How long a call may wait. */
export interface WaitSpec extends StopSpec {
  /** Whether to wait at all; true when left out. Without it EAGAIN or ENOMSG tells that there would have been a wait. */
  readonly wait?: boolean;
}

/** What a new System V object is to have. */
export interface CreateSpec {
  /** Its key; 0 is IPC_PRIVATE, which is nobody's. One that nobody has when left out. */
  readonly key?: number;
  /** Its permissions; 0o644 when left out, as with ipcmk(1). */
  readonly mode?: number;
}

/** One semaphore of a set. */
export interface SemaphoreDetail {
  readonly value: number;
  /** How many processes wait until it is larger. */
  readonly waitingForIncrease: number;
  readonly waitingForZero: number;
  /** Who changed it last; 0: nobody yet, or somebody of another pid namespace. */
  readonly lastPid: number;
}

/** A message of a System V queue, or of a POSIX one, whose `type` is its priority. */
export interface IpcMessage {
  readonly type: number;
  readonly data: Buffer;
}

/** What is taken of a message when nobody says how much; MSGMAX of linux/msg.h. */
const DEFAULT_RECEIVE_BYTES = 8_192;
/** How many semaphores one process looks at. */
const DETAILS_AT_ONCE = 4_096;

/** The numbers of semaphores, four of 32 bits for each. */
const detailsOf = (bytes: Buffer): readonly SemaphoreDetail[] =>
  Array.from({ length: bytes.length / 16 }, (_, index) => ({
    value: bytes.readInt32LE(index * 16),
    waitingForIncrease: bytes.readInt32LE(index * 16 + 4),
    waitingForZero: bytes.readInt32LE(index * 16 + 8),
    lastPid: bytes.readInt32LE(index * 16 + 12),
  }));

/**
 * The System V objects of one ipc namespace; see {@link Ipc}.
 *
 * @see sysvipc(7)
 */
export class SystemVIpc {
  readonly #calls: IpcCalls;

  /** @internal */
  constructor(calls: IpcCalls) {
    this.#calls = calls;
  }

  /** Makes a message queue; its id. See msgget(2). */
  createQueue({ key, mode = 0o644 }: CreateSpec = {}): ResultAsync<number, IpcError> {
    return this.#calls.create({ type: 'queue-create', key: key ?? null, mode });
  }

  /** Removes a message queue and what is in it. See msgctl(2). */
  removeQueue(id: number): ResultAsync<void, IpcError> {
    return this.#calls.do({ type: 'queue-remove', id });
  }

  /**
   * How many bytes a queue may hold at once: who sends more waits, or is told EAGAIN.
   *
   * @returns the number of bytes; or `ipc-failed`: EINVAL (no such queue), EACCES
   * @see msgctl(2)
   */
  queueBytes(id: number): ResultAsync<number, IpcError> {
    return this.#calls.one({ type: 'queue-stat', id }).map(({ bytes }) => Number(bytes.readBigUInt64LE()));
  }

  /**
   * Sends a message.
   *
   * @param id - the queue
   * @param data - its bytes
   * @param spec - its type, 1 when left out, and how long to wait for room
   * @returns nothing, or `ipc-failed`: EAGAIN, EINVAL (no such queue, or too long a message), EACCES
   * @see msgsnd(2)
   */
  send(
    id: number,
    data: Uint8Array,
    { type = 1, wait = true, ...stop }: WaitSpec & { type?: number } = {},
  ): ResultAsync<void, IpcError> {
    return this.#calls.do({ type: 'queue-send', id, messageType: type, data, wait }, stop);
  }

  /**
   * Receives a message.
   *
   * @param id - the queue
   * @param spec - the type that is wanted (0, when left out: any; negative: any up to that), how many bytes at most, 8,192
   * when left out, and how long to wait
   * @returns the message, or `ipc-failed`: ENOMSG, E2BIG (it is longer), EINVAL (no such queue), EIDRM (removed meanwhile)
   * @see msgrcv(2)
   */
  receive(
    id: number,
    {
      type = 0,
      mostBytes = DEFAULT_RECEIVE_BYTES,
      wait = true,
      ...stop
    }: WaitSpec & { type?: number; mostBytes?: number } = {},
  ): ResultAsync<IpcMessage, IpcError> {
    return this.#calls
      .one({ type: 'queue-receive', id, messageType: type, mostBytes, wait }, stop)
      .map(({ tag, bytes }) => ({ type: tag, data: bytes }));
  }

  /** Makes a set of so many semaphores, all of value 0; its id. See semget(2). */
  createSemaphores(count: number, { key, mode = 0o644 }: CreateSpec = {}): ResultAsync<number, IpcError> {
    return this.#calls.create({ type: 'semaphore-create', key: key ?? null, mode, count });
  }

  /** Removes a set of semaphores; who waits gets EIDRM. See semctl(2). */
  removeSemaphores(id: number): ResultAsync<void, IpcError> {
    return this.#calls.do({ type: 'semaphore-remove', id });
  }

  /**
   * The values of a set of semaphores.
   *
   * @returns a value for each; or `ipc-failed`: EINVAL (no such set), EACCES, EFAULT (more than 32,768 semaphores, which
   * only a raised kernel.sem lets be made)
   * @see semctl(2)
   */
  semaphoreValues(id: number): ResultAsync<readonly number[], IpcError> {
    return this.#calls
      .one({ type: 'semaphore-values', id })
      .map(({ bytes }) => Array.from({ length: bytes.length / 2 }, (_, index) => bytes.readUInt16LE(index * 2)));
  }

  /**
   * All that the kernel tells of the semaphores of a set, as `ipcs -s -i` shows it.
   *
   * @remarks Each semaphore is asked by itself: together they are no state that the set was in at one time.
   * @returns one for each; or `ipc-failed`: EINVAL (no such set), EIDRM (removed meanwhile), EACCES
   * @see semctl(2)
   */
  semaphoreDetails(id: number): ResultAsync<readonly SemaphoreDetail[], IpcError> {
    return this.#setSize(id).andThen((count) => this.#detailsFrom(id, 0, count));
  }

  /**
   * Sets the values of all semaphores of a set.
   *
   * @param values - one for each semaphore
   * @returns nothing, or `ipc-failed`: EINVAL (no such set), EACCES, ERANGE (beyond 32,767), EFAULT (the set has been
   * replaced by a larger one meanwhile)
   * @see semctl(2)
   */
  setSemaphores(id: number, values: readonly number[]): ResultAsync<void, IpcError> {
    const request = { type: 'semaphore-set', id, values } as const;
    const complaint = complaintAbout(request);
    if (complaint !== null) return errAsync(complaint);
    return this.#setSize(id).andThen((count) =>
      count === values.length
        ? this.#calls.do(request)
        : errAsync<void, IpcError>(invalidOption('values', values, `${count} values, one for each semaphore`)),
    );
  }

  /**
   * Changes semaphores of a set, all at once or none.
   *
   * @param id - the set
   * @param operations - what is to be added to which
   * @param stop - when to give up waiting
   * @returns nothing, or `ipc-failed`: EAGAIN, EFBIG (no such semaphore), ERANGE, EINVAL (no such set), EIDRM, EACCES
   * @see semop(2)
   */
  operate(id: number, operations: readonly SemaphoreOperation[], stop: StopSpec = {}): ResultAsync<void, IpcError> {
    return this.#calls.do({ type: 'semaphore-operate', id, operations }, stop);
  }

  /** Makes a segment of shared memory, all zero; its id. See shmget(2). */
  createMemory(sizeBytes: number, { key, mode = 0o644 }: CreateSpec = {}): ResultAsync<number, IpcError> {
    return this.#calls.create({ type: 'memory-create', key: key ?? null, mode, sizeBytes });
  }

  /** Removes a segment, which goes when nobody has it attached any more. See shmctl(2). */
  removeMemory(id: number): ResultAsync<void, IpcError> {
    return this.#calls.do({ type: 'memory-remove', id });
  }

  /**
   * Reads from a segment.
   *
   * @returns the bytes, fewer where the segment's last page ends before; or `ipc-failed`: EINVAL (no such segment), EACCES,
   * EFAULT (`offset` is beyond its end)
   * @see shmat(2)
   */
  readMemory(
    id: number,
    { offset = 0, length }: { readonly offset?: number; readonly length: number },
  ): ResultAsync<Buffer, IpcError> {
    return this.#calls.one({ type: 'memory-read', id, offset, length }).map(({ bytes }) => bytes);
  }

  /** Writes into a segment; how many bytes found place. The errors are those of {@link SystemVIpc.readMemory}. */
  writeMemory(
    id: number,
    data: Uint8Array,
    { offset = 0 }: { readonly offset?: number } = {},
  ): ResultAsync<number, IpcError> {
    return this.#calls.one({ type: 'memory-write', id, offset, data }).map(({ result }) => result);
  }

  /** Everything of System V that is there, with all that lsipc(1) shows of it, and the limits. */
  list(): ResultAsync<IpcListing, IpcError> {
    return this.#calls.one({ type: 'list' }).map(({ bytes }) => parseListing(bytes, commandOf));
  }

  #detailsFrom(id: number, first: number, end: number): ResultAsync<readonly SemaphoreDetail[], IpcError> {
    const count = Math.min(end - first, DETAILS_AT_ONCE);
    if (count <= 0) return okAsync([]);
    return this.#calls
      .one({ type: 'semaphore-details', id, first, count })
      .andThen(({ bytes }) => this.#detailsFrom(id, first + count, end).map((rest) => [...detailsOf(bytes), ...rest]));
  }

  #setSize(id: number): ResultAsync<number, IpcError> {
    return this.list().andThen(({ semaphores }) => {
      const found = semaphores.find((set) => set.id === id);
      return found === undefined
        ? errAsync<number, IpcError>(ipcFailed(`semctl(${id}, 0, GETALL)`, ERRNO.EINVAL))
        : okAsync<number, IpcError>(found.count);
    });
  }
}
