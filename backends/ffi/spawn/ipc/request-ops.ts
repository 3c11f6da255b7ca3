import type { IpcAnswer } from '../../../../lib/ipc.ts';
import { type Argument, addressOfOp, num, resultOf, shown } from '../../program/argument.ts';
import type { OpInfo, ProgramBuilder } from '../../program/builder.ts';
import { OP } from '../../program/layout.ts';
import { renderOp } from '../../program/render.ts';
import { type Decoder, NOTHING } from './answer.ts';

/** What is read of a file at once, bytes. */
export const CHUNK = 4_096;

/** Options of an op whose error is told as any other result. */
export const quiet = { onError: 'next' } as const;
/** Where answers are written: stdout, a pipe to the caller. */
export const out = num(1);

type FillDecoder = (bytes: Buffer, result: number) => Pick<IpcAnswer, 'bytes' | 'tag'>;

/** Adds the ops of requests, and of what they tell. */
export class RequestOps {
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

  /** Hands over all that was written to a file, from its beginning on. */
  handOver(file: Argument): void {
    const { program } = this;
    const loop = program.label();
    program.op('lseek', [file, num(0), num(0)], { onError: 'next', onZero: loop });
    program.place(loop);
    this.copyRest(file, program.room(CHUNK));
    program.op('close', [num(-1)], quiet);
  }

  /** Hands over what has not been read yet, in chunks that go through `buffer`. */
  copyRest(file: Argument, buffer: number): void {
    const { program } = this;
    const loop = program.label();
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
