import { okAsync, type ResultAsync } from 'neverthrow';
import type { EnterTarget } from '../enter-spec.ts';
import type { IpcAnswer, IpcRequest } from '../ipc.ts';
import type { BackendChoice } from '../spec.ts';
import { IpcCalls, targetList } from './calls.ts';
import { type IpcError, performIpc, type StopSpec } from './perform.ts';
import { type IpcMessage, SystemVIpc, type WaitSpec } from './system-v.ts';

/** What every call of an {@link Ipc} is made with. */
export interface IpcSpec {
  /** `auto` when left out: ffi, else shell; or what the environment variable NS_BACKEND says. */
  readonly backend?: BackendChoice;
}

/** A POSIX message queue. */
export interface PosixQueue {
  readonly name: string;
  readonly messages: number;
  readonly maxMessages: number;
  readonly messageBytes: number;
}

/** What a message of a new POSIX queue may have when nobody says it; see mq_overview(7). */
const DEFAULT_MESSAGE_BYTES = 8_192;

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
export class Ipc extends SystemVIpc {
  readonly #calls: IpcCalls;

  /** @internal */
  constructor(target: readonly EnterTarget[], spec: IpcSpec) {
    const calls = new IpcCalls((requests, stop) => performIpc(target, 'ipc', requests, { ...spec, ...stop }));
    super(calls);
    this.#calls = calls;
  }

  /** Makes a POSIX message queue, whose name begins with a slash. See mq_open(3). */
  createPosixQueue(
    name: string,
    {
      mode = 0o644,
      maxMessages = 10,
      messageBytes = DEFAULT_MESSAGE_BYTES,
    }: { readonly mode?: number; readonly maxMessages?: number; readonly messageBytes?: number } = {},
  ): ResultAsync<void, IpcError> {
    return this.#calls.do({ type: 'posix-create', name, mode, maxMessages, messageBytes });
  }

  /** Removes a POSIX message queue. See mq_unlink(3). */
  removePosixQueue(name: string): ResultAsync<void, IpcError> {
    return this.#calls.do({ type: 'posix-remove', name });
  }

  /** Sends to a POSIX message queue, with a priority of 0 when none is said. See mq_send(3). */
  sendPosix(
    name: string,
    data: Uint8Array,
    { priority = 0, wait = true, ...stop }: WaitSpec & { readonly priority?: number } = {},
  ): ResultAsync<void, IpcError> {
    return this.#calls.do({ type: 'posix-send', name, data, priority, wait }, stop);
  }

  /** Receives the oldest of the most urgent messages of a POSIX queue. See mq_receive(3). */
  receivePosix(
    name: string,
    { mostBytes, wait = true, ...stop }: WaitSpec & { readonly mostBytes?: number } = {},
  ): ResultAsync<IpcMessage, IpcError> {
    // A buffer that is smaller than the queue's messages may be is EMSGSIZE.
    const size =
      mostBytes === undefined ? this.#posixQueue(name).map((queue) => queue.messageBytes) : okAsync(mostBytes);
    return size.andThen((most) =>
      this.#calls
        .one({ type: 'posix-receive', name, mostBytes: most, wait }, stop)
        .map(({ tag, bytes }) => ({ type: tag, data: bytes })),
    );
  }

  /** All POSIX message queues. It takes CAP_SYS_ADMIN over the namespace. */
  listPosixQueues(): ResultAsync<readonly PosixQueue[], IpcError> {
    return this.#calls.one({ type: 'posix-list' }).andThen(({ bytes }) => {
      const names = bytes.toString('utf8').split('\0').filter(Boolean);
      return this.#calls.each(
        names.map((name) => `/${name}`),
        (name) => ({ type: 'posix-stat', name }),
        queueOf,
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
    return this.#calls.perform(requests, stop);
  }

  #posixQueue(name: string): ResultAsync<PosixQueue, IpcError> {
    return this.#calls.one({ type: 'posix-stat', name }).map(({ bytes }) => queueOf(name, bytes));
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
  return new Ipc(targetList(target), spec);
};
