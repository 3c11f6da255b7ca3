import type { IpcRequest } from '../../../../lib/ipc.ts';
import { IPC, MEMFD } from '../../abi/constants.ts';
import { type Argument, addressOfOp, NULL, num, resultOf, shown, words } from '../../program/argument.ts';
import { OP } from '../../program/layout.ts';
import { renderOp } from '../../program/render.ts';
import { type Decoder, NOTHING } from './answer.ts';
import { out, quiet, type RequestOps } from './request-ops.ts';

type OfSemaphores<Type extends IpcRequest['type']> = Extract<IpcRequest, { type: Type }>;

/**
 * Room for the values of a set, 32,768 of them, with nothing mapped behind it: how many values there are the kernel alone
 * decides, and where they find no room it says EFAULT.
 */
const ROOM = { address: 0x3f_0000_0000, size: 0x1_0000 } as const;
/** sys/mman.h, linux/mman.h; MAP_FIXED_NOREPLACE since Linux 4.17 */
const MMAN = { PROT_READ: 1, PROT_WRITE: 2, MAP_PRIVATE: 2, MAP_ANONYMOUS: 0x20, MAP_FIXED_NOREPLACE: 0x10_0000 };
/** struct semid64_ds, and where sem_nsems stands in it. */
const SEMID_DS = { size: 104, count: { x64: 80, arm64: 64 } } as const;

const constant = (name: keyof typeof IPC): Argument => words(IPC[name], { [name]: IPC[name] });

const addRoom = ({ program }: RequestOps, onError: ReturnType<RequestOps['program']['label']>): number => {
  const { PROT_READ, PROT_WRITE, MAP_PRIVATE, MAP_ANONYMOUS, MAP_FIXED_NOREPLACE } = MMAN;
  const protection = words(PROT_READ | PROT_WRITE, { PROT_READ, PROT_WRITE });
  const flags = { MAP_PRIVATE, MAP_ANONYMOUS, MAP_FIXED_NOREPLACE };
  const args = [
    num(ROOM.address),
    num(ROOM.size),
    protection,
    words(MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, flags),
  ];
  return program.op('mmap', [...args, num(-1), num(0)], { onError, expected: true });
};

const dropRoom = ({ program }: RequestOps): void => {
  program.op('munmap', [num(ROOM.address), num(ROOM.size)], quiet);
};

/** A number of values is asked for, and all of the room handed over. */
const addValues = (ops: RequestOps, { id }: OfSemaphores<'semaphore-values'>): Decoder => {
  const { program } = ops;
  const stat = program.room(SEMID_DS.size);
  const failed = program.label();
  const good = program.label();
  const over = program.label();
  const options = { onError: failed, expected: true } as const;
  const chain = [
    addRoom(ops, failed),
    program.op('semctl', [num(id), num(0), constant('IPC_STAT'), shown(stat, '&stat')], options),
    program.op('semctl', [num(id), num(0), constant('GETALL'), shown(ROOM.address, 'values')], {
      ...options,
      onZero: good,
    }),
  ];
  program.place(good);
  for (const op of chain) ops.tell(op);
  program.op('write', [out, shown(stat, '&stat'), num(SEMID_DS.size)], quiet);
  program.op('write', [out, shown(ROOM.address, 'values'), num(ROOM.size)], quiet);
  program.op('close', [num(-1)], { onError: over, expected: true });
  program.place(failed);
  for (const op of chain) ops.tell(op);
  program.place(over);
  dropRoom(ops);
  const calls = chain.map((op) => renderOp(ops.info(op)));
  const countAt = SEMID_DS.count[program.arch];
  return (reader) => {
    const results = chain.map(() => reader.takeResult());
    for (const [index, result] of results.entries()) {
      if (result === null) return null;
      if (result < 0) return { result, call: calls[index] ?? '', bytes: NOTHING, tag: 0 };
    }
    const told = reader.take(SEMID_DS.size);
    const values = reader.take(ROOM.size);
    if (told === null || values === null) return null;
    const size = Math.min(Number(told.readBigUInt64LE(countAt)) * 2, ROOM.size);
    return { result: 0, call: calls[2] ?? '', bytes: values.subarray(0, size), tag: 0 };
  };
};

/** The values are put at the end of the room, so that a set of more semaphores gets none of them. */
const addSet = (ops: RequestOps, { id, values }: OfSemaphores<'semaphore-set'>): Decoder => {
  const { program } = ops;
  const bytes = Buffer.from(Uint16Array.from(values).buffer);
  const place = shown(ROOM.address + ROOM.size - bytes.length, 'values');
  const begin = program.label();
  const start = program.label();
  addRoom(ops, begin);
  program.place(begin);
  const name = program.string('ns-ipc');
  const file = resultOf(program.op('memfd_create', [name, words(MEMFD.MFD_CLOEXEC, MEMFD)], quiet), 'memfd');
  program.op('write', [file, shown(program.data(bytes), 'values'), num(bytes.length)], quiet);
  program.op('lseek', [file, num(0), num(0)], { onError: 'next', onZero: start });
  program.place(start);
  program.op('read', [file, place, num(bytes.length)], quiet);
  program.op('close', [file], quiet);
  const decode = ops.plain('semctl', [num(id), num(0), constant('SETALL'), place]);
  dropRoom(ops);
  return decode;
};

const DETAILS = ['GETVAL', 'GETNCNT', 'GETZCNT', 'GETPID'] as const;

/** Each semaphore is four calls, whose results stand in ops that lie side by side. */
const addDetails = (ops: RequestOps, { id, first, count }: OfSemaphores<'semaphore-details'>): Decoder => {
  const { program } = ops;
  const from = program.ops.length;
  for (let index = first; index < first + count; index += 1) {
    for (const name of DETAILS) program.op('semctl', [num(id), num(index), constant(name), NULL], quiet);
  }
  const all = count * DETAILS.length;
  program.op('write', [out, addressOfOp(from), num(all * OP.size)], quiet);
  const call = renderOp(ops.info(from));
  return (reader) => {
    const bytes = Buffer.alloc(all * 4);
    let failed = 0;
    for (let at = 0; at < all; at += 1) {
      const result = reader.takeResult();
      if (result === null) return null;
      if (result < 0 && failed === 0) failed = result;
      bytes.writeInt32LE(result, at * 4);
    }
    return { result: failed, call, bytes: failed < 0 ? NOTHING : bytes, tag: 0 };
  };
};

/** Adds what is done with the values of a set of semaphores. */
export const addSemaphores = (
  ops: RequestOps,
  request: OfSemaphores<'semaphore-values' | 'semaphore-set' | 'semaphore-details'>,
): Decoder => {
  switch (request.type) {
    case 'semaphore-values':
      return addValues(ops, request);
    case 'semaphore-set':
      return addSet(ops, request);
    case 'semaphore-details':
      return addDetails(ops, request);
  }
};
