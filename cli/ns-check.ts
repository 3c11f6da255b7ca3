#!/usr/bin/env node
import { main } from './ns-check/main.ts';

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Nobody reads any more, as after `| head -1`.
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}
const { stdout, stderr, stdin, env } = process;
process.exitCode = await main(process.argv.slice(2), { stdout, stderr, stdin, env });
