import type { IpcRequest } from '../../../../lib/ipc.ts';
import { IPC, MEMFD } from '../../abi/constants.ts';
import { num, resultOf, shown, words } from '../../program/argument.ts';
import { renderOp } from '../../program/render.ts';
import { type Decoder, NOTHING } from './answer.ts';
import { quiet, type RequestOps } from './request-ops.ts';

/** Where a segment is attached in the carrier, whose own memory lies below; any alignment of any architecture fits. */
const ATTACHED_AT = 0x40_0000_0000;

/** Copies memory between the program and an attached segment, which no system call does but by a file in between. */
export const addMemory = (
  ops: RequestOps,
  request: Extract<IpcRequest, { type: 'memory-read' | 'memory-write' }>,
): Decoder => {
  const { program } = ops;
  const { id, offset } = request;
  const over = program.label();
  const attachFlags = request.type === 'memory-read' ? IPC.SHM_RDONLY : 0;
  const attach = program.op('shmat', [num(id), num(ATTACHED_AT), words(attachFlags, IPC)], {
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
    ops.handOver(file);
  } else {
    program.op('write', [file, shown(program.data(request.data), 'data'), num(length)], quiet);
    const start = program.label();
    program.op('lseek', [file, num(0), num(0)], { onError: 'next', onZero: start });
    program.place(start);
    copied = program.op('read', [file, there, num(length)], quiet);
    ops.tell(copied);
  }
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
