import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NamespaceType } from '../../lib/index.ts';
import { spawnSampler, type Target } from '../measure/backend-sampler.ts';
import { childProcessSampler, unshareSampler } from '../measure/peer-sampler.ts';
import type { Sampler } from '../measure/sample.ts';

/** What is compared. */
const CONTENDERS = ['ffi-none', 'child-process', 'ffi-four', 'unshare-four', 'ffi-all'] as const;
export type Contender = (typeof CONTENDERS)[number];

/** Who starts: each side has a process of its own. */
export const SIDES = ['ours', 'theirs'] as const;
export type Side = (typeof SIDES)[number];

const sideOf = (contender: Contender): Side => (contender.startsWith('ffi') ? 'ours' : 'theirs');

/** What the calling thread did right before: JavaScript without a pause, or nothing. */
export const CALLERS = ['hot', 'idle'] as const;
export type Caller = (typeof CALLERS)[number];

/** A contender under a caller, as one word. */
export type LatencyId = `${Contender}/${Caller}`;

const COMMAND = '/bin/true';
const FOUR: readonly NamespaceType[] = ['pid', 'mnt', 'ipc', 'uts'];
const ALL: readonly NamespaceType[] = ['user', 'pid', 'mnt', 'ipc', 'uts', 'net', 'cgroup', 'time'];

/** Long enough for the scheduler to take the thread for a busy one, and for one that sleeps. */
const BEFORE_MS = 4;

const compute = (): number => {
  const end = performance.now() + BEFORE_MS;
  let sum = 0;
  while (performance.now() < end) for (let k = 0; k < 1000; k += 1) sum += Math.sqrt(k);
  return sum;
};

const prepared = (sampler: Sampler, caller: Caller): Sampler => {
  return async (onRunning) => {
    if (caller === 'hot') compute();
    else await sleep(BEFORE_MS);
    return sampler(onRunning);
  };
};

/** The contenders of a side under all callers. Without privilege the four are made inside a user namespace, by both sides. */
export const latencySamplers = (side: Side, privileged: boolean): ReadonlyMap<LatencyId, Sampler> => {
  const target = (namespaces: readonly NamespaceType[]): Target => ({ command: COMMAND, args: [], namespaces });
  const four = target(privileged ? FOUR : ['user', ...FOUR]);
  const samplers: Readonly<Record<Contender, Sampler>> = {
    'ffi-none': spawnSampler(target([]), 'ffi'),
    'child-process': childProcessSampler(target([])),
    'ffi-four': spawnSampler(four, 'ffi'),
    'unshare-four': unshareSampler(four),
    'ffi-all': spawnSampler(target(ALL), 'ffi'),
  };
  return new Map(
    CONTENDERS.filter((contender) => sideOf(contender) === side).flatMap((contender) =>
      CALLERS.map((caller): [LatencyId, Sampler] => [`${contender}/${caller}`, prepared(samplers[contender], caller)]),
    ),
  );
};
