import type { Arch } from '../abi/syscalls.ts';
import { MACHINE_CODE } from '../machine/code.ts';

/**
 * The carrier: a static ELF executable of two segments. The first holds these headers and the runner, readable and
 * executable; the second holds the program, readable and writable, at a fixed address, so that nothing needs relocation.
 * Both are aligned for pages of 64 KiB, and both begin inside the file's first page: the file has no padding.
 */
const TEXT_SEGMENT = 0x400000;
const DATA_SEGMENT = 0x10000000;
const ALIGNMENT = 0x10000;
const CODE_OFFSET = 0x100;

/** Bytes before the program. */
export const CARRIER_PREFIX_SIZE = 0x400;
/** The address of the program's header in a carrier; PROGRAM_BASE of the runner's sources. */
export const CARRIER_PROGRAM_BASE = DATA_SEGMENT + CARRIER_PREFIX_SIZE;

/** elf.h */
const MACHINES = { x64: 62, arm64: 183 } as const satisfies Record<Arch, number>;
const EHDR_SIZE = 64;
const PHDR_SIZE = 56;
const DATA_PHDR = EHDR_SIZE + PHDR_SIZE;
const [PF_X, PF_W, PF_R] = [1, 2, 4];
const PT_LOAD = 1;
const PT_GNU_STACK = 0x6474e551;

const writeSegment = (
  bytes: Buffer,
  at: number,
  type: number,
  flags: number,
  { offset, address, size }: { offset: number; address: number; size: number },
): void => {
  bytes.writeUInt32LE(type, at);
  bytes.writeUInt32LE(flags, at + 4);
  bytes.writeBigUInt64LE(BigInt(offset), at + 8);
  bytes.writeBigUInt64LE(BigInt(address), at + 16);
  bytes.writeBigUInt64LE(BigInt(address), at + 24);
  bytes.writeBigUInt64LE(BigInt(size), at + 32);
  bytes.writeBigUInt64LE(BigInt(size), at + 40);
  bytes.writeBigUInt64LE(BigInt(ALIGNMENT), at + 48);
};

/** Writes headers and runner, which are the same for every program but for its size. */
export const writeCarrierPrefix = (bytes: Buffer, arch: Arch): void => {
  const code = MACHINE_CODE[arch];
  bytes.fill(0);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // 64 bits, little endian, version 1
  bytes.writeUInt16LE(2, 16); // ET_EXEC
  bytes.writeUInt16LE(MACHINES[arch], 18);
  bytes.writeUInt32LE(1, 20);
  bytes.writeBigUInt64LE(BigInt(TEXT_SEGMENT + CODE_OFFSET + code.startOffset), 24);
  bytes.writeBigUInt64LE(BigInt(EHDR_SIZE), 32);
  bytes.writeUInt16LE(EHDR_SIZE, 52);
  bytes.writeUInt16LE(PHDR_SIZE, 54);
  bytes.writeUInt16LE(3, 56);
  writeSegment(bytes, EHDR_SIZE, PT_LOAD, PF_R | PF_X, { offset: 0, address: TEXT_SEGMENT, size: CARRIER_PREFIX_SIZE });
  writeSegment(bytes, DATA_PHDR, PT_LOAD, PF_R | PF_W, {
    offset: CARRIER_PREFIX_SIZE,
    address: CARRIER_PROGRAM_BASE,
    size: 0,
  });
  writeSegment(bytes, DATA_PHDR + PHDR_SIZE, PT_GNU_STACK, PF_R | PF_W, { offset: 0, address: 0, size: 0 });
  bytes.write(code.hex, CODE_OFFSET, 'hex');
};

/** Says how large the program behind the prefix is; the rest of the prefix stays as it is. */
export const setProgramSize = (prefix: Buffer, size: number): void => {
  prefix.writeUInt32LE(size, DATA_PHDR + 32);
  prefix.writeUInt32LE(size, DATA_PHDR + 40);
};
