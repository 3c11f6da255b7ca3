import { err, type Result } from 'neverthrow';
import type { Backend, Launched } from '../../lib/backend.ts';
import { type BackendUnavailable, backendUnavailable, type Unsupported, unsupported } from '../../lib/errors.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import { compile } from './argv.ts';
import type { CommandLine } from './command-line.ts';
import { explainLine } from './explain.ts';
import { decodeIpc, ipcPlan } from './ipc.ts';
import { launch } from './launch.ts';
import { lineage } from './lineage.ts';
import { mounterOf } from './mounter.ts';
import { lacking } from './needs.ts';
import { isRootOwn, probe } from './probe.ts';
import { inheritedFds } from './proc.ts';
import { decodeReading, listening, readingPlan, watchingPlan } from './read-network.ts';
import { knownTools, type Tools } from './tools.ts';

/** It has started when it listens. */
const listeningOnce = (launched: Launched): Launched => ({
  started: launched.started.map(listening),
  exit: launched.exit,
  get stdio() {
    return launched.stdio;
  },
  kill: launched.kill,
  setRef: launched.setRef,
});

/** A backend that drives the tools it is given; a test may give it fewer than this machine has. */
export const createShellBackend = (findTools: () => Result<Tools, string>): Backend => {
  const tools = (): Result<Tools, BackendUnavailable> =>
    findTools().mapErr((reason) => backendUnavailable('shell', reason));
  const compiled = (plan: SpawnPlan): Result<CommandLine, BackendUnavailable | Unsupported> =>
    tools().andThen((found) => compile(plan, found, inheritedFds()));
  return {
    name: 'shell',
    available: () =>
      tools().map(
        ({ version, shells }) => `unshare from util-linux ${version}, ${shells.map(({ kind }) => kind).join(', ')}`,
      ),
    lacking: () => tools().map(lacking).unwrapOr([]),
    launch: (plan) => compiled(plan).map((line) => launch(plan, line)),
    launchesLater: true,
    explain: (plan) => compiled(plan).map((line) => explainLine(plan, line)),
    ipc: (plan, requests) =>
      tools().andThen((found) =>
        ipcPlan(plan, requests, found).andThen((planned) =>
          compiled(planned).map((line) => ({
            launched: launch(planned, line),
            decode: (bytes: Buffer) => decodeIpc(requests, bytes),
          })),
        ),
      ),
    readNetwork: (plan) =>
      tools().andThen((found) =>
        readingPlan(plan, found).andThen((planned) =>
          compiled(planned).map((line) => ({ launched: launch(planned, line), decode: decodeReading })),
        ),
      ),
    watchNetwork: (plan) =>
      tools().andThen((found) =>
        watchingPlan(plan, found).andThen((planned) =>
          compiled(planned).map((line) => ({
            launched: listeningOnce(launch(planned, line)),
            decode: () => [{ type: 'changed' as const }],
          })),
        ),
      ),
    probe: (plan) => tools().asyncAndThen((found) => probe(found, plan)),
    isRootOwn: () => tools().map(isRootOwn).unwrapOr(undefined),
    mounter: () => tools().andThen(mounterOf),
    lineage: () => tools().map(lineage).unwrapOr([]),
    measure: () =>
      err(
        unsupported('shell', 'measuring', 'a clock that is read next to the system calls, which no tool has; ffi does'),
      ),
  };
};

/** The backend that drives unshare(1) and its kin, for where ffi-rs cannot load. */
export const shellBackend: Backend = createShellBackend(knownTools);
