import { err } from 'neverthrow';
import type { Backend } from '../../lib/backend.ts';
import { backendUnavailable } from '../../lib/errors.ts';
import { remainingWays, type Way } from './carrier/vehicles.ts';
import { host, supportedArch } from './host.ts';
import { ipc } from './ipc.ts';
import { mounterOf } from './mounter.ts';
import { masqueradeForCaller } from './netlink/caller-masquerade.ts';
import { readNetwork } from './netlink/read-network.ts';
import { watchNetwork } from './netlink/watch-network.ts';
import { nsfsOf } from './nsfs.ts';
import { isRootOwn } from './probe/own-root.ts';
import { fileCapabilities, probe } from './probe/probe.ts';
import { readerOf } from './reader.ts';
import { explain } from './spawn/explain.ts';
import { measure } from './spawn/measure.ts';
import { launch } from './spawn/spawn.ts';
import { timeOperation } from './stopwatch/time.ts';
import { moveThread } from './thread/move.ts';

let told: { readonly way: Way | undefined; readonly result: ReturnType<Backend['available']> } | null = null;

/** Asked at every spawn: the answer changes only with the way. */
const available: Backend['available'] = () => {
  const [way] = remainingWays();
  if (told === null || told.way !== way) {
    told = { way, result: host().map(({ arch }) => `system calls through ffi-rs on ${arch}, host: ${way?.name}`) };
  }
  return told.result;
};

/** Makes the system calls itself: programs of them, run by machine code in this process and in a carrier. */
export const ffiBackend: Backend = {
  name: 'ffi',
  available,
  launch: (plan) => host().andThen((opened) => launch(opened, plan)),
  explain: (plan) => {
    const arch = supportedArch();
    return arch === null
      ? err(backendUnavailable('ffi', `no machine code has been written for ${process.arch}`))
      : explain(plan, arch);
  },
  ipc: (plan, requests) => host().andThen((opened) => ipc(opened, plan, requests)),
  mounter: () => host().map(mounterOf),
  reader: () => host().andThen(readerOf),
  nsfs: () => host().map(nsfsOf),
  masquerade: (plan) => host().andThen((opened) => masqueradeForCaller(opened, plan)),
  readNetwork: (plan) => host().andThen((opened) => readNetwork(opened, plan)),
  watchNetwork: (plan) => host().andThen((opened) => watchNetwork(opened, plan)),
  moveThread: (plan) => host().andThen((opened) => moveThread(opened, plan)),
  measure: (plan) => host().andThen((opened) => measure(opened, plan)),
  probe: (plan) => host().asyncAndThen((opened) => probe(opened, plan)),
  fileCapabilities: (path) =>
    host()
      .map((opened) => fileCapabilities(opened, path))
      .unwrapOr(undefined),
  isRootOwn: () => host().map(isRootOwn).unwrapOr(undefined),
  time: (operation) => host().andThen((opened) => timeOperation(opened, operation)),
};
