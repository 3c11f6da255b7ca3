import type { IpcRequest } from '../../../../lib/ipc.ts';
import { OPEN } from '../../abi/constants.ts';
import { NULL, num, resultOf, shown, words } from '../../program/argument.ts';
import { renderOp } from '../../program/render.ts';
import { type Decoder, NOTHING } from './answer.ts';
import { quiet, type RequestOps } from './request-ops.ts';

/** struct stat, of which mode, uid and gid are at other places on other architectures; the whole is handed over. */
const STAT_SIZE = 144;
/** struct mq_attr: flags, most messages, bytes of one, messages there; and four more of the kernel's. */
const MQ_ATTR_SIZE = 64;

/** Adds what is done with one POSIX message queue. */
export const addPosix = (
  ops: RequestOps,
  request: Extract<
    IpcRequest,
    { type: 'posix-create' | 'posix-remove' | 'posix-send' | 'posix-receive' | 'posix-stat' }
  >,
): Decoder => {
  const { program } = ops;
  const name = program.string(request.name.slice(1));
  if (request.type === 'posix-remove') return ops.plain('mq_unlink', [name]);
  if (request.type === 'posix-create') {
    const { mode, maxMessages, messageBytes: size } = request;
    // The mode is what was asked for, whatever the caller's umask is.
    program.op('umask', [num(0)], quiet);
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
