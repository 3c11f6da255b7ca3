import type { SpawnPlan } from './plan.ts';

/** The plan of a program that gets nothing but its arguments: its stderr is a pipe, its environment empty. */
export const plainPlan = (command: string, args: readonly string[]): SpawnPlan => ({
  command,
  argv: [command, ...args],
  env: [],
  searchPath: [],
  namespaces: [],
  hostname: null,
  domainname: null,
  network: null,
  propagation: null,
  mounts: [],
  root: null,
  mountProc: null,
  owner: null,
  idMap: null,
  cgroups: [],
  timeOffsets: null,
  credentials: null,
  process: null,
  cwd: null,
  stdio: [{ type: 'ignore' }, { type: 'ignore' }, { type: 'pipe' }],
  init: false,
  detached: false,
  parentDeathSignal: null,
  enter: null,
});
