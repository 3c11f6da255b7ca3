/**
 * One thing to do with System V or POSIX objects. Ids are those of ipcs(1); the key null is one that nobody has; names
 * begin with a slash.
 */
export type IpcRequest =
  | { readonly type: 'queue-create'; readonly key: number | null; readonly mode: number }
  | { readonly type: 'queue-remove'; readonly id: number }
  | { readonly type: 'queue-stat'; readonly id: number }
  | {
      readonly type: 'queue-send';
      readonly id: number;
      readonly messageType: number;
      readonly data: Uint8Array;
      readonly wait: boolean;
    }
  | {
      readonly type: 'queue-receive';
      readonly id: number;
      readonly messageType: number;
      readonly mostBytes: number;
      readonly wait: boolean;
    }
  | { readonly type: 'semaphore-create'; readonly key: number | null; readonly mode: number; readonly count: number }
  | { readonly type: 'semaphore-remove'; readonly id: number }
  | { readonly type: 'semaphore-values'; readonly id: number }
  | { readonly type: 'semaphore-details'; readonly id: number; readonly first: number; readonly count: number }
  | { readonly type: 'semaphore-set'; readonly id: number; readonly values: readonly number[] }
  | { readonly type: 'semaphore-operate'; readonly id: number; readonly operations: readonly SemaphoreOperation[] }
  | { readonly type: 'memory-create'; readonly key: number | null; readonly mode: number; readonly sizeBytes: number }
  | { readonly type: 'memory-remove'; readonly id: number }
  | { readonly type: 'memory-read'; readonly id: number; readonly offset: number; readonly length: number }
  | { readonly type: 'memory-write'; readonly id: number; readonly offset: number; readonly data: Uint8Array }
  | { readonly type: 'list' }
  | {
      readonly type: 'posix-create';
      readonly name: string;
      readonly mode: number;
      readonly maxMessages: number;
      readonly messageBytes: number;
    }
  | { readonly type: 'posix-remove'; readonly name: string }
  | {
      readonly type: 'posix-send';
      readonly name: string;
      readonly data: Uint8Array;
      readonly priority: number;
      readonly wait: boolean;
    }
  | { readonly type: 'posix-receive'; readonly name: string; readonly mostBytes: number; readonly wait: boolean }
  | { readonly type: 'posix-list' }
  | { readonly type: 'posix-stat'; readonly name: string }
  | {
      readonly type: 'posix-memory-create';
      readonly name: string;
      readonly mode: number;
      readonly sizeBytes: number;
    }
  | { readonly type: 'posix-memory-remove'; readonly name: string }
  | {
      readonly type: 'posix-memory-read';
      readonly name: string;
      readonly offset: number;
      readonly length: number;
    }
  | { readonly type: 'posix-memory-write'; readonly name: string; readonly offset: number; readonly data: Uint8Array }
  | { readonly type: 'posix-memory-list' }
  | { readonly type: 'posix-memory-stat'; readonly name: string };

/** One step of semop(2). All steps of a call are done at once, or none. */
export interface SemaphoreOperation {
  /** Which semaphore of the set, from 0 on. */
  readonly index: number;
  /** Added to the value; negative: waits until that much can be taken; 0: waits until the value is 0. */
  readonly change: number;
  /** Whether to wait; true when left out. */
  readonly wait?: boolean;
}

/** What came of a request. */
export interface IpcAnswer {
  /** What the system call returned: an id, a number of bytes, 0; or a negative errno. */
  readonly result: number;
  /** The call, as strace(1) would print it, or the tool that made it. */
  readonly call: string;
  /**
   * What was read: a message, values, memory, or the text of a list. Names of a list end with a NUL (queues) or a slash
   * (POSIX memory). Of a queue it is how many bytes it may hold, 64 bits. A
   * semaphore's details are four numbers of 32 bits. What is told of POSIX memory is a text of numbers: mode, size, blocks, bytes of a block, uid, gid, and
   * the second of its last change; the mode is hexadecimal.
   */
  readonly bytes: Buffer;
  /** The type of a received message, or the priority of a POSIX one. */
  readonly tag: number;
}

/** Where POSIX shared memory lies, in every mount namespace; see shm_overview(7). */
export const SHARED_MEMORY_DIRECTORY = '/dev/shm';

/** The files of /proc that list what is there, and what the limits are, in the order of a list's text. */
export const IPC_FILES = [
  '/proc/sysvipc/msg',
  '/proc/sysvipc/sem',
  '/proc/sysvipc/shm',
  '/proc/sys/kernel/msgmni',
  '/proc/sys/kernel/msgmax',
  '/proc/sys/kernel/msgmnb',
  '/proc/sys/kernel/shmmni',
  '/proc/sys/kernel/shmmax',
  '/proc/sys/kernel/shmall',
  '/proc/sys/kernel/sem',
] as const;
