import { type InvalidOption, invalidOption } from '../errors.ts';
import type { IpcRequest } from '../ipc.ts';

/** The largest number of ids, keys and sizes that a call takes. */
const LAST_INT = 0x7fffffff;
/** More than any message queue lets be sent by default, and small beside a process: 16 MiB. */
const MOST_BYTES = 16 * 1024 * 1024;
/** Where a segment may be read and written at all: the first 256 GiB of it. */
const LAST_OFFSET = 2 ** 38;
/** SEMOPM: more than a call of semop(2) takes by default is for the kernel to refuse. */
const MOST_OPERATIONS = 500;
/** How many semaphores are asked about in one request, at four calls each. */
const MOST_DETAILS = 4_096;
/** More than SEMMSL, which a set has at most by default. */
const MOST_VALUES = 32_768;
const LAST_PRIORITY = 32_767;
/** NAME_MAX of shm_open(3) and mq_open(3), which count the NUL and not the slash. */
const MOST_NAME_BYTES = 254;

/** What is complained about when it is not good: the option, its value, and what is wanted. */
type Check = readonly [option: string, value: unknown, good: boolean, wanted: string];

const isInt = (value: unknown, least: number, most: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;

const id = (value: unknown): Check => ['id', value, isInt(value, 0, LAST_INT), 'the id of an IPC object'];
const mode = (value: unknown): Check => ['mode', value, isInt(value, 0, 0o777), 'permissions, 0 to 0o777'];
const key = (value: unknown): Check => [
  'key',
  value,
  value === null || isInt(value, -0x80000000, 0xffffffff),
  'a 32-bit number',
];
const within = (option: string, value: unknown, least: number, most: number): Check => [
  option,
  value,
  isInt(value, least, most),
  `a number from ${least} to ${most}`,
];
const wait = (value: unknown): Check => ['wait', value, typeof value === 'boolean', 'true or false'];
const data = (value: unknown): Check => [
  'data',
  value instanceof Uint8Array ? `${value.length} bytes` : value,
  value instanceof Uint8Array && value.length <= MOST_BYTES,
  `a Uint8Array of at most ${MOST_BYTES} bytes`,
];
const name = (value: unknown): Check => [
  'name',
  value,
  typeof value === 'string' &&
    /^\/[^/\0]+$/.test(value) &&
    value !== '/.' &&
    value !== '/..' &&
    Buffer.byteLength(value) <= 1 + MOST_NAME_BYTES,
  `a "/" and a file name of at most ${MOST_NAME_BYTES} bytes`,
];

const checksOf = (request: IpcRequest): readonly Check[] => {
  switch (request.type) {
    case 'queue-create':
      return [key(request.key), mode(request.mode)];
    case 'semaphore-create':
      return [within('count', request.count, 1, LAST_INT), key(request.key), mode(request.mode)];
    case 'memory-create': {
      const size = within('sizeBytes', request.sizeBytes, 1, Number.MAX_SAFE_INTEGER);
      return [size, key(request.key), mode(request.mode)];
    }
    case 'queue-remove':
    case 'queue-stat':
    case 'semaphore-remove':
    case 'semaphore-values':
    case 'memory-remove':
      return [id(request.id)];
    case 'queue-send': {
      const { messageType } = request;
      const type = within('type', messageType, 1, Number.MAX_SAFE_INTEGER);
      return [id(request.id), data(request.data), type, wait(request.wait)];
    }
    case 'queue-receive': {
      const { messageType, mostBytes } = request;
      const type: Check = ['type', messageType, Number.isSafeInteger(messageType), 'a whole number'];
      return [id(request.id), type, within('mostBytes', mostBytes, 1, MOST_BYTES), wait(request.wait)];
    }
    case 'semaphore-details': {
      const { first, count } = request;
      return [id(request.id), within('first', first, 0, LAST_INT), within('count', count, 1, MOST_DETAILS)];
    }
    case 'semaphore-set': {
      const { values } = request;
      const good =
        Array.isArray(values) &&
        values.length > 0 &&
        values.length <= MOST_VALUES &&
        values.every((value) => isInt(value, 0, 0xffff));
      return [id(request.id), ['values', values, good, `1 to ${MOST_VALUES} numbers from 0 to 65535`]];
    }
    case 'semaphore-operate': {
      const { operations } = request;
      const good =
        Array.isArray(operations) &&
        operations.length > 0 &&
        operations.length <= MOST_OPERATIONS &&
        operations.every((one) => isInt(one?.index, 0, 0xffff) && isInt(one?.change, -0x8000, 0x7fff));
      return [id(request.id), ['operations', operations, good, `1 to ${MOST_OPERATIONS} of { index, change }`]];
    }
    case 'memory-read': {
      const { offset, length } = request;
      return [id(request.id), within('offset', offset, 0, LAST_OFFSET), within('length', length, 1, MOST_BYTES)];
    }
    case 'memory-write':
      return [id(request.id), within('offset', request.offset, 0, LAST_OFFSET), data(request.data)];
    case 'list':
    case 'posix-list':
    case 'posix-memory-list':
      return [];
    case 'posix-create': {
      const { maxMessages, messageBytes } = request;
      const most = within('maxMessages', maxMessages, 1, LAST_INT);
      return [name(request.name), mode(request.mode), most, within('messageBytes', messageBytes, 1, MOST_BYTES)];
    }
    case 'posix-send': {
      const priority = within('priority', request.priority, 0, LAST_PRIORITY);
      return [name(request.name), data(request.data), priority, wait(request.wait)];
    }
    case 'posix-receive':
      return [name(request.name), within('mostBytes', request.mostBytes, 1, MOST_BYTES), wait(request.wait)];
    case 'posix-remove':
    case 'posix-stat':
    case 'posix-memory-remove':
    case 'posix-memory-stat':
      return [name(request.name)];
    case 'posix-memory-create': {
      const size = within('sizeBytes', request.sizeBytes, 0, Number.MAX_SAFE_INTEGER);
      return [name(request.name), size, mode(request.mode)];
    }
    case 'posix-memory-read': {
      const offset = within('offset', request.offset, 0, Number.MAX_SAFE_INTEGER);
      return [name(request.name), offset, within('length', request.length, 1, MOST_BYTES)];
    }
    case 'posix-memory-write': {
      const offset = within('offset', request.offset, 0, Number.MAX_SAFE_INTEGER);
      return [name(request.name), offset, data(request.data)];
    }
    default:
      return [['type', (request as { readonly type?: unknown })?.type, false, 'the type of an IPC request']];
  }
};

/** The first thing that a request cannot mean, or nothing. */
export const complaintAbout = (request: IpcRequest, prefix = ''): InvalidOption | null => {
  const bad = checksOf(request).find(([, , good]) => !good);
  return bad === undefined ? null : invalidOption(`${prefix}${bad[0]}`, bad[1], bad[3]);
};
