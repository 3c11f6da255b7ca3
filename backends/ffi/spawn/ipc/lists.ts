import { IPC_FILES } from '../../../../lib/ipc.ts';
import { NAMESPACES } from '../../../../lib/namespace.ts';
import { AT, FSCONFIG, OPEN } from '../../abi/constants.ts';
import { NULL, num, resultOf, shown, words } from '../../program/argument.ts';
import { renderOp } from '../../program/render.ts';
import { CLONE_FLAGS } from '../set-up-ops.ts';
import { type Decoder, NOTHING } from './answer.ts';
import { addEntries } from './entries.ts';
import { CHUNK, out, quiet, type RequestOps } from './request-ops.ts';

/** Hands over a whole file, and a NUL behind it. */
const addFile = (ops: RequestOps, path: string, buffer: number, end: number): void => {
  const { program } = ops;
  const missing = program.label();
  const args = [words(AT.AT_FDCWD, AT), program.string(path), words(OPEN.O_RDONLY | OPEN.O_CLOEXEC, OPEN)];
  const file = resultOf(program.op('openat', args, { onError: missing, expected: true }), 'file');
  ops.copyRest(file, buffer);
  program.op('close', [file], quiet);
  program.place(missing);
  program.op('write', [out, shown(end, '"\\0"'), num(1)], quiet);
};

/** Hands over the files of /proc/sysvipc, as the child sees them. */
export const addList = (ops: RequestOps): Decoder => {
  const { program } = ops;
  const buffer = program.room(CHUNK);
  const end = program.int32s(0);
  for (const path of IPC_FILES) addFile(ops, path, buffer, end);
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
export const addPosixList = (ops: RequestOps): Decoder => {
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
  const readNames = addEntries(ops, dir);
  for (const fd of [dir, mount, fs]) program.op('close', [fd], quiet);
  const calls = chain.map((op) => renderOp(ops.info(op)));
  return (reader) => {
    let failure: { result: number; call: string } | null = null;
    for (const call of calls) {
      const result = reader.takeResult();
      if (result === null) return null;
      if (result < 0 && failure === null) failure = { result, call };
    }
    const names = readNames(reader);
    if (names === null) return null;
    if (failure !== null) return { ...failure, bytes: NOTHING, tag: 0 };
    return { result: 0, call: 'getdents64', bytes: Buffer.from(names.map(({ name }) => name).join('\0')), tag: 0 };
  };
};
