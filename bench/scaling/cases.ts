import { err, ok } from 'neverthrow';
import type { KernelOperation, NamespaceType } from '../../lib/index.ts';
import type { FlagSet } from '../cases/flag-set.ts';
import { programSampler, spawnSampler } from '../measure/backend-sampler.ts';
import { operationSampler } from '../measure/operation-sampler.ts';
import { childProcessSampler } from '../measure/peer-sampler.ts';
import { nsSince, type Sampler } from '../measure/sample.ts';
import type { AxisName } from './axis.ts';

/** A backend that is measured along an axis. */
interface AxisBackend {
  readonly name: 'ffi' | 'shell';
  /** Whether it can time a spawn inside its own program. */
  readonly timesItself: boolean;
}

/** What is measured at every point of an axis. */
export interface ScalingCases {
  readonly sets: readonly Pick<FlagSet, 'name' | 'namespaces'>[];
  readonly command: string;
  readonly backends: readonly AxisBackend[];
  /** Whether child_process stands beside them. */
  readonly peers: boolean;
}

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
  { sets, command, backends, peers }: ScalingCases,
): ReadonlyMap<string, Sampler> => {
  const target = (namespaces: readonly NamespaceType[]) => ({ command, args: [], namespaces });
  const ofSets = (way: string, make: (set: readonly NamespaceType[]) => Sampler) =>
    sets.map(({ name, namespaces }) => [`${way}|${name}`, make(namespaces)] as const);
  const [self] = backends.filter(({ timesItself }) => timesItself);
  if (axis === 'jobs') {
    return new Map([
      ...backends.flatMap(({ name }) =>
        ofSets(`${name} spawn`, (set) => together(spawnSampler(target(set), name), value)),
      ),
      ...(peers ? [['child_process|none', together(childProcessSampler(target([])), value)] as const] : []),
    ]);
  }
  const copied: KernelOperation = {
    ...{ type: 'clone', namespaces: [], call: 'clone3', caller: 'node', memory: 'copied', delayCalls: 0 },
    command: command.startsWith('/') ? command : null,
  };
  return new Map([
    ...(self === undefined ? [] : ofSets(`${self.name} program`, (set) => programSampler(target(set), self.name))),
    ...backends.flatMap(({ name }) => ofSets(`${name} spawn`, (set) => spawnSampler(target(set), name))),
    ...(self === undefined ? [] : [['clone3 with memory copied|none', operationSampler(copied, self.name)] as const]),
    ...(peers ? [['child_process|none', childProcessSampler(target([]))] as const] : []),
  ]);
};
