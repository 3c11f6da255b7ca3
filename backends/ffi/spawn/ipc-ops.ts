import { randomInt } from 'node:crypto';
import { IPC_FILES, type IpcAnswer, type IpcRequest } from '../../../lib/ipc.ts';
import { NAMESPACES } from '../../../lib/namespace.ts';
import { AT, FSCONFIG, IPC, MEMFD, OPEN } from '../abi/constants.ts';
import type { Arch } from '../abi/syscalls.ts';
import { wordsOf } from '../native.ts';
import { type Argument, addressOfOp, NULL, num, resultOf, shown, words } from '../program/argument.ts';
import { type OpInfo, ProgramBuilder, SpaceExhausted } from '../program/builder.ts';
import { OP } from '../program/layout.ts';
import { renderOp } from '../program/render.ts';
import { CLONE_FLAGS } from './set-up-ops.ts';

/** Where a segment is attached in the carrier, whose own memory lies below; any alignment of any architecture fits. */
const ATTACHED_AT = 0x40_0000_0000;
/** What is read of a file at once. */
const CHUNK = 4_096;
const DIRECTORY_CHUNK = 32_768;
/** struct stat, of which mode, uid and gid are at other places on other architectures; the whole is handed over. */
const STAT_SIZE = 144;
/** struct mq_attr: flags, most messages, bytes of one, messages there; and four more of the kernel's. */
const MQ_ATTR_SIZE = 64;

const quiet = { onError: 'next' } as const;
const out = num(1);

/** Takes one answer out of what came through the pipe; null when it is not all there. */
export type Decoder = (reader: AnswerReader) => IpcAnswer | null;

/** Reads what came through the pipe, from its beginning on. */
export class AnswerReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  take(size: number): Buffer | null {
    if (this.#at + size > this.#bytes.length) return null;
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }

  /** Everything up to a NUL, which is left out. */
  takeText(): Buffer | null {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end === -1) return null;
    const text = this.#bytes.subarray(this.#at, end);
    this.#at = end + 1;
    return text;
  }

  /** The result in an op as it lay in the carrier's memory. */
  takeResult(): number | null {
    const op = this.take(OP.size);
    return op === null ? null : Number(op.readBigInt64LE(OP.result));
  }
}

const NOTHING = Buffer.alloc(0);

/** Adds the ops of one kind of request. */
class Ops {
  readonly program: ProgramBuilder;

  constructor(program: ProgramBuilder) {
    this.program = program;
  }

  /** Hands an op's result over. */
  tell(op: number): void {
    this.program.op('write', [out, addressOfOp(op), num(OP.size)], quiet);
  }

  info(op: number): OpInfo {
    return this.program.ops[op] as OpInfo;
  }

  /** A call whose result is all there is to tell. */
  plain(name: OpInfo['name'], args: readonly Argument[]): Decoder {
    const op = this.program.op(name, args, quiet);
    this.tell(op);
    const call = renderOp(this.info(op));
    return (reader) => {
      const result = reader.takeResult();
      return result === null ? null : { result, call, bytes: NOTHING, tag: 0 };
    };
  }

  /** A call that fills memory, of which so much is handed over after a success. */
  filling(
    name: OpInfo['name'],
    args: readonly Argument[],
    address: number,
    size: number,
    decode: FillDecoder,
  ): Decoder {
    const { program } = this;
    const told = program.label();
    const good = program.label();
    const op = program.op(name, args, { onError: told, onZero: good, expected: true });
    program.place(good);
    this.tell(op);
    program.op('write', [out, shown(address, 'buf'), num(size)], quiet);
    const over = program.label();
    program.op('close', [num(-1)], { onError: over, expected: true });
    program.place(told);
    this.tell(op);
    program.place(over);
    program.op('close', [num(-1)], quiet);
    const call = renderOp(this.info(op));
    return (reader) => {
      const result = reader.takeResult();
      if (result === null) return null;
      if (result < 0) return { result, call, bytes: NOTHING, tag: 0 };
      const bytes = reader.take(size);
      return bytes === null ? null : { result, call, ...decode(bytes, result) };
    };
  }
}

type FillDecoder = (bytes: Buffer, result: number) => Pick<IpcAnswer, 'bytes' | 'tag'>;

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

/** Copies memory between the program and an attached segment, which no system call does but by a file in between. */
const addMemory = (ops: Ops, request: Extract<IpcRequest, { type: 'memory-read' | 'memory-write' }>): Decoder => {
  const { program } = ops;
  const { id, offset } = request;
  const over = program.label();
  const done = program.label();
  const attachFlags = request.type === 'memory-read' ? IPC.SHM_RDONLY : 0;
  const attach = program.op('shmat', [num(id), num(ATTACHED_AT), ipcFlags(attachFlags)], {
    onError: over,
    expected: true,
  });
  ops.tell(attach);
  const length = request.type === 'memory-read' ? request.length : request.data.length;
  const name = program.string('ns-ipc');
  const file = resultOf(program.op('memfd_create', [name, words(MEMFD.MFD_CLOEXEC, MEMFD)], quiet), 'memfd');
  const there = shown(ATTACHED_AT + offset, '&segment');
  let copied: number;
  if (request.type === 'memory-read') {
    copied = program.op('write', [file, there, num(length)], quiet);
    ops.tell(copied);
    const buffer = program.room(CHUNK);
    const loop = program.label();
    program.op('lseek', [file, num(0), num(0)], { onError: 'next', onZero: loop });
    program.place(loop);
    const read = program.op('read', [file, shown(buffer, 'buf'), num(CHUNK)], {
      onError: done,
      onZero: done,
      expected: true,
    });
    program.op('write', [out, shown(buffer, 'buf'), resultOf(read, 'size')], quiet);
    program.op('close', [num(-1)], { onError: loop, expected: true });
  } else {
    program.op('write', [file, shown(program.data(request.data), 'data'), num(length)], quiet);
    const start = program.label();
    program.op('lseek', [file, num(0), num(0)], { onError: 'next', onZero: start });
    program.place(start);
    copied = program.op('read', [file, there, num(length)], quiet);
    ops.tell(copied);
  }
  program.place(done);
  program.op('close', [file], quiet);
  program.op('shmdt', [num(ATTACHED_AT)], quiet);
  const end = program.label();
  program.op('close', [num(-1)], { onError: end, expected: true });
  program.place(over);
  ops.tell(attach);
  program.place(end);
  program.op('close', [num(-1)], quiet);
  const attachCall = renderOp(ops.info(attach));
  const copyCall = renderOp(ops.info(copied));
  return (reader) => {
    const attached = reader.takeResult();
    if (attached === null) return null;
    if (attached < 0) return { result: attached, call: attachCall, bytes: NOTHING, tag: 0 };
    const result = reader.takeResult();
    if (result === null) return null;
    if (result < 0 || request.type === 'memory-write') return { result, call: copyCall, bytes: NOTHING, tag: 0 };
    const bytes = reader.take(result);
    return bytes === null ? null : { result, call: copyCall, bytes, tag: 0 };
  };
};

/** Hands over a whole file, and a NUL behind it. */
const addFile = (program: ProgramBuilder, path: string, buffer: number, end: number): void => {
  const missing = program.label();
  const loop = program.label();
  const args = [words(AT.AT_FDCWD, AT), program.string(path), words(OPEN.O_RDONLY | OPEN.O_CLOEXEC, OPEN)];
  const file = resultOf(program.op('openat', args, { onError: missing, expected: true }), 'file');
  const over = program.label();
  program.place(loop);
  const read = program.op('read', [file, shown(buffer, 'buf'), num(CHUNK)], {
    onError: over,
    onZero: over,
    expected: true,
  });
  program.op('write', [out, shown(buffer, 'buf'), resultOf(read, 'size')], quiet);
  program.op('close', [num(-1)], { onError: loop, expected: true });
  program.place(over);
  program.op('close', [file], quiet);
  program.place(missing);
  program.op('write', [out, shown(end, '"\\0"'), num(1)], quiet);
};

const addList = ({ program }: Ops): Decoder => {
  const buffer = program.room(CHUNK);
  const end = program.int32s(0);
  for (const path of IPC_FILES) addFile(program, path, buffer, end);
  return (reader) => {
    const texts: Buffer[] = [];
    for (const _ of IPC_FILES) {
      const text = reader.takeText();
      if (text === null) return null;
      texts.push(text, Buffer.from([0]));
    }
    return { result: 0, call: 'read("/proc/sysvipc")', bytes: Buffer.concat(texts), tag: 0 };
  };
};

/** Lists the queues by a mount of the file system that nobody else sees, so that none has to be there. */
const addPosixList = (ops: Ops): Decoder => {
  const { program } = ops;
  const failed = program.label();
  const options = { onError: failed, expected: true } as const;
  // Mounting takes a right over the mount namespace, which this one gives where only the user namespace was entered.
  program.op('unshare', [words(NAMESPACES.mnt.cloneFlag, CLONE_FLAGS)], quiet);
  const made = program.op('fsopen', [program.string('mqueue'), num(1)], options);
  const fs = resultOf(made, 'fs');
  const created = program.label();
  program.op('fsconfig', [fs, words(FSCONFIG.FSCONFIG_CMD_CREATE, FSCONFIG), NULL, NULL, num(0)], {
    ...options,
    onZero: created,
  });
  program.place(created);
  const mount = resultOf(program.op('fsmount', [fs, num(1), num(0)], options), 'mount');
  const dirFlags = words(OPEN.O_RDONLY | OPEN.O_CLOEXEC, OPEN);
  const dir = resultOf(program.op('openat', [mount, program.string('.'), dirFlags], options), 'dir');
  const last = program.op('fcntl', [dir, num(1)], { ...options, onZero: failed });
  program.op('close', [num(-1)], { onError: 'next', expected: true });
  program.place(failed);
  // Every op that was not reached has the result -1: the last of them that was tells whether all were.
  const chain = [made, made + 1, made + 2, made + 3, last];
  for (const op of chain) ops.tell(op);
  const buffer = program.room(DIRECTORY_CHUNK);
  const loop = program.label();
  const over = program.label();
  program.place(loop);
  const read = program.op('getdents64', [dir, shown(buffer, 'entries'), num(DIRECTORY_CHUNK)], {
    onError: over,
    onZero: over,
    expected: true,
  });
  ops.tell(read);
  program.op('write', [out, shown(buffer, 'entries'), resultOf(read, 'size')], quiet);
  program.op('close', [num(-1)], { onError: loop, expected: true });
  program.place(over);
  ops.tell(read);
  for (const fd of [dir, mount, fs]) program.op('close', [fd], quiet);
  const calls = chain.map((op) => renderOp(ops.info(op)));
  return (reader) => {
    let failure: { result: number; call: string } | null = null;
    for (const call of calls) {
      const result = reader.takeResult();
      if (result === null) return null;
      if (result < 0 && failure === null) failure = { result, call };
    }
    const parts: Buffer[] = [];
    for (;;) {
      const result = reader.takeResult();
      if (result === null) return null;
      if (result <= 0) break;
      const bytes = reader.take(result);
      if (bytes === null) return null;
      parts.push(bytes);
    }
    if (failure !== null) return { ...failure, bytes: NOTHING, tag: 0 };
    return { result: 0, call: 'getdents64', bytes: Buffer.from(entryNames(Buffer.concat(parts)).join('\0')), tag: 0 };
  };
};

/** The names in what getdents64(2) gave: {u64 inode, i64 offset, u16 size, u8 type, name}. */
const entryNames = (bytes: Buffer): readonly string[] => {
  const names: string[] = [];
  for (let at = 0; at + 19 <= bytes.length; ) {
    const size = bytes.readUInt16LE(at + 16);
    if (size < 19) break;
    const end = bytes.indexOf(0, at + 19);
    const name = bytes.toString('utf8', at + 19, end);
    if (name !== '.' && name !== '..') names.push(name);
    at += size;
  }
  return names;
};

const addPosix = (
  ops: Ops,
  request: Extract<
    IpcRequest,
    { type: 'posix-create' | 'posix-remove' | 'posix-send' | 'posix-receive' | 'posix-stat' }
  >,
): Decoder => {
  const { program } = ops;
  const name = program.string(request.name);
  if (request.type === 'posix-remove') return ops.plain('mq_unlink', [name]);
  if (request.type === 'posix-create') {
    const { mode, maxMessages, messageBytes: size } = request;
    const attributes = shown(program.int64s([0, maxMessages, size, 0, 0, 0, 0, 0]), '{attr}');
    const flags = words(OPEN.O_RDWR | OPEN.O_CREAT | OPEN.O_EXCL | OPEN.O_CLOEXEC, OPEN);
    return ops.plain('mq_open', [name, flags, shown(mode, `0${mode.toString(8)}`), attributes]);
  }
  const access = request.type === 'posix-send' ? OPEN.O_WRONLY : OPEN.O_RDONLY;
  const wait = request.type === 'posix-stat' || request.wait;
  const flags = words(access | OPEN.O_CLOEXEC | (wait ? 0 : OPEN.O_NONBLOCK), OPEN);
  const opened = program.op('mq_open', [name, flags, num(0), NULL], quiet);
  const queue = resultOf(opened, 'mq');
  ops.tell(opened);
  const call = renderOp(ops.info(opened));
  const decode = ((): Decoder => {
    if (request.type === 'posix-send') {
      const { data, priority } = request;
      return ops.plain('mq_timedsend', [
        queue,
        shown(program.data(data), 'message'),
        num(data.length),
        num(priority),
        NULL,
      ]);
    }
    if (request.type === 'posix-receive') {
      const { mostBytes } = request;
      const room = program.room(8 + mostBytes);
      const args = [queue, shown(room + 8, 'buf'), num(mostBytes), shown(room, '&prio'), NULL];
      return ops.filling('mq_timedreceive', args, room, 8 + mostBytes, (bytes, result) => ({
        tag: bytes.readUInt32LE(0),
        bytes: bytes.subarray(8, 8 + result),
      }));
    }
    const room = program.room(MQ_ATTR_SIZE + STAT_SIZE);
    program.op('fstat', [queue, shown(room + MQ_ATTR_SIZE, '&stat')], quiet);
    return ops.filling(
      'mq_getsetattr',
      [queue, NULL, shown(room, '&attr')],
      room,
      MQ_ATTR_SIZE + STAT_SIZE,
      (bytes) => ({ tag: 0, bytes }),
    );
  })();
  program.op('close', [queue], quiet);
  return (reader) => {
    const result = reader.takeResult();
    const answer = decode(reader);
    if (result === null || answer === null) return null;
    return result < 0 ? { result, call, bytes: NOTHING, tag: 0 } : answer;
  };
};

const addRequest = (ops: Ops, request: IpcRequest): Decoder => {
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
  const ops = new Ops(program);
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
