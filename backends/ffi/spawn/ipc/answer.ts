import type { IpcAnswer } from '../../../../lib/ipc.ts';
import { OP } from '../../program/layout.ts';

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

/** The bytes of an answer that has none. */
export const NOTHING = Buffer.alloc(0);
