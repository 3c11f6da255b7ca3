/** What all System V objects have. */
export interface IpcObject {
  readonly id: number;
  /** Unsigned; 0: IPC_PRIVATE. */
  readonly key: number;
  /** The nine bits of the permissions. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly creatorUid: number;
  readonly creatorGid: number;
  /** When it was made, or changed by IPC_SET. */
  readonly changed: Date;
}

/** A message queue. */
export interface QueueInfo extends IpcObject {
  readonly usedBytes: number;
  readonly messages: number;
  /** 0: nobody yet, or somebody of another pid namespace. */
  readonly lastSendPid: number;
  readonly lastReceivePid: number;
  /** null: never. */
  readonly lastSend: Date | null;
  readonly lastReceive: Date | null;
}

/** A set of semaphores. */
export interface SemaphoresInfo extends IpcObject {
  /** How many are in it. */
  readonly count: number;
  readonly lastOperation: Date | null;
}

/** A segment of shared memory. */
export interface MemoryInfo extends IpcObject {
  readonly sizeBytes: number;
  readonly creatorPid: number;
  /** The command line of the process that has that pid now, or its name; null: there is none. */
  readonly creatorCommand: string | null;
  readonly lastPid: number;
  /** How often it is attached. */
  readonly attached: number;
  readonly lastAttach: Date | null;
  readonly lastDetach: Date | null;
  readonly residentBytes: number;
  readonly swappedBytes: number;
  /** It has been removed, and goes when nobody has it attached any more. */
  readonly removed: boolean;
  /** It is locked in memory. */
  readonly locked: boolean;
}

/** How much the namespace may hold; null where the kernel does not say. */
export interface IpcLimits {
  readonly queues: number | null;
  readonly messageBytes: number | null;
  readonly queueBytes: number | null;
  readonly segments: number | null;
  readonly segmentBytes: bigint | null;
  readonly allSegmentPages: bigint | null;
  readonly semaphoresPerSet: number | null;
  readonly semaphores: number | null;
  readonly operationsPerCall: number | null;
  readonly semaphoreSets: number | null;
}

/** What is there in an ipc namespace. */
export interface IpcListing {
  readonly queues: readonly QueueInfo[];
  readonly semaphores: readonly SemaphoresInfo[];
  readonly memory: readonly MemoryInfo[];
  readonly limits: IpcLimits;
}

/** Bits of a segment's mode beside the permissions; linux/shm.h. */
const SHM_DEST = 0o1000;
const SHM_LOCKED = 0o2000;

type Row = (name: string) => number;

/** Rows of a file of /proc/sysvipc, by the names in its first line. Modes are octal. */
const rows = (text: string): readonly Row[] => {
  const [head = '', ...lines] = text.split('\n');
  const names = head.trim().split(/\s+/);
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const fields = line.trim().split(/\s+/);
      return (name) => {
        const field = fields[names.indexOf(name)] ?? '0';
        return name === 'perms' ? Number.parseInt(field, 8) : Number(field);
      };
    });
};

const time = (seconds: number): Date | null => (seconds === 0 ? null : new Date(seconds * 1000));

const object = (row: Row, id: string): IpcObject => ({
  id: row(id),
  // The file has it signed, everybody writes it unsigned.
  key: row('key') >>> 0,
  mode: row('perms') & 0o777,
  uid: row('uid'),
  gid: row('gid'),
  creatorUid: row('cuid'),
  creatorGid: row('cgid'),
  changed: new Date(row('ctime') * 1000),
});

const number = (text: string | undefined): number | null =>
  text === undefined || text.trim() === '' ? null : Number(text.trim());
const large = (text: string | undefined): bigint | null =>
  text === undefined || !/^\d+$/.test(text.trim()) ? null : BigInt(text.trim());

/**
 * Reads the texts of the files of a list, each of which ends with a NUL.
 *
 * @param commandOf - what runs as a pid
 */
export const parseListing = (bytes: Buffer, commandOf: (pid: number) => string | null): IpcListing => {
  const [messages = '', semaphores = '', segments = '', ...limits] = bytes.toString('latin1').split('\0');
  const [queues, messageBytes, queueBytes, segmentCount, segmentBytes, pages, sem] = limits;
  const [perSet, all, perCall, sets] = (sem ?? '').trim().split(/\s+/);
  return {
    queues: rows(messages).map((row) => ({
      ...object(row, 'msqid'),
      usedBytes: row('cbytes'),
      messages: row('qnum'),
      lastSendPid: row('lspid'),
      lastReceivePid: row('lrpid'),
      lastSend: time(row('stime')),
      lastReceive: time(row('rtime')),
    })),
    semaphores: rows(semaphores).map((row) => ({
      ...object(row, 'semid'),
      count: row('nsems'),
      lastOperation: time(row('otime')),
    })),
    memory: rows(segments).map((row) => ({
      ...object(row, 'shmid'),
      sizeBytes: row('size'),
      creatorPid: row('cpid'),
      creatorCommand: commandOf(row('cpid')),
      lastPid: row('lpid'),
      attached: row('nattch'),
      lastAttach: time(row('atime')),
      lastDetach: time(row('dtime')),
      residentBytes: row('rss'),
      swappedBytes: row('swap'),
      removed: (row('perms') & SHM_DEST) !== 0,
      locked: (row('perms') & SHM_LOCKED) !== 0,
    })),
    limits: {
      queues: number(queues),
      messageBytes: number(messageBytes),
      queueBytes: number(queueBytes),
      segments: number(segmentCount),
      segmentBytes: large(segmentBytes),
      allSegmentPages: large(pages),
      semaphoresPerSet: number(perSet),
      semaphores: number(all),
      operationsPerCall: number(perCall),
      semaphoreSets: number(sets),
    },
  };
};
