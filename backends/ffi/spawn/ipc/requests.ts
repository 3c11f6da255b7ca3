import { randomInt } from 'node:crypto';
import type { IpcRequest } from '../../../../lib/ipc.ts';
import { IPC } from '../../abi/constants.ts';
import type { Arch } from '../../abi/syscalls.ts';
import { wordsOf } from '../../native.ts';
import { type Argument, NULL, num, shown, words } from '../../program/argument.ts';
import { ProgramBuilder, SpaceExhausted } from '../../program/builder.ts';
import type { Decoder } from './answer.ts';
import { addList, addPosixList } from './lists.ts';
import { addMemory } from './memory.ts';
import { addPosix } from './posix.ts';
import { RequestOps } from './request-ops.ts';

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

const ipcFlags = (value: number): Argument => words(value, IPC);

const shorts = (values: readonly number[]): Buffer => Buffer.from(Uint16Array.from(values).buffer);

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
    case 'semaphore-values': {
      const { id, count } = request;
      const room = program.room(count * 2);
      const args = [num(id), num(0), words(IPC.GETALL, { GETALL: IPC.GETALL }), shown(room, 'values')];
      return ops.filling('semctl', args, room, count * 2, (bytes) => ({ tag: 0, bytes }));
    }
    case 'semaphore-set': {
      const values = shown(program.data(shorts(request.values)), 'values');
      return ops.plain('semctl', [num(request.id), num(0), words(IPC.SETALL, { SETALL: IPC.SETALL }), values]);
    }
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

/** The decoders of requests, found by laying them out once more, where nothing is run. */
export const ipcDecoders = (requests: readonly IpcRequest[], arch: Arch): readonly Decoder[] => {
  for (let size = 65_536; ; size *= 2) {
    try {
      const bytes = Buffer.alloc(size);
      return addIpc(new ProgramBuilder({ bytes, words: wordsOf(bytes), offset: 0, base: 0, arch }), requests);
    } catch (error) {
      if (!(error instanceof SpaceExhausted)) throw error;
    }
  }
};
