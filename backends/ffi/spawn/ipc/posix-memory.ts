import { type IpcRequest, SHARED_MEMORY_DIRECTORY } from '../../../../lib/ipc.ts';
import { AT, MEMFD, O_NOFOLLOW, OPEN } from '../../abi/constants.ts';
import { type Argument, num, resultOf, shown, words } from '../../program/argument.ts';
import { renderOp } from '../../program/render.ts';
import { type Decoder, NOTHING } from './answer.ts';
import { addEntries } from './entries.ts';
import { quiet, type RequestOps } from './request-ops.ts';

type OfMemory<Type extends IpcRequest['type']> = Extract<IpcRequest, { type: Type }>;

/** linux/stat.h: struct statx is the same everywhere. */
const STATX = {
  STATX_BASIC_STATS: 0x7ff,
  blockSize: 0x04,
  uid: 0x14,
  gid: 0x18,
  mode: 0x1c,
  size: 0x28,
  blocks: 0x30,
  modified: 0x70,
  all: 256,
} as const;
/** What stx_blocks counts in, whatever stx_blksize says. */
const BLOCK_BYTES = 512;
/** dirent.h: what shm_open(3) opens; unknown where a file system does not tell. */
const DT_REG = 8;
const DT_UNKNOWN = 0;

const here = words(AT.AT_FDCWD, AT);

/** As shm_open(3) does: nothing that lies there leads elsewhere, or waits for somebody. */
const openFlags = (ops: RequestOps, flags: number): Argument => {
  const table = { ...OPEN, O_NOFOLLOW: O_NOFOLLOW[ops.program.arch] };
  return words(flags | OPEN.O_CLOEXEC | table.O_NOFOLLOW, table);
};

const pathOf = (ops: RequestOps, name: string): Argument => ops.program.string(`${SHARED_MEMORY_DIRECTORY}${name}`);

/** Makes an object with its size, or nothing. */
const addCreate = (ops: RequestOps, { name, mode, sizeBytes }: OfMemory<'posix-memory-create'>): Decoder => {
  const { program } = ops;
  const path = pathOf(ops, name);
  const over = program.label();
  const undo = program.label();
  // The mode is what was asked for, whatever the caller's umask is.
  program.op('umask', [num(0)], quiet);
  const flags = openFlags(ops, OPEN.O_RDWR | OPEN.O_CREAT | OPEN.O_EXCL);
  const made = program.op('openat', [here, path, flags, shown(mode, `0${mode.toString(8)}`)], {
    onError: over,
    expected: true,
  });
  const file = resultOf(made, 'file');
  const sized = program.op('ftruncate', [file, num(sizeBytes)], { onError: undo, onZero: over, expected: true });
  program.place(undo);
  program.op('unlinkat', [here, path, num(0)], quiet);
  program.place(over);
  ops.tell(made);
  ops.tell(sized);
  program.op('close', [file], quiet);
  const calls = [made, sized].map((op) => renderOp(ops.info(op)));
  return (reader) => {
    const results = calls.map((call) => ({ call, result: reader.takeResult() }));
    if (results.some(({ result }) => result === null)) return null;
    const failed = results.find(({ result }) => (result as number) < 0);
    return { result: failed?.result ?? 0, call: (failed ?? results[0])?.call ?? '', bytes: NOTHING, tag: 0 };
  };
};

const addList = (ops: RequestOps): Decoder => {
  const { program } = ops;
  const args = [here, program.string(SHARED_MEMORY_DIRECTORY), words(OPEN.O_RDONLY | OPEN.O_CLOEXEC, OPEN)];
  const opened = program.op('openat', args, quiet);
  ops.tell(opened);
  const dir = resultOf(opened, 'dir');
  const readEntries = addEntries(ops, dir);
  program.op('close', [dir], quiet);
  const call = renderOp(ops.info(opened));
  return (reader) => {
    const result = reader.takeResult();
    const entries = readEntries(reader);
    if (result === null || entries === null) return null;
    const files = entries.filter(({ type }) => type === DT_REG || type === DT_UNKNOWN);
    return {
      result: Math.min(result, 0),
      call,
      bytes: Buffer.from(files.map(({ name }) => `${name}/`).join('')),
      tag: 0,
    };
  };
};

const addStat = (ops: RequestOps, { name }: OfMemory<'posix-memory-stat'>): Decoder => {
  const room = ops.program.room(STATX.all);
  const args = [
    here,
    pathOf(ops, name),
    words(AT.AT_SYMLINK_NOFOLLOW, AT),
    words(STATX.STATX_BASIC_STATS, { STATX_BASIC_STATS: STATX.STATX_BASIC_STATS }),
    shown(room, '&statx'),
  ];
  return ops.filling('statx', args, room, STATX.all, (bytes) => {
    const told = [
      bytes.readUInt16LE(STATX.mode).toString(16),
      bytes.readBigUInt64LE(STATX.size),
      bytes.readBigUInt64LE(STATX.blocks),
      BLOCK_BYTES,
      bytes.readUInt32LE(STATX.uid),
      bytes.readUInt32LE(STATX.gid),
      bytes.readBigInt64LE(STATX.modified),
    ];
    return { tag: 0, bytes: Buffer.from(told.join(' ')) };
  });
};

/** Opens an object, does one call with it, whose result is told, and closes it. */
const addOpened = (
  ops: RequestOps,
  name: string,
  access: number,
  act: (file: Argument) => { readonly op: number; readonly bytes: boolean },
): Decoder => {
  const { program } = ops;
  const flags = openFlags(ops, access | OPEN.O_NONBLOCK);
  const opened = program.op('openat', [here, pathOf(ops, name), flags], quiet);
  ops.tell(opened);
  const file = resultOf(opened, 'file');
  const { op, bytes } = act(file);
  program.op('close', [file], quiet);
  const calls = [opened, op].map((one) => renderOp(ops.info(one)));
  return (reader) => {
    const fd = reader.takeResult();
    const result = reader.takeResult();
    if (fd === null || result === null) return null;
    if (fd < 0) return { result: fd, call: calls[0] ?? '', bytes: NOTHING, tag: 0 };
    const read = bytes && result > 0 ? reader.take(result) : NOTHING;
    return read === null ? null : { result, call: calls[1] ?? '', bytes: read, tag: 0 };
  };
};

const addRead = (ops: RequestOps, { name, offset, length }: OfMemory<'posix-memory-read'>): Decoder => {
  const { program } = ops;
  return addOpened(ops, name, OPEN.O_RDONLY, (file) => {
    // By way of a file of its own, so that how much it is stands before the bytes.
    const args = [program.string('ns-ipc'), words(MEMFD.MFD_CLOEXEC, MEMFD)];
    const copy = resultOf(program.op('memfd_create', args, quiet), 'memfd');
    const start = shown(program.int64s([offset]), `&${offset}`);
    const op = program.op('sendfile', [copy, file, start, num(length)], quiet);
    ops.tell(op);
    ops.handOver(copy);
    program.op('close', [copy], quiet);
    return { op, bytes: true };
  });
};

const addWrite = (ops: RequestOps, { name, offset, data }: OfMemory<'posix-memory-write'>): Decoder =>
  addOpened(ops, name, OPEN.O_WRONLY, (file) => {
    const bytes = shown(ops.program.data(data), 'data');
    const op = ops.program.op('pwrite64', [file, bytes, num(data.length), num(offset)], quiet);
    ops.tell(op);
    return { op, bytes: false };
  });

/** Adds what is done with POSIX shared memory: files, as shm_open(3) opens them. */
export const addPosixMemory = (
  ops: RequestOps,
  request: OfMemory<
    | 'posix-memory-create'
    | 'posix-memory-remove'
    | 'posix-memory-list'
    | 'posix-memory-stat'
    | 'posix-memory-read'
    | 'posix-memory-write'
  >,
): Decoder => {
  switch (request.type) {
    case 'posix-memory-create':
      return addCreate(ops, request);
    case 'posix-memory-remove':
      return ops.plain('unlinkat', [here, pathOf(ops, request.name), num(0)]);
    case 'posix-memory-list':
      return addList(ops);
    case 'posix-memory-stat':
      return addStat(ops, request);
    case 'posix-memory-read':
      return addRead(ops, request);
    case 'posix-memory-write':
      return addWrite(ops, request);
  }
};
