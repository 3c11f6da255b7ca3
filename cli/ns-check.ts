#!/usr/bin/env node
import { main } from './ns-check/main.ts';

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Nobody reads any more, as after `| head -1`: what was found, the exit code tells all the same.
    if (error.code === 'EPIPE') return;
    if (stream === process.stdout) process.stderr.write(`ns-check: Cannot write the report: ${error.message}\n`);
    process.exit(2);
  });
}
const { stdout, stderr, stdin, env } = process;
process.exitCode = await main(process.argv.slice(2), { stdout, stderr, stdin, env });
