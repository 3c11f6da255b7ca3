import { RECORD } from '../program/layout.ts';

/** What a status record says. */
export const RECORD_KIND = {
  /** An op of the launch program failed, in Node or in the child before it became the carrier. */
  launchFailed: 1,
  /** An op of the carrier's program failed. */
  carrierFailed: 2,
  /** Everything is done but execve. */
  ready: 3,
  /** The user namespace is made, and waits for its maps. */
  waiting: 5,
  /** The carrier has cloned the process that goes on; `pid` is its number out here. */
  pid: 4,
} as const;

/** One record from the status pipe. */
interface StatusRecord {
  readonly kind: number;
  readonly op: number;
  readonly errno: number;
  readonly pid: number;
}

/** What the status pipe has said from its beginning to its end. */
export interface StatusReport {
  readonly failure: StatusRecord | null;
  readonly ready: boolean;
  /** The child waits for its maps: not told where it waits from the beginning. */
  readonly waiting: boolean;
  readonly pid: number | null;
  /** The ops of the failed search for the command, as they lay in the carrier's memory. */
  readonly candidates: Buffer;
}

const readRecord = (bytes: Buffer, at: number): StatusRecord => ({
  kind: bytes.readUInt32LE(at + RECORD.kind),
  op: bytes.readUInt32LE(at + RECORD.op),
  errno: Number(bytes.readBigInt64LE(at + RECORD.errno)),
  pid: Number(bytes.readBigInt64LE(at + RECORD.pid)),
});

/** Reads all that came through a status pipe so far. */
export const readStatus = (bytes: Buffer): StatusReport => {
  let failure: StatusRecord | null = null;
  let ready = false;
  let waiting = false;
  let pid: number | null = null;
  let at = 0;
  while (at + RECORD.size <= bytes.length && failure === null) {
    const record = readRecord(bytes, at);
    at += RECORD.size;
    if (record.kind === RECORD_KIND.ready) ready = true;
    else if (record.kind === RECORD_KIND.waiting) waiting = true;
    else if (record.kind === RECORD_KIND.pid) pid = record.pid;
    else failure = record;
  }
  return { failure, ready, waiting, pid, candidates: bytes.subarray(at) };
};
