import { randomInt } from 'node:crypto';
import type { IpcRequest } from '../../../../lib/ipc.ts';
import { IPC } from '../../abi/constants.ts';
import type { Arch } from '../../abi/syscalls.ts';
import { wordsOf } from '../../native.ts';
import { type Argument, NULL, num, shown, words } from '../../program/argument.ts';
import { ProgramBuilder, SpaceExhausted, TooManyOps } from '../../program/builder.ts';
import { MOST_OPS } from '../../program/layout.ts';
import type { Decoder } from './answer.ts';
import { addList, addPosixList } from './lists.ts';
import { addMemory } from './memory.ts';
import { addPosix } from './posix.ts';
import { addPosixMemory } from './posix-memory.ts';
import { RequestOps } from './request-ops.ts';
import { addSemaphores } from './semaphores.ts';

const nonBlocking = (wait: boolean): number => (wait ? 0 : IPC.IPC_NOWAIT);

/** A message as msgsnd(2) takes it: its type, then its bytes. */
const messageBytes = (type: number, data: Uint8Array): Buffer => {
  const bytes = Buffer.alloc(8 + data.length);
  bytes.writeBigInt64LE(BigInt(type));
  bytes.set(data, 8);
  return bytes;
};

const operationBytes = (operations: readonly { index: number; change: number; wait?: boolean }[]): Buffer => {
  const bytes = Buffer.alloc(operations.length * 6);
  for (const [at, { index, change, wait }] of operations.entries()) {
    bytes.writeUInt16LE(index, at * 6);
    bytes.writeInt16LE(change, at * 6 + 2);
    bytes.writeInt16LE(nonBlocking(wait ?? true), at * 6 + 4);
  }
  return bytes;
};

/** struct msqid64_ds, and where msg_qbytes stands in it. */
const MSQID_DS = { size: 120, mostBytes: 88 } as const;

const ipcFlags = (value: number): Argument => words(value, IPC);

const create = { exclusive: IPC.IPC_CREAT | IPC.IPC_EXCL } as const;

/** A key as it was given, or one that nobody is likely to have. */
const keyOf = (key: number | null): Argument => num(key ?? randomInt(1, 0x7fffffff));

const addRequest = (ops: RequestOps, request: IpcRequest): Decoder => {
  const { program } = ops;
  const octal = (mode: number): Argument => shown(create.exclusive | mode, `IPC_CREAT|IPC_EXCL|0${mode.toString(8)}`);
  const removed = [words(IPC.IPC_RMID, { IPC_RMID: IPC.IPC_RMID }), NULL] as const;
  switch (request.type) {
    case 'queue-create':
      return ops.plain('msgget', [keyOf(request.key), octal(request.mode)]);
    case 'queue-remove':
      return ops.plain('msgctl', [num(request.id), ...removed]);
    case 'queue-stat': {
      const room = program.room(MSQID_DS.size);
      const args = [num(request.id), words(IPC.IPC_STAT, { IPC_STAT: IPC.IPC_STAT }), shown(room, '&stat')];
      return ops.filling('msgctl', args, room, MSQID_DS.size, (bytes) => ({
        tag: 0,
        bytes: bytes.subarray(MSQID_DS.mostBytes, MSQID_DS.mostBytes + 8),
      }));
    }
    case 'queue-send': {
      const { id, messageType, data, wait } = request;
      const message = shown(program.data(messageBytes(messageType, data)), 'message');
      return ops.plain('msgsnd', [num(id), message, num(data.length), ipcFlags(nonBlocking(wait))]);
    }
    case 'queue-receive': {
      const { id, messageType, mostBytes, wait } = request;
      const room = program.room(8 + mostBytes);
      const args = [num(id), shown(room, 'buf'), num(mostBytes), num(messageType), ipcFlags(nonBlocking(wait))];
      return ops.filling('msgrcv', args, room, 8 + mostBytes, (bytes, result) => ({
        tag: Number(bytes.readBigInt64LE(0)),
        bytes: bytes.subarray(8, 8 + result),
      }));
    }
    case 'semaphore-create':
      return ops.plain('semget', [keyOf(request.key), num(request.count), octal(request.mode)]);
    case 'semaphore-remove':
      return ops.plain('semctl', [num(request.id), num(0), ...removed]);
    case 'semaphore-values':
    case 'semaphore-set':
    case 'semaphore-details':
      return addSemaphores(ops, request);
    case 'semaphore-operate': {
      const operations = shown(program.data(operationBytes(request.operations)), 'sops');
      return ops.plain('semop', [num(request.id), operations, num(request.operations.length)]);
    }
    case 'memory-create':
      return ops.plain('shmget', [keyOf(request.key), num(request.sizeBytes), octal(request.mode)]);
    case 'memory-remove':
      return ops.plain('shmctl', [num(request.id), ...removed]);
    case 'memory-read':
    case 'memory-write':
      return addMemory(ops, request);
    case 'list':
      return addList(ops);
    case 'posix-list':
      return addPosixList(ops);
    case 'posix-create':
    case 'posix-remove':
    case 'posix-send':
    case 'posix-receive':
    case 'posix-stat':
      return addPosix(ops, request);
    case 'posix-memory-create':
    case 'posix-memory-remove':
    case 'posix-memory-list':
    case 'posix-memory-stat':
    case 'posix-memory-read':
    case 'posix-memory-write':
      return addPosixMemory(ops, request);
  }
};

/**
 * Adds what a child does instead of executing a command: the requests, one after the other, and the answers to stdout.
 *
 * @returns one decoder for each request, in their order
 */
export const addIpc = (program: ProgramBuilder, requests: readonly IpcRequest[]): readonly Decoder[] => {
  const ops = new RequestOps(program);
  return requests.map((request) => addRequest(ops, request));
};

/** How many ops the requests leave to the rest of the program: what enters, closes and tells. */
const OTHER_OPS = 2_048;

/** The decoders of requests, found by laying them out where nothing is run; null: they are too many for one program. */
export const ipcDecoders = (requests: readonly IpcRequest[], arch: Arch): readonly Decoder[] | null => {
  for (let size = 65_536; ; size *= 2) {
    try {
      const bytes = Buffer.alloc(size);
      const program = new ProgramBuilder({ bytes, words: wordsOf(bytes), offset: 0, base: 0, arch });
      const decoders = addIpc(program, requests);
      return program.ops.length > MOST_OPS - OTHER_OPS ? null : decoders;
    } catch (error) {
      if (error instanceof TooManyOps) return null;
      if (!(error instanceof SpaceExhausted)) throw error;
    }
  }
};
