import { err, ok } from 'neverthrow';
import type { KernelOperation, NamespaceType } from '../../lib/index.ts';
import { programSampler, spawnSampler } from '../measure/backend-sampler.ts';
import { operationSampler } from '../measure/operation-sampler.ts';
import { childProcessSampler } from '../measure/peer-sampler.ts';
import { nsSince, type Sampler } from '../measure/sample.ts';
import type { AxisName } from './axis.ts';

/** So many children at once; tells how long one took on average while the others ran. */
const together =
  (sampler: Sampler, jobs: number): Sampler =>
  async (onRunning) => {
    const kills: (() => void)[] = [];
    onRunning(() => {
      for (const kill of kills) kill();
    });
    const start = process.hrtime.bigint();
    const all = await Promise.all(Array.from({ length: jobs }, () => sampler((kill) => kills.push(kill))));
    const perChildNs = nsSince(start) / jobs;
    const failed = all.find((one) => one.isErr());
    return failed?.isErr() === true ? err(failed.error) : ok({ perChildNs });
  };

/** What is measured at a point, by way, then flags. */
export const scalingSamplers = (
  axis: AxisName,
  value: number,
  sets: readonly (readonly NamespaceType[])[],
  command: string,
): ReadonlyMap<string, Sampler> => {
  const target = (namespaces: readonly NamespaceType[]) => ({ command, args: [], namespaces });
  const nameOf = (namespaces: readonly NamespaceType[]): string => namespaces.join('+') || 'none';
  if (axis === 'jobs') {
    return new Map([
      ...sets.map((set) => [`ffi spawn|${nameOf(set)}`, together(spawnSampler(target(set), 'ffi'), value)] as const),
      ['child_process|none', together(childProcessSampler(target([])), value)],
    ]);
  }
  const copied: KernelOperation = {
    ...{ type: 'clone', namespaces: [], call: 'clone3', caller: 'node', memory: 'copied', delayCalls: 0 },
    command: command.startsWith('/') ? command : null,
  };
  return new Map([
    ...sets.map((set) => [`ffi program|${nameOf(set)}`, programSampler(target(set), 'ffi')] as const),
    ...sets.map((set) => [`ffi spawn|${nameOf(set)}`, spawnSampler(target(set), 'ffi')] as const),
    ['clone3 with memory copied|none', operationSampler(copied, 'ffi')],
    ['child_process|none', childProcessSampler(target([]))],
  ]);
};
