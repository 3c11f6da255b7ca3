import { match } from 'ts-pattern';
import type { BackendChoice } from '../../lib/index.ts';
import type { Case, PeerName } from '../cases/case.ts';
import { programSampler, spawnSampler } from './backend-sampler.ts';
import { childProcessSampler, unshareSampler } from './peer-sampler.ts';
import type { OpenedPeer } from './peers/open-peers.ts';
import type { Sampler } from './sample.ts';

/** The command that every case runs, and the backends by their names. */
export interface SamplersSpec {
  readonly command: string;
  readonly args: readonly string[];
  readonly backends: ReadonlyMap<string, BackendChoice>;
  readonly peers: ReadonlyMap<PeerName, OpenedPeer>;
}

/** How each case is measured, by its id. */
export const samplersOf = (
  cases: readonly Case[],
  { command, args, backends, peers }: SamplersSpec,
): ReadonlyMap<string, Sampler> => {
  const choice = (name: string): BackendChoice => {
    const backend = backends.get(name);
    if (backend === undefined) throw new Error(`Case of backend "${name}", which was not opened`);
    return backend;
  };
  const peer = (name: PeerName): OpenedPeer => {
    const opened = peers.get(name);
    if (opened === undefined) throw new Error(`Case of peer "${name}", which was not opened`);
    return opened;
  };
  const samplerOf = ({ way, set }: Case): Sampler => {
    const target = { command, args, namespaces: set.namespaces };
    return match(way)
      .with({ type: 'program' }, ({ backend }) => programSampler(target, choice(backend)))
      .with({ type: 'spawn' }, ({ backend }) => spawnSampler(target, choice(backend)))
      .with({ type: 'child-process' }, () => childProcessSampler(target))
      .with({ type: 'unshare' }, () => unshareSampler(target))
      .with({ type: 'peer' }, ({ name }) => peer(name).samplerOf(target))
      .exhaustive();
  };
  return new Map(cases.map((one) => [one.id, samplerOf(one)]));
};
