import { execFileSync } from 'node:child_process';

/** Runs ip(8) once for each line, as a program would that has nothing else; in the network of the calling thread. */
export const runIp = (lines: readonly string[]): void => {
  for (const line of lines) execFileSync('ip', line.split(' '), { stdio: 'ignore' });
};
