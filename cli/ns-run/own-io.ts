import { writeSync } from 'node:fs';
import type { Io } from './io.ts';

/** Writes to an fd without setting O_NONBLOCK on it, which the command and others would share. */
const writeTo = (fd: number) => (text: string | Uint8Array) => {
  let rest: Uint8Array = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      // Somebody else may have set it; anything else means that nobody reads.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
};

/** This process as a program may touch it. */
export const ownIo = (): Io => ({
  stdout: writeTo(1),
  stderr: writeTo(2),
  env: process.env,
  die: (signal) => process.kill(process.pid, signal),
});
