#!/usr/bin/env node
import { writeSync } from 'node:fs';
import { main } from './ns-run/main.ts';
import { leaveTerminal } from './ns-run/terminal.ts';

/** Writes to an fd without setting O_NONBLOCK on it, which the command and others would share. */
const writeTo = (fd: number) => (text: string) => {
  let rest = Buffer.from(text);
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

const code = await main(process.argv.slice(2), {
  stdout: writeTo(1),
  stderr: writeTo(2),
  env: process.env,
  die: (signal) => process.kill(process.pid, signal),
});
leaveTerminal();
process.exit(code);
