import { err } from 'neverthrow';
import type { NamespaceType } from '../../../lib/index.ts';
import type { Target } from '../backend-sampler.ts';
import { processSampler } from '../peer-sampler.ts';
import type { Sampler } from '../sample.ts';

/** The options of bwrap(1); it always makes a mount namespace, and has no time namespace. */
const OPTIONS: Readonly<Partial<Record<NamespaceType, readonly string[]>>> = {
  cgroup: ['--unshare-cgroup'],
  ipc: ['--unshare-ipc'],
  mnt: [],
  net: ['--unshare-net'],
  pid: ['--unshare-pid'],
  user: ['--unshare-user', '--uid', '0', '--gid', '0'],
  uts: ['--unshare-uts'],
};

/** Times child_process.spawn of bwrap(1), with the whole file system bound into the sandbox. */
export const bwrapSampler = ({ command, args, namespaces }: Target): Sampler => {
  const missing = namespaces.filter((type) => OPTIONS[type] === undefined);
  if (missing.length > 0 || !namespaces.includes('mnt')) {
    const what = missing.length > 0 ? `it cannot make ${missing.join(', ')}` : 'it always makes a mount namespace';
    return async () => err({ type: 'unsupported', message: what });
  }
  const options = namespaces.flatMap((type) => OPTIONS[type] ?? []);
  return processSampler('bwrap', ['--dev-bind', '/', '/', ...options, '--', command, ...args]);
};
