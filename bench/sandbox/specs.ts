import { lstatSync, readlinkSync } from 'node:fs';
import type { MountSpec, SpawnSpec } from '../../lib/index.ts';

/** The programs of this machine, as mounts of a new root and as words for bwrap(1). */
interface Programs {
  readonly mounts: readonly MountSpec[];
  readonly words: readonly string[];
}

const programs = (): Programs => {
  const mounts: MountSpec[] = [];
  const words: string[] = [];
  for (const target of ['/usr', '/bin', '/sbin', '/lib', '/lib64']) {
    const found = lstatSync(target, { throwIfNoEntry: false });
    if (found?.isSymbolicLink()) {
      const to = readlinkSync(target);
      mounts.push({ type: 'symlink', target, to });
      words.push('--symlink', to, target);
    } else if (found !== undefined) {
      mounts.push({ type: 'bind', source: target, target, readOnly: true });
      words.push('--ro-bind', target, target);
    }
  }
  return { mounts, words };
};

/** A rootless sandbox: all namespaces but cgroup and time, the programs read-only, /tmp, /dev and /proc of its own. */
export const sandboxSpec = (init: boolean): SpawnSpec => ({
  backend: 'ffi',
  namespaces: ['user', 'mnt', 'pid', 'ipc', 'uts', 'net'],
  mapCurrentUser: true,
  root: { type: 'tmpfs' },
  mounts: [
    ...programs().mounts,
    { type: 'tmpfs', target: '/tmp' },
    { type: 'dev', target: '/dev' },
    { type: 'proc', target: '/proc' },
  ],
  init,
  env: { PATH: '/usr/bin:/bin' },
  stdio: 'ignore',
});

/** The same for bwrap(1), which has a pid 1 of its own unless it is told otherwise. */
export const bwrapWords = (init: boolean): readonly string[] => [
  ...['--unshare-user', '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-net'],
  ...programs().words,
  ...['--tmpfs', '/tmp', '--dev', '/dev', '--proc', '/proc'],
  ...(init ? [] : ['--as-pid-1']),
  ...['--clearenv', '--setenv', 'PATH', '/usr/bin:/bin'],
];
