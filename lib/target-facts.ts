import { readFileSync } from 'node:fs';
import { err, ok, type Result } from 'neverthrow';
import { type EnterError, invalidOption, unsupported } from './errors.ts';
import type { KernelReader } from './kernel-reader.ts';
import type { ProcessHandle } from './process-handle.ts';

type Read<T> = Result<T, EnterError>;

/** The environment that a process was started with. */
export const readEnvironment = (handle: ProcessHandle): Read<Readonly<Record<string, string>>> =>
  handle.read('environ').map((bytes) => {
    const entries = bytes.toString('utf8').split('\0');
    return Object.fromEntries(
      entries.flatMap((entry) => {
        const equals = entry.indexOf('=');
        return equals > 0 ? [[entry.slice(0, equals), entry.slice(equals + 1)]] : [];
      }),
    );
  });

/** The SELinux context of a process. */
export const readContext = (handle: ProcessHandle, backend: string): Read<string> => {
  try {
    // The file is there only where selinuxfs is mounted, which is where SELinux is on.
    readFileSync('/sys/fs/selinux/enforce');
  } catch {
    return err(unsupported(backend, '"followContext"', 'SELinux, which this kernel does not run'));
  }
  return handle.read('attr/current').map((bytes) => bytes.toString('utf8').replace(/\0.*$/s, ''));
};

const STATUS_LINES = { uid: /^Uid:\s+\d+\s+(\d+)/m, gid: /^Gid:\s+\d+\s+(\d+)/m } as const;

/** The effective id of a process, as it is called in its own user namespace, or by the caller. */
export const followedId = (handle: ProcessHandle, kind: 'uid' | 'gid', inside: boolean): Read<number> =>
  handle.read('status').andThen((status): Read<number> => {
    const id = Number(STATUS_LINES[kind].exec(status.toString('latin1'))?.[1] ?? NaN);
    if (!inside) return ok(id);
    return handle.read(`${kind}_map`).andThen((map): Read<number> => {
      for (const line of map.toString('latin1').split('\n')) {
        const [first = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number);
        if (id >= outside && id < outside + count) return ok(first + id - outside);
      }
      return err(invalidOption(kind, 'follow', `a number: ${id} of process ${handle.pid} is not mapped inside`));
    });
  });

const UNIFIED = /^0::(\/.*)$/m;

/** Where the unified hierarchy is mounted, by /proc/self/mountinfo: its own mount, or that of the hybrid layout. */
const unifiedMount = (): string | null => {
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    if (after.startsWith('cgroup2 ')) return before.split(' ')[4] ?? null;
  }
  return null;
};

/** The cgroup.procs of a process's cgroup in the unified hierarchy. */
export const cgroupFile = (handle: ProcessHandle, backend: string): Read<string> =>
  handle.read('cgroup').andThen((text): Read<string> => {
    const path = UNIFIED.exec(text.toString('utf8'))?.[1];
    const mount = unifiedMount();
    return path === undefined || mount === null
      ? err(unsupported(backend, '"joinCgroup"', 'the unified cgroup hierarchy, mounted'))
      : ok(`${mount}${path === '/' ? '' : path}/cgroup.procs`);
  });

const DENY = Buffer.from('deny');

/** Whether groups cannot be dropped in the user namespace of a process, which every process there has kept then. */
export const deniesSetgroups = (reader: KernelReader, handle: ProcessHandle | null): boolean =>
  handle !== null && reader.readFiles([handle.path('setgroups')], DENY.length)[0]?.equals(DENY) === true;
