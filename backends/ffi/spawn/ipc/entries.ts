import { type Argument, num, resultOf, shown } from '../../program/argument.ts';
import type { AnswerReader } from './answer.ts';
import { out, quiet, type RequestOps } from './request-ops.ts';

/** What is read of a directory at once, bytes. */
const CHUNK = 32_768;

/** An entry of a directory. */
interface Entry {
  readonly name: string;
  /** DT_REG and its like; see readdir(3). */
  readonly type: number;
}

/** The entries in what getdents64(2) gave: {u64 inode, i64 offset, u16 size, u8 type, name}. */
const entriesOf = (bytes: Buffer): readonly Entry[] => {
  const entries: Entry[] = [];
  for (let at = 0; at + 19 <= bytes.length; ) {
    const size = bytes.readUInt16LE(at + 16);
    if (size < 19) break;
    const end = bytes.indexOf(0, at + 19);
    const name = bytes.toString('utf8', at + 19, end);
    if (name !== '.' && name !== '..') entries.push({ name, type: bytes[at + 18] ?? 0 });
    at += size;
  }
  return entries;
};

/** Hands over the entries of an open directory; what reads them is null when they are not all there. */
export const addEntries = (ops: RequestOps, dir: Argument): ((reader: AnswerReader) => readonly Entry[] | null) => {
  const { program } = ops;
  const buffer = program.room(CHUNK);
  const loop = program.label();
  const over = program.label();
  program.place(loop);
  const read = program.op('getdents64', [dir, shown(buffer, 'entries'), num(CHUNK)], {
    onError: over,
    onZero: over,
    expected: true,
  });
  ops.tell(read);
  program.op('write', [out, shown(buffer, 'entries'), resultOf(read, 'size')], quiet);
  program.op('close', [num(-1)], { onError: loop, expected: true });
  program.place(over);
  ops.tell(read);
  return (reader) => {
    const parts: Buffer[] = [];
    for (;;) {
      const result = reader.takeResult();
      if (result === null) return null;
      if (result <= 0) return entriesOf(Buffer.concat(parts));
      const bytes = reader.take(result);
      if (bytes === null) return null;
      parts.push(bytes);
    }
  };
};
