/** How a program lies in memory: what the runner's sources (../machine) know, in numbers. */

/** A header: address of the first op, the status record, and the runner's scratch. */
export const HEADER = {
  ops: 0,
  /** The status record: what is written to the status pipe as it stands. */
  record: 8,
  /** The environment that a carrier was started with: envp. */
  envp: 32,
  size: 128,
} as const;

/** A status record, 24 bytes: {u32 kind, u32 op, i64 errno, i64 pid}. */
export const RECORD = { kind: 0, op: 4, errno: 8, pid: 16, size: 24 } as const;

/** An op, 64 bytes: {u16 number, u8 memory, u8 wide, u16 onError, u16 onZero, i64 result, i64 args[6]}. */
export const OP = { result: 8, args: 16, size: 64 } as const;

/** Set in an op's `memory` byte: its errors are expected, and not recorded. */
export const EXPECTED_ERROR = 0x80;

/** Set there in an op that clones: the child goes on with another program, whose header is the sixth argument. */
export const CHILD_PROGRAM = 0x40;

/** Op indices have 16 bits. */
export const MOST_OPS = 0xffff;
