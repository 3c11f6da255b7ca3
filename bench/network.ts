#!/usr/bin/env node
// The promises about networks, measured: `node dist/bench/network.js [-n TIMES] [--takes N]`. Takes CAP_SYS_ADMIN: run it as
// root, or below `ns-run -Ur`. Exits with 1 when a promise is not kept.
//
// Set-up: lo, a veth pair, two addresses and a default route, by one program of system calls and by commands of ip(8), each
// in a new network namespace of the calling thread. Pool: from take until the command runs, against a cold spawn that is
// set up alike. Then so many takes, one after the other, and how long the kernel takes to free what they left: in a user
// namespace of its own, which the kernel lets have one more network namespace only when none is left.
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createPool, type NamespacePool, type NetworkSpec, spawn, unshareThread } from '../lib/index.ts';
import { runIp } from './measure/ip-commands.ts';
import { summarize } from './statistics/summary.ts';

const SETUP_AT_MOST = 0.15;
const TAKE_AT_MOST = 0.3;
const FREED_WITHIN_MS = 10_000;
const POOL_SIZE = 4;

const ROUTED: NetworkSpec = {
  interfaces: [{ type: 'veth', name: 'eth0', addresses: ['10.0.0.1/24', 'fd00::1/64'], peer: { name: 'peer0' } }],
  routes: [{ to: 'default', via: '10.0.0.254' }],
};

const BY_IP: readonly string[] = [
  'link add name eth0 type veth peer name peer0',
  'link set dev lo up',
  'link set dev eth0 up',
  '-4 address add 10.0.0.1/24 broadcast + dev eth0',
  '-6 address add fd00::1/64 dev eth0 nodad',
  'link set dev peer0 up',
  '-4 route add default via 10.0.0.254',
];

const POOLED: NetworkSpec = {
  interfaces: [{ type: 'veth', name: 'eth0', addresses: ['10.0.0.1/24'], peer: { name: 'peer0' } }],
};

const timed = async (act: () => Promise<unknown> | unknown): Promise<number> => {
  const before = process.hrtime.bigint();
  await act();
  return Number(process.hrtime.bigint() - before);
};

interface Pair {
  readonly ours: number[];
  readonly theirs: number[];
}

const micros = (nanoseconds: number): string => `${(nanoseconds / 1_000).toFixed(0)} us`;

/** Prints the medians and their ratio; whether the promise is kept. */
const verdict = (what: string, { ours, theirs }: Pair, names: readonly [string, string], atMost: number): boolean => {
  const [a, b] = [summarize(ours)?.p50 ?? Number.NaN, summarize(theirs)?.p50 ?? Number.NaN];
  const kept = a / b <= atMost;
  console.log(
    `${what}: p50 ${micros(a)} ${names[0]}, ${micros(b)} ${names[1]}; ratio ${(a / b).toFixed(3)}, at most ${atMost}: ${kept ? 'kept' : 'NOT KEPT'}`,
  );
  return kept;
};

const setUps = async (times: number): Promise<Pair> => {
  const pair: Pair = { ours: [], theirs: [] };
  const byProgram = (): void => unshareThread({ namespaces: ['net'], network: ROUTED })._unsafeUnwrap();
  const byCommands = (): void => {
    unshareThread({ namespaces: ['net'] })._unsafeUnwrap();
    runIp(BY_IP);
  };
  byProgram();
  byCommands();
  for (let count = 0; count < times; count += 1) {
    pair.ours.push(await timed(byProgram));
    await sleep(20);
    pair.theirs.push(await timed(byCommands));
    await sleep(20);
  }
  return pair;
};

const full = async (pool: NamespacePool): Promise<void> => {
  while (pool.ready < POOL_SIZE) await sleep(2);
  await sleep(10);
};

const openPool = (): NamespacePool =>
  createPool({ size: POOL_SIZE, namespaces: ['net'], network: POOLED })._unsafeUnwrap();

const takes = async (times: number): Promise<Pair> => {
  const pair: Pair = { ours: [], theirs: [] };
  const pool = openPool();
  for (let count = 0; count < times; count += 1) {
    await full(pool);
    const warm = async () => {
      const taken = (await pool.take())._unsafeUnwrap();
      return { taken, child: (await taken.spawn('/bin/true', [], { stdio: 'ignore' }))._unsafeUnwrap() };
    };
    let made: Awaited<ReturnType<typeof warm>> | null = null;
    pair.ours.push(
      await timed(async () => {
        made = await warm();
      }),
    );
    const { taken, child } = made as unknown as Awaited<ReturnType<typeof warm>>;
    (await child.exit)._unsafeUnwrap();
    taken.discard();
    await full(pool);
    let cold: Awaited<ReturnType<typeof spawn>> | null = null;
    pair.theirs.push(
      await timed(async () => {
        cold = await spawn('/bin/true', [], { namespaces: ['net'], network: POOLED, stdio: 'ignore' });
      }),
    );
    const started = (cold as unknown as Awaited<ReturnType<typeof spawn>>)._unsafeUnwrap();
    (await started.exit)._unsafeUnwrap();
  }
  pool.close();
  return pair;
};

const LIMIT = '/proc/sys/user/max_net_namespaces';

/** Whether one network namespace can be made below this user namespace, which may have one then: only when none is left. */
const isNoneLeft = async (): Promise<boolean> => {
  const made = await spawn('/bin/true', [], { namespaces: ['net'], stdio: 'ignore' });
  if (made.isErr()) return false;
  (await made.value.exit)._unsafeUnwrap();
  return true;
};

/** In a user namespace of its own, whose count of network namespaces is exact, and can be asked for by its limit. */
const burstInside = async (count: number): Promise<boolean> => {
  const pool = openPool();
  let most = 0;
  const milliseconds =
    (await timed(async () => {
      for (let taken = 0; taken < count; taken += 1) {
        (await pool.take())._unsafeUnwrap().discard();
        most = Math.max(most, pool.backlog);
      }
    })) / 1e6;
  pool.close();
  const start = Date.now();
  writeFileSync(LIMIT, '1');
  let kept = await isNoneLeft();
  while (!kept && Date.now() - start < FREED_WITHIN_MS) {
    await sleep(5);
    kept = await isNoneLeft();
  }
  console.log(
    `${count} takes, ${(milliseconds / count).toFixed(2)} ms each, at most ${most} not known to be freed; ${kept ? 'none' : 'some'} left after ${Date.now() - start} ms: ${kept ? 'kept' : 'NOT KEPT'}`,
  );
  return kept;
};

const burst = async (count: number): Promise<boolean> => {
  const args = [...process.execArgv, ...process.argv.slice(1, 2), '--inside', '--takes', `${count}`];
  const spec = { namespaces: ['user'], mapRootUser: true, stdio: ['ignore', 'inherit', 'inherit'] } as const;
  const child = (await spawn(process.execPath, args, spec))._unsafeUnwrap();
  const status = (await child.exit)._unsafeUnwrap();
  return status.type === 'exited' && status.code === 0;
};

const { values } = parseArgs({
  options: {
    times: { type: 'string', short: 'n', default: '100' },
    takes: { type: 'string', default: '5000' },
    inside: { type: 'boolean', default: false },
  },
});
const [times, count] = [Number(values.times), Number(values.takes)];
const all = async (): Promise<readonly boolean[]> => [
  verdict('take until the command runs', await takes(times), ['from a pool', 'cold'], TAKE_AT_MOST),
  await burst(count),
  verdict('lo, veth, addresses, default route', await setUps(times), ['by one program', 'by ip(8)'], SETUP_AT_MOST),
];
const kept = values.inside ? [await burstInside(count)] : await all();
if (kept.includes(false)) process.exitCode = 1;
