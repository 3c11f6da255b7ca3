import type { Duplex } from 'node:stream';

/** The socket on which the stages and we talk, line by line. */
export interface Talk {
  /** The next line; null when nobody is left who could say one. */
  readonly next: () => Promise<string | null>;
  readonly say: (line: string) => void;
  /** Says that nothing more will be said: a stage that waits for an answer ends. */
  readonly hangUp: () => void;
  readonly close: () => void;
  readonly setRef: (ref: boolean) => void;
}

type Refable = Duplex & { ref?: () => void; unref?: () => void };

const setRef =
  (stream: Refable) =>
  (ref: boolean): void => {
    if (ref) stream.ref?.();
    else stream.unref?.();
  };

/** Bytes are kept as they are, one character each: paths need not be UTF-8. */
const ENCODING = 'latin1';

/** Reads lines from a socket and writes them to it. */
export const talkOn = (socket: Duplex): Talk => {
  const lines: string[] = [];
  let rest = '';
  let isOver = false;
  let wake: (() => void) | null = null;
  const changed = (): void => {
    wake?.();
    wake = null;
  };
  socket.on('data', (bytes: Buffer) => {
    const parts = (rest + bytes.toString(ENCODING)).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
    changed();
  });
  // A stage that ended before it had read what we said: its end is what is told, not this.
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    isOver = true;
    changed();
  });
  return {
    next: async () => {
      while (lines.length === 0 && !isOver) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return lines.shift() ?? null;
    },
    say: (line) => {
      socket.write(Buffer.from(`${line}\n`, ENCODING));
    },
    hangUp: () => {
      socket.end();
    },
    close: () => {
      socket.destroy();
    },
    setRef: setRef(socket),
  };
};

/** What the tools say on their stderr. */
export interface Murmur {
  readonly text: () => string;
  /** Settles when no tool is left that could say anything. */
  readonly over: Promise<void>;
  readonly setRef: (ref: boolean) => void;
}

/** More than any tool has to say; the end of it is what counts. */
const LONGEST_TEXT = 64 * 1024;

/** Collects what comes from a socket. */
export const murmurOn = (socket: Duplex): Murmur => {
  let text = '';
  socket.on('data', (bytes: Buffer) => {
    text = (text + bytes.toString()).slice(-LONGEST_TEXT);
  });
  socket.on('error', () => socket.destroy());
  return {
    text: () => text,
    over: new Promise((resolve) => socket.on('close', () => resolve())),
    setRef: setRef(socket),
  };
};
