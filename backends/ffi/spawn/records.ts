import { RECORD } from '../program/layout.ts';

/** What a status record says. */
export const RECORD_KIND = {
  /** An op of the launch program failed, in Node or in the child before it became the carrier. */
  launchFailed: 1,
  /** An op of the child's program failed. */
  childFailed: 2,
  /** Everything is done but execve. */
  ready: 3,
  /** The user namespace is made, and waits for its maps. */
  waiting: 5,
  /** The carrier has cloned the process that goes on; `pid` is its number out here. */
  pid: 4,
  /** The same by the clone itself: what /proc/self says out here. */
  pidText: 6,
} as const;

/** The exit code of a child that never became the command; nobody sees it but strace. */
export const SETUP_FAILED_CODE = 125;

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
  /** Who goes on, one after the other. */
  readonly pids: readonly number[];
  /** The ops of the failed search for the command, as they lay in the carrier's memory. */
  readonly candidates: Buffer;
}

const readPid = (bytes: Buffer, at: number, kind: number): number =>
  kind === RECORD_KIND.pidText
    ? Number.parseInt(bytes.toString('latin1', at, at + 8), 10)
    : Number(bytes.readBigInt64LE(at));

const readRecord = (bytes: Buffer, at: number): StatusRecord => ({
  kind: bytes.readUInt32LE(at + RECORD.kind),
  op: bytes.readUInt32LE(at + RECORD.op),
  errno: Number(bytes.readBigInt64LE(at + RECORD.errno)),
  pid: readPid(bytes, at + RECORD.pid, bytes.readUInt32LE(at + RECORD.kind)),
});

/** Reads all that came through a status pipe so far. */
export const readStatus = (bytes: Buffer): StatusReport => {
  let failure: StatusRecord | null = null;
  let ready = false;
  let waiting = false;
  const pids: number[] = [];
  let at = 0;
  while (at + RECORD.size <= bytes.length && failure === null) {
    const record = readRecord(bytes, at);
    at += RECORD.size;
    if (record.kind === RECORD_KIND.ready) ready = true;
    else if (record.kind === RECORD_KIND.waiting) waiting = true;
    else if (record.kind === RECORD_KIND.pid || record.kind === RECORD_KIND.pidText) pids.push(record.pid);
    else failure = record;
  }
  return { failure, ready, waiting, pids, candidates: bytes.subarray(at) };
};
