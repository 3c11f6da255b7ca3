import { errAsync, okAsync, type ResultAsync } from 'neverthrow';
import { ERRNO } from './errno.ts';
import { type InvalidOption, invalidOption, ipcFailed } from './errors.ts';
import type { IpcAnswer, IpcRequest, SemaphoreOperation } from './ipc.ts';
import { type IpcListing, parseListing } from './ipc-listing.ts';
import { type IpcError, performIpc, type StopSpec } from './ipc-perform.ts';
import type { EnterTarget } from './plan-enter.ts';
import type { BackendChoice } from './spec.ts';

/** What every call of an {@link Ipc} is made with. */
export interface IpcSpec {
  /** `auto` when left out: ffi, else shell; or what the environment variable NS_BACKEND says. */
  readonly backend?: BackendChoice;
}

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

/** A message of a System V queue, or of a POSIX one, whose `type` is its priority. */
export interface IpcMessage {
  readonly type: number;
  readonly data: Buffer;
}

/** A POSIX message queue. */
export interface PosixQueue {
  readonly name: string;
  readonly messages: number;
  readonly maxMessages: number;
  readonly messageBytes: number;
}

/** The largest number of ids, keys and sizes that a call takes. */
const LAST_INT = 0x7fffffff;
/** More than any message queue lets be sent by default, and small beside a process: 16 MiB. */
const MOST_BYTES = 16 * 1024 * 1024;
const DEFAULT_RECEIVE_BYTES = 8_192;
/** SEMOPM: more than a call of semop(2) takes by default is for the kernel to refuse. */
const MOST_OPERATIONS = 500;

const isInt = (value: unknown, least: number, most: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;

/** The first complaint, or nothing. */
const wrong = (
  ...checks: readonly (readonly [option: string, value: unknown, good: boolean, wanted: string])[]
): InvalidOption | null => {
  const bad = checks.find(([, , good]) => !good);
  return bad === undefined ? null : invalidOption(bad[0], bad[1], bad[3]);
};

const idCheck = (id: unknown) => ['id', id, isInt(id, 0, LAST_INT), 'the id of an IPC object'] as const;
const modeCheck = (mode: unknown) => ['mode', mode, isInt(mode, 0, 0o777), 'permissions, 0 to 0o777'] as const;
const keyCheck = (key: unknown) =>
  ['key', key, key === undefined || isInt(key, -0x80000000, 0xffffffff), 'a 32-bit number'] as const;
const countCheck = (option: string, value: unknown, most = LAST_INT) =>
  [option, value, isInt(value, 1, most), `a number from 1 to ${most}`] as const;
const dataCheck = (data: unknown) =>
  [
    'data',
    data instanceof Uint8Array ? `${data.length} bytes` : data,
    data instanceof Uint8Array && data.length <= MOST_BYTES,
    `a Uint8Array of at most ${MOST_BYTES} bytes`,
  ] as const;
const nameCheck = (name: unknown) =>
  [
    'name',
    name,
    typeof name === 'string' && /^\/[^/\0]{1,254}$/.test(name) && name !== '/.' && name !== '/..',
    'a "/" and a file name of at most 254 bytes',
  ] as const;

/** struct mq_attr: flags, most messages, bytes of one, messages that are there; eight bytes each. */
const queueOf = (name: string, bytes: Buffer): PosixQueue => {
  const field = (index: number): number => Number(bytes.readBigInt64LE(index * 8));
  return { name, maxMessages: field(1), messageBytes: field(2), messages: field(3) };
};

/**
 * The System V and POSIX objects of one ipc namespace.
 *
 * @remarks Every call is made by a process that enters the namespace and ends; the calling thread stays where it is. Where
 * the target is in another user namespace, that is entered too, and root there makes the call. The shell backend has
 * ipcmk(1), ipcrm(1) and the lists of /proc; the rest it refuses.
 * @see sysvipc(7), mq_overview(7), ipc_namespaces(7)
 */
export class Ipc {
  readonly #target: readonly EnterTarget[];
  readonly #spec: IpcSpec;

  /** @internal */
  constructor(target: readonly EnterTarget[], spec: IpcSpec) {
    this.#target = target;
    this.#spec = spec;
  }

  /** Makes a message queue; its id. See msgget(2). */
  createQueue({ key, mode = 0o644 }: CreateSpec = {}): ResultAsync<number, IpcError> {
    return this.#checked(wrong(keyCheck(key), modeCheck(mode)), () =>
      this.#create({ type: 'queue-create', key: key ?? null, mode }),
    );
  }

  /** Removes a message queue and what is in it. See msgctl(2). */
  removeQueue(id: number): ResultAsync<void, IpcError> {
    return this.#checked(wrong(idCheck(id)), () => this.#do({ type: 'queue-remove', id }));
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
    const complaint = wrong(idCheck(id), dataCheck(data), countCheck('type', type, Number.MAX_SAFE_INTEGER));
    return this.#checked(complaint, () => this.#do({ type: 'queue-send', id, messageType: type, data, wait }, stop));
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
    const complaint = wrong(
      idCheck(id),
      ['type', type, Number.isSafeInteger(type), 'a whole number'],
      countCheck('mostBytes', mostBytes, MOST_BYTES),
    );
    return this.#checked(complaint, () =>
      this.#one({ type: 'queue-receive', id, messageType: type, mostBytes, wait }, stop).map(({ tag, bytes }) => ({
        type: tag,
        data: bytes,
      })),
    );
  }

  /** Makes a set of so many semaphores, all of value 0; its id. See semget(2). */
  createSemaphores(count: number, { key, mode = 0o644 }: CreateSpec = {}): ResultAsync<number, IpcError> {
    return this.#checked(wrong(countCheck('count', count), keyCheck(key), modeCheck(mode)), () =>
      this.#create({ type: 'semaphore-create', key: key ?? null, mode, count }),
    );
  }

  /** Removes a set of semaphores; who waits gets EIDRM. See semctl(2). */
  removeSemaphores(id: number): ResultAsync<void, IpcError> {
    return this.#checked(wrong(idCheck(id)), () => this.#do({ type: 'semaphore-remove', id }));
  }

  /** The values of a set of semaphores. See semctl(2). */
  semaphoreValues(id: number): ResultAsync<readonly number[], IpcError> {
    return this.#checked(wrong(idCheck(id)), () =>
      this.#setSize(id).andThen((count) =>
        this.#one({ type: 'semaphore-values', id, count }).map(({ bytes }) =>
          Array.from({ length: count }, (_, index) => bytes.readUInt16LE(index * 2)),
        ),
      ),
    );
  }

  /** Sets the values of all semaphores of a set. See semctl(2). */
  setSemaphores(id: number, values: readonly number[]): ResultAsync<void, IpcError> {
    const good = Array.isArray(values) && values.length > 0 && values.every((value) => isInt(value, 0, 0xffff));
    const complaint = wrong(idCheck(id), ['values', values, good, 'numbers from 0 to 65535']);
    return this.#checked(complaint, () =>
      this.#setSize(id).andThen((count) =>
        count === values.length
          ? this.#do({ type: 'semaphore-set', id, values })
          : errAsync<void, IpcError>(invalidOption('values', values, `${count} values, one for each semaphore`)),
      ),
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
    const good =
      Array.isArray(operations) &&
      operations.length > 0 &&
      operations.length <= MOST_OPERATIONS &&
      operations.every(({ index, change }) => isInt(index, 0, 0xffff) && isInt(change, -0x8000, 0x7fff));
    const complaint = wrong(idCheck(id), ['operations', operations, good, '1 to 500 of { index, change }']);
    return this.#checked(complaint, () => this.#do({ type: 'semaphore-operate', id, operations }, stop));
  }

  /** Makes a segment of shared memory, all zero; its id. See shmget(2). */
  createMemory(sizeBytes: number, { key, mode = 0o644 }: CreateSpec = {}): ResultAsync<number, IpcError> {
    const complaint = wrong(
      countCheck('sizeBytes', sizeBytes, Number.MAX_SAFE_INTEGER),
      keyCheck(key),
      modeCheck(mode),
    );
    return this.#checked(complaint, () => this.#create({ type: 'memory-create', key: key ?? null, mode, sizeBytes }));
  }

  /** Removes a segment, which goes when nobody has it attached any more. See shmctl(2). */
  removeMemory(id: number): ResultAsync<void, IpcError> {
    return this.#checked(wrong(idCheck(id)), () => this.#do({ type: 'memory-remove', id }));
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
    const complaint = wrong(
      idCheck(id),
      ['offset', offset, isInt(offset, 0, 2 ** 38), 'a number of bytes'],
      countCheck('length', length, MOST_BYTES),
    );
    return this.#checked(complaint, () =>
      this.#one({ type: 'memory-read', id, offset, length }).map(({ bytes }) => bytes),
    );
  }

  /** Writes into a segment; how many bytes found place. The errors are those of {@link Ipc.readMemory}. */
  writeMemory(
    id: number,
    data: Uint8Array,
    { offset = 0 }: { readonly offset?: number } = {},
  ): ResultAsync<number, IpcError> {
    const complaint = wrong(
      idCheck(id),
      ['offset', offset, isInt(offset, 0, 2 ** 38), 'a number of bytes'],
      dataCheck(data),
    );
    return this.#checked(complaint, () =>
      this.#one({ type: 'memory-write', id, offset, data }).map(({ result }) => result),
    );
  }

  /** Everything of System V that is there, with all that lsipc(1) shows of it, and the limits. */
  list(): ResultAsync<IpcListing, IpcError> {
    return this.#one({ type: 'list' }).map(({ bytes }) => parseListing(bytes));
  }

  /** Makes a POSIX message queue, whose name begins with a slash. See mq_open(3). */
  createPosixQueue(
    name: string,
    {
      mode = 0o644,
      maxMessages = 10,
      messageBytes = DEFAULT_RECEIVE_BYTES,
    }: { readonly mode?: number; readonly maxMessages?: number; readonly messageBytes?: number } = {},
  ): ResultAsync<void, IpcError> {
    const complaint = wrong(
      nameCheck(name),
      modeCheck(mode),
      countCheck('maxMessages', maxMessages),
      countCheck('messageBytes', messageBytes, MOST_BYTES),
    );
    return this.#checked(complaint, () =>
      this.#do({ type: 'posix-create', name: name.slice(1), mode, maxMessages, messageBytes }),
    );
  }

  /** Removes a POSIX message queue. See mq_unlink(3). */
  removePosixQueue(name: string): ResultAsync<void, IpcError> {
    return this.#checked(wrong(nameCheck(name)), () => this.#do({ type: 'posix-remove', name: name.slice(1) }));
  }

  /** Sends to a POSIX message queue, with a priority of 0 when none is said. See mq_send(3). */
  sendPosix(
    name: string,
    data: Uint8Array,
    { priority = 0, wait = true, ...stop }: WaitSpec & { readonly priority?: number } = {},
  ): ResultAsync<void, IpcError> {
    const complaint = wrong(nameCheck(name), dataCheck(data), [
      'priority',
      priority,
      isInt(priority, 0, 32_767),
      'a number from 0 to 32767',
    ]);
    return this.#checked(complaint, () =>
      this.#do({ type: 'posix-send', name: name.slice(1), data, priority, wait }, stop),
    );
  }

  /** Receives the oldest of the most urgent messages of a POSIX queue. See mq_receive(3). */
  receivePosix(
    name: string,
    { mostBytes, wait = true, ...stop }: WaitSpec & { readonly mostBytes?: number } = {},
  ): ResultAsync<IpcMessage, IpcError> {
    const complaint = wrong(nameCheck(name), countCheck('mostBytes', mostBytes ?? 1, MOST_BYTES));
    return this.#checked(complaint, () => {
      // A buffer that is smaller than the queue's messages may be is EMSGSIZE.
      const size =
        mostBytes === undefined ? this.#posixQueue(name).map((queue) => queue.messageBytes) : okAsync(mostBytes);
      return size.andThen((most) =>
        this.#one({ type: 'posix-receive', name: name.slice(1), mostBytes: most, wait }, stop).map(
          ({ tag, bytes }) => ({
            type: tag,
            data: bytes,
          }),
        ),
      );
    });
  }

  /** All POSIX message queues. It takes CAP_SYS_ADMIN over the namespace. */
  listPosixQueues(): ResultAsync<readonly PosixQueue[], IpcError> {
    return this.#one({ type: 'posix-list' }).andThen(({ bytes }) => {
      const names = bytes.toString('utf8').split('\0').filter(Boolean);
      if (names.length === 0) return okAsync<readonly PosixQueue[], IpcError>([]);
      // What has been removed meanwhile is left out.
      return this.perform(names.map((name) => ({ type: 'posix-stat', name }))).map((answers) =>
        answers.flatMap((answer, index) => (answer.result < 0 ? [] : [queueOf(`/${names[index]}`, answer.bytes)])),
      );
    });
  }

  /**
   * Does many things in one process.
   *
   * @param requests - what to do, in this order; one that fails does not keep the others from being done
   * @param stop - when to give up
   * @returns an answer to each, of which a negative `result` is an errno; or why none of it was done
   */
  perform(requests: readonly IpcRequest[], stop: StopSpec = {}): ResultAsync<readonly IpcAnswer[], IpcError> {
    return performIpc(this.#target, requests, { ...this.#spec, ...stop });
  }

  #checked<T>(complaint: InvalidOption | null, act: () => ResultAsync<T, IpcError>): ResultAsync<T, IpcError> {
    return complaint === null ? act() : errAsync(complaint);
  }

  #one(request: IpcRequest, stop: StopSpec = {}): ResultAsync<IpcAnswer, IpcError> {
    return this.perform([request], stop).andThen(([answer]) => {
      if (answer === undefined) return errAsync(ipcFailed('no answer', ERRNO.EIO));
      return answer.result < 0 ? errAsync(ipcFailed(answer.call, -answer.result)) : okAsync(answer);
    });
  }

  #do(request: IpcRequest, stop: StopSpec = {}): ResultAsync<void, IpcError> {
    return this.#one(request, stop).map(() => undefined);
  }

  /** A key that was not chosen by the caller is not the caller's business when somebody has it. */
  #create(request: IpcRequest & { readonly key: number | null }, attempts = 8): ResultAsync<number, IpcError> {
    return this.#one(request)
      .map(({ result }) => result)
      .orElse((error) =>
        request.key === null && attempts > 1 && error.type === 'ipc-failed' && error.errno === 'EEXIST'
          ? this.#create(request, attempts - 1)
          : errAsync(error),
      );
  }

  #setSize(id: number): ResultAsync<number, IpcError> {
    return this.list().andThen(({ semaphores }) => {
      const found = semaphores.find((set) => set.id === id);
      return found === undefined
        ? errAsync<number, IpcError>(ipcFailed(`semctl(${id}, 0, GETALL)`, ERRNO.EINVAL))
        : okAsync<number, IpcError>(found.count);
    });
  }

  #posixQueue(name: string): ResultAsync<PosixQueue, IpcError> {
    return this.#one({ type: 'posix-stat', name: name.slice(1) }).map(({ bytes }) => queueOf(name, bytes));
  }
}

/**
 * The System V and POSIX objects of an ipc namespace.
 *
 * @remarks Opens nothing by itself: the target is opened, and let go, by each call.
 * @param target - whose ipc namespace: a process id, a Child, `{ pidfd }`, a ProcessHandle, a NamespaceHandle of type `ipc`
 * (with one of type `user` beside it, where that gives the right to it); the caller's own when left out
 * @param spec - which backend is to make the calls
 * @example
 * ```ts
 * const own = ipc();
 * const created = await own.createQueue();
 * if (created.isErr()) throw new Error(created.error.message);
 * await own.send(created.value, Buffer.from('wake up'), { type: 3 }).unwrapOr(undefined);
 * const received = await own.receive(created.value);
 * if (received.isOk()) console.log(`${received.value.type}: ${received.value.data}`); // 3: wake up
 * await own.removeQueue(created.value).unwrapOr(undefined);
 * ```
 * @see sysvipc(7), mq_overview(7)
 */
export const ipc = (target?: EnterTarget | readonly EnterTarget[], spec: IpcSpec = {}): Ipc => {
  const targets = (Array.isArray(target) ? target : target === undefined ? [] : [target]) as readonly EnterTarget[];
  return new Ipc(targets, spec);
};
