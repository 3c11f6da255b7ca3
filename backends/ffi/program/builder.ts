import type { SetupStep } from '../../../lib/errors.ts';
import type { NamespaceType } from '../../../lib/namespace.ts';
import { type Arch, type OpName, opNumber } from '../abi/syscalls.ts';
import type { Argument } from './argument.ts';
import { CHILD_PROGRAM, EXPECTED_ERROR, HEADER, MOST_OPS, OP, RECORD } from './layout.ts';

/** Memory that a program is laid out in, from `offset` on. */
export interface ProgramSpace {
  readonly bytes: Buffer;
  /** The same memory as 32-bit numbers. */
  readonly words: Int32Array;
  /** A multiple of 8. */
  readonly offset: number;
  /** The address that the byte at `offset` will have when the program runs. */
  readonly base: number;
  readonly arch: Arch;
}

/** A place among the ops that is jumped to; placed once, before or after its uses. */
export interface Label {
  index: number | null;
}

/** What an op is for, and where it leads. */
export interface OpOptions {
  readonly step?: SetupStep | 'exec';
  /** Where to go after an error; `next` means that the error is expected and of no consequence. */
  readonly onError: Label | 'next';
  /** Where to go after the result 0; the next op when left out. */
  readonly onZero?: Label;
  /** After the result 0: the header of another program, so that parent and child do not write into the same one. */
  readonly childProgram?: number;
  /** The error leads elsewhere, but is not to be recorded as the one that stopped the program. */
  readonly expected?: boolean;
  /** The namespace types that it makes. */
  readonly namespaces?: readonly NamespaceType[];
  readonly path?: string;
  /** What each message of a batch for netlink(7) says, by sequence number. */
  readonly netlink?: readonly string[];
  /** What these messages are of; rtnetlink when left out. */
  readonly protocol?: 'nftables';
}

/** An op of a finished program, as people want to see it. */
export interface OpInfo {
  readonly name: OpName;
  readonly args: readonly Argument[];
  readonly options: OpOptions;
}

/** Thrown when a program is too long, which only what a caller lists can make it. */
export class TooManyOps extends Error {}

/** Thrown when the space is too small; the one who provides the space catches it and provides more. */
export class SpaceExhausted extends Error {}

const HIGH = 2 ** 32;

/** Strings are mostly short and ASCII: a loop beats a call into C++. False when this one is not. */
const writeAscii = (bytes: Buffer, start: number, string: string): boolean => {
  if (string.length > 64) return false;
  for (let index = 0; index < string.length; index += 1) {
    const code = string.charCodeAt(index);
    if (code > 0x7f) return false;
    bytes[start + index] = code;
  }
  return true;
};

/**
 * Writes a program into memory: first its header and data, whose addresses are known at once, then its ops.
 *
 * Only what is here can get into a program: every argument is a number, or the address of data that this builder laid
 * out itself and whose length it knows.
 */
export class ProgramBuilder {
  readonly ops: OpInfo[] = [];
  readonly #space: ProgramSpace;
  #used: number = HEADER.size;
  #opsOffset = -1;

  constructor(space: ProgramSpace) {
    this.#space = space;
    if (space.bytes.length < space.offset + HEADER.size) throw new SpaceExhausted();
    for (let at = 0; at < HEADER.size; at += 4) this.#write32(at, 0);
  }

  /** The address of the header; the runner's argument. */
  get base(): number {
    return this.#space.base;
  }

  get arch(): Arch {
    return this.#space.arch;
  }

  /** Bytes in use, from the header on. */
  get size(): number {
    return this.#used;
  }

  /** Sets the kind that the status record says. */
  recordKind(kind: number): void {
    this.#write32(HEADER.record + RECORD.kind, kind);
    this.#write32(HEADER.record + RECORD.op, 0xffffffff);
  }

  /** The address of the status record. */
  get record(): number {
    return this.base + HEADER.record;
  }

  /** Lays out bytes; returns their address. */
  data(content: Uint8Array, alignment = 8): number {
    const at = this.#reserve(content.length, alignment);
    this.#space.bytes.set(content, this.#space.offset + at);
    return this.base + at;
  }

  /** Lays out 32-bit numbers; returns their address. */
  int32s(...values: number[]): number {
    const at = this.#reserve(values.length * 4, 8);
    for (const [index, value] of values.entries()) this.#write32(at + index * 4, value);
    return this.base + at;
  }

  /** Lays out 64-bit numbers; returns their address. */
  int64s(values: readonly number[]): number {
    const at = this.#reserve(values.length * 8, 8);
    for (let index = 0; index < values.length; index += 1) this.#write64(at + index * 8, values[index] as number);
    return this.base + at;
  }

  /** Lays out bytes of zero; returns their address. */
  zeros(size: number): number {
    const at = this.#reserve(size, 8);
    const { words, offset } = this.#space;
    const start = (offset + at) >> 2;
    for (let index = 0; index < size / 4; index += 1) words[start + index] = 0;
    return this.base + at;
  }

  /** Lays out room whose content is of no meaning before the program has written there; returns its address. */
  room(size: number): number {
    return this.base + this.#reserve(size, 8);
  }

  /** Lays out a string with its NUL. */
  string(string: string): Argument {
    return { kind: 'string', value: this.#cString(string), string };
  }

  /** Lays out a NULL-terminated list of strings, as execve(2) takes it. */
  strings(strings: readonly string[]): Argument {
    const addresses = strings.map((string) => this.#cString(string));
    addresses.push(0);
    return { kind: 'strings', value: this.int64s(addresses), strings };
  }

  /** Makes a label. */
  label(): Label {
    return { index: null };
  }

  /** Puts a label in front of the next op. */
  place(label: Label): void {
    if (label.index !== null) throw new TypeError('A label was placed twice');
    label.index = this.ops.length;
  }

  /** Appends an op; returns its index. */
  op(name: OpName, args: readonly Argument[], options: OpOptions): number {
    if (args.length > 6) throw new TypeError(`${name} has ${args.length} arguments`);
    if (this.ops.length >= MOST_OPS) throw new TooManyOps(`A program has at most ${MOST_OPS} ops`);
    return this.ops.push({ name, args, options }) - 1;
  }

  /** Writes header and ops. */
  finish(): void {
    const { words, offset, arch } = this.#space;
    const { ops } = this;
    const opsOffset = this.#reserve(ops.length * OP.size, OP.size);
    this.#opsOffset = opsOffset;
    this.#write64(HEADER.ops, this.base + opsOffset);
    for (let index = 0; index < ops.length; index += 1) {
      const { name, args, options } = ops[index] as OpInfo;
      const { onError, onZero, expected, childProgram } = options;
      const at = opsOffset + index * OP.size;
      let memory = expected === true || onError === 'next' ? EXPECTED_ERROR : 0;
      let wide = 0;
      for (let i = 0; i < 6; i += 1) {
        const argument = args[i];
        this.#write64(at + OP.args + i * 8, argument === undefined ? 0 : this.#valueOf(argument));
        if (argument?.kind === 'memory' || argument?.kind === 'result') {
          memory |= 1 << i;
          if (argument.wide) wide |= 1 << i;
        }
      }
      if (childProgram !== undefined) {
        if (args.length > 5) throw new TypeError(`${name} has no argument left for its child's program`);
        memory |= CHILD_PROGRAM;
        this.#write64(at + OP.args + 5 * 8, childProgram);
      }
      const error = onError === 'next' ? index + 1 : this.#target(onError);
      const zero = onZero === undefined ? index + 1 : this.#target(onZero);
      const start = (offset + at) >> 2;
      words[start] = opNumber(name, arch) | (memory << 16) | (wide << 24);
      words[start + 1] = error | (zero << 16);
      // A result that was never reached reads as -1, which every close(2) takes for no fd.
      this.#write64(at + OP.result, -1);
    }
  }

  /** Reads a 32-bit number at an address of this program's data. */
  read32(address: number): number {
    return this.#space.bytes.readInt32LE(this.#offsetOf(address, 4));
  }

  /** Reads a 64-bit number at an address of this program's data; exact below 2^53. */
  read64(address: number): number {
    const at = this.#offsetOf(address, 8);
    return this.#space.bytes.readInt32LE(at + 4) * HIGH + this.#space.bytes.readUInt32LE(at);
  }

  /** A copy of bytes at an address of this program's data. */
  bytesAt(address: number, size: number): Buffer {
    const at = this.#offsetOf(address, size);
    return Buffer.from(this.#space.bytes.subarray(at, at + size));
  }

  /** What an op returned: a negative errno, or -1 for one that was never reached. */
  result(op: number): number {
    return this.read64(this.#opAddress(op) + OP.result);
  }

  #opAddress(op: number): number {
    if (!Number.isInteger(op) || op < 0 || op >= this.ops.length) throw new TypeError('No such op');
    return this.base + this.#opsOffset + op * OP.size;
  }

  #valueOf(argument: Argument): number {
    if (argument.kind === 'op') return this.#opAddress(argument.value) + argument.offset;
    return argument.kind === 'result' ? this.#opAddress(argument.value) + OP.result : argument.value;
  }

  #offsetOf(address: number, size: number): number {
    const at = address - this.base;
    if (at < 0 || at + size > this.#used) throw new RangeError('An address outside of the program');
    return this.#space.offset + at;
  }

  #target(label: Label): number {
    if (label.index === null || label.index >= this.ops.length) throw new TypeError('A label leads nowhere');
    return label.index;
  }

  #cString(string: string): number {
    const { bytes, offset } = this.#space;
    const at = this.#reserve(0, 1);
    const start = offset + at;
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    if (start + string.length * 3 + 1 > bytes.length) throw new SpaceExhausted();
    const length = writeAscii(bytes, start, string) ? string.length : bytes.write(string, start, 'utf8');
    bytes[start + length] = 0;
    this.#used = at + length + 1;
    return this.base + at;
  }

  #reserve(size: number, alignment: number): number {
    if (this.#opsOffset >= 0) throw new TypeError('The program is finished');
    const at = (this.#used + alignment - 1) & -alignment;
    if (this.#space.offset + at + size > this.#space.bytes.length) throw new SpaceExhausted();
    this.#used = at + size;
    return at;
  }

  #write32(at: number, value: number): void {
    this.#space.words[(this.#space.offset + at) >> 2] = value;
  }

  #write64(at: number, value: number): void {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no 64-bit argument`);
    const { words, offset } = this.#space;
    words[(offset + at) >> 2] = value;
    words[((offset + at) >> 2) + 1] = Math.floor(value / HIGH);
  }
}
