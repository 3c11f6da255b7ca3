import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Mounts that stand one upon another: the kernel copies each of them into a new mount namespace. */
export const addMounts = (count: number): void => {
  if (count === 0) return;
  const dir = mkdtempSync(join(tmpdir(), 'ns-bench-mounts-'));
  const script = 'i=0; while [ $i -lt "$1" ]; do mount --bind "$2" "$2" || exit 1; i=$((i + 1)); done';
  execFileSync('/bin/sh', ['-c', script, 'sh', String(count), dir], { stdio: ['ignore', 'ignore', 'pipe'] });
  // Outside of this mount namespace nothing is mounted there.
  process.once('exit', () => {
    try {
      execFileSync('umount', ['--recursive', dir], { stdio: 'ignore' });
      rmdirSync(dir);
    } catch {
      // The directory stays busy here until the last process of this namespace has ended.
    }
  });
};
