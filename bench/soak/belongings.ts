import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What a process holds, counted. */
export interface Belongings {
  readonly fds: number;
  readonly threads: number;
  /** Zombies included. */
  readonly children: number;
  readonly zombies: number;
  readonly rssBytes: number;
}

const statusOf = (pid: number | 'self'): string => {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    // It has ended while we looked.
    return '';
  }
};

const field = (status: string, name: string): string => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '';

/** Children of every thread: a clone in a worker would be that thread's. */
const children = (): readonly number[] =>
  readdirSync('/proc/self/task').flatMap((tid) =>
    readFileSync(`/proc/self/task/${tid}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );

const count = (): Belongings => {
  const pids = children();
  const self = statusOf('self');
  return {
    // The directory that is being read is itself open meanwhile.
    fds: readdirSync('/proc/self/fd').length - 1,
    threads: Number(field(self, 'Threads')),
    children: pids.length,
    zombies: pids.filter((pid) => field(statusOf(pid), 'State') === 'Z').length,
    rssBytes: Number(field(self, 'VmRSS')) * 1024,
  };
};

const collectGarbage = (): void => {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') collect();
};

/** Counts once everything that is on its way out has gone: garbage, and streams that close a turn later. */
export const settledBelongings = async (): Promise<Belongings> => {
  for (let turn = 0; turn < 5; turn += 1) {
    collectGarbage();
    await sleep(100);
  }
  return count();
};
