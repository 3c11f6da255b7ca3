import { NLATTR, NLM_F, NLMSGHDR } from '../abi/netlink.ts';

/** Something that is not known before the program runs, and is put into the messages then. */
export type HoleValue =
  /** An fd of a network namespace. */
  | { readonly type: 'netns'; readonly of: 'own' | 'caller' }
  /** The index of an interface by its name. */
  | { readonly type: 'ifindex'; readonly name: string; readonly of: 'own' | 'caller' };

/** Four bytes of a batch that are filled in later. */
export interface Hole {
  readonly offset: number;
  readonly value: HoleValue;
}

/** Messages that go to the kernel in one write(2). */
export interface NetlinkBatch {
  readonly bytes: Buffer;
  readonly holes: readonly Hole[];
  /** What each message says, for people; a message's sequence number is its index here. */
  readonly texts: readonly string[];
}

/** Messages begin at multiples of this, and attributes within them. */
const ALIGNMENT = 4;
const FIRST_SIZE = 1_024;
/** The length of an attribute has 16 bits. */
const LONGEST_ATTRIBUTE = 0xffff;

/** Writes messages of netlink(7), one behind the other. */
export class NetlinkWriter {
  #bytes = Buffer.alloc(FIRST_SIZE);
  #length = 0;
  readonly #holes: Hole[] = [];
  readonly #texts: string[] = [];

  /** Appends a message; `body` writes what follows the header. */
  message(type: number, flags: number, text: string, body: () => void): void {
    const start = this.#reserve(NLMSGHDR.size);
    body();
    this.#bytes.writeUInt32LE(this.#length - start, start + NLMSGHDR.length);
    this.#bytes.writeUInt16LE(type, start + NLMSGHDR.type);
    this.#bytes.writeUInt16LE(flags | NLM_F.NLM_F_REQUEST, start + NLMSGHDR.flags);
    this.#bytes.writeUInt32LE(this.#texts.length, start + NLMSGHDR.sequence);
    this.#texts.push(text);
  }

  /** Appends a struct of so many bytes, zeroed; `fill` writes its fields at the offset that it is given. */
  struct(size: number, fill: (bytes: Buffer, at: number) => void): void {
    const at = this.#reserve(size);
    fill(this.#bytes, at);
  }

  /** Leaves four bytes at an offset of the struct or value that was written last to be filled in later. */
  hole(back: number, value: HoleValue): void {
    this.#holes.push({ offset: this.#length - back, value });
  }

  /** Appends an attribute. */
  attribute(type: number, value: ArrayLike<number>): void {
    this.#attribute(type, () => {
      const at = this.#reserve(value.length);
      for (let index = 0; index < value.length; index += 1) this.#bytes[at + index] = value[index] ?? 0;
      return value.length;
    });
  }

  /** Appends an attribute that is a 32-bit number. */
  u32(type: number, value: number): void {
    this.#attribute(type, () => this.#bytes.writeUInt32LE(value, this.#reserve(4)) && 4);
  }

  /** Appends an attribute of four bytes that are filled in later. */
  later(type: number, value: HoleValue): void {
    this.u32(type, 0);
    this.hole(4, value);
  }

  /** Appends an attribute that is a string with its NUL. */
  string(type: number, value: string): void {
    this.attribute(type, Buffer.from(`${value}\0`));
  }

  /** Appends an attribute that holds what `body` writes. */
  nest(type: number, body: () => void): void {
    this.#attribute(type, () => {
      const start = this.#length;
      body();
      return this.#length - start;
    });
  }

  /** Whether nothing was written. */
  get isEmpty(): boolean {
    return this.#texts.length === 0;
  }

  /** All that was written. */
  batch(): NetlinkBatch {
    return { bytes: this.#bytes.subarray(0, this.#length), holes: this.#holes, texts: this.#texts };
  }

  #attribute(type: number, body: () => number): void {
    const start = this.#reserve(NLATTR.size);
    const length = NLATTR.size + body();
    if (length > LONGEST_ATTRIBUTE) throw new RangeError(`An attribute of ${length} bytes`);
    this.#bytes.writeUInt16LE(length, start);
    this.#bytes.writeUInt16LE(type, start + 2);
  }

  #reserve(size: number): number {
    const at = this.#length;
    this.#length += (size + ALIGNMENT - 1) & -ALIGNMENT;
    while (this.#length > this.#bytes.length)
      this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(this.#bytes.length)]);
    return at;
  }
}
