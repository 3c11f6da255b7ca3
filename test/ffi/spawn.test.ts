import { statSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { ffiCalls } from '../../backends/ffi/native.ts';
import { compileApart } from '../../backends/ffi/spawn/explain.ts';
import type { HostKind } from '../../backends/ffi/spawn/placement.ts';
import { hostsFor } from '../../backends/ffi/spawn/straight.ts';
import { type NamespaceType, openBackend, run, type SpawnSpec, spawn } from '../../lib/index.ts';
import type { EnterPlan, SpawnPlan } from '../../lib/plan.ts';
import { planSpawn } from '../../lib/plan-spawn.ts';
import { watchLeaks } from '../leaks.ts';
import { MANNER } from './manner.ts';

watchLeaks(t);

const backend = 'ffi';
const isRoot = process.geteuid?.() === 0;
const NO_ENTRY: EnterPlan = {
  ...{ joins: [], userParentOf: null, root: null, workingDirectory: null, cgroupProcs: null, securityContext: null },
  ...{ uid: null, gid: null, dropGroups: false, noFork: false },
};

const opsOf = (spec: SpawnSpec): { launch: string[]; carrier: string[] } => {
  const plan = planSpawn('/bin/true', [], { stdio: 'ignore', ...spec })._unsafeUnwrap();
  const { launch, child: carrier } = compileApart(plan, 'x64', MANNER);
  const names = (ops: typeof launch.ops): string[] => ops.map(({ name }) => name);
  return { launch: names(launch.ops), carrier: names(carrier.ops) };
};

const pick = (ops: readonly string[], ...names: string[]): string[] => ops.filter((name) => names.includes(name));

t.test('spawn() makes the cheap namespaces in clone3 and the dear ones in the carrier', async (t) => {
  const { launch, carrier } = opsOf({ namespaces: ['pid', 'uts', 'ipc', 'net', 'mnt', 'cgroup'] });
  t.same(pick(launch, 'unshare', 'mount'), []);
  t.same(pick(carrier, 'unshare', 'mount', 'clone'), ['unshare', 'unshare', 'unshare', 'mount']);
});

t.test('spawn() sets up in the order of the table', async (t) => {
  const { launch, carrier } = opsOf({
    namespaces: ['user', 'time', 'pid', 'uts', 'mnt', 'net', 'cgroup'],
    uidMap: { inside: 5, outside: process.geteuid?.() ?? 0 },
    hostname: 'a',
    domainname: 'b',
    mountProc: true,
    cwd: '/',
    detached: true,
  });
  t.same(
    pick(launch, 'capset'),
    ['capset'],
    'uid 0 is not mapped: capabilities are kept across the execve of the carrier',
  );
  t.same(
    pick(carrier, 'unshare', 'clone', 'mount', 'sethostname', 'setdomainname', 'capset', 'setsid', 'chdir', 'execve'),
    [
      ...Array(4).fill('unshare'),
      'clone',
      'mount',
      'mount',
      'sethostname',
      'setdomainname',
      'capset',
      'setsid',
      'chdir',
      'execve',
    ],
  );
});

t.test('spawn() takes a carrier for what would be unsafe in shared memory', async (t) => {
  const planOf = (spec: SpawnSpec) => planSpawn('true', [], spec)._unsafeUnwrap();
  const entering = (type: NamespaceType, more: Partial<EnterPlan> = {}): SpawnPlan => ({
    ...planOf({}),
    enter: { ...NO_ENTRY, joins: [{ type, fd: 9 }], ...more },
  });
  const hosted = (hosts: readonly HostKind[], ...plans: readonly SpawnPlan[]): void => {
    for (const plan of plans) t.same(hostsFor(plan), hosts);
  };
  hosted(
    ['beside', 'straight'],
    planOf({}),
    planOf({ cwd: '/', env: { A: '1' }, stdio: ['pipe', 'ignore', 2, 'pipe'], detached: true }),
    entering('net'),
  );
  const maps = { inside: 0, outside: 100_000, count: 10 };
  hosted(
    ['beside'],
    planOf({ namespaces: ['uts'], hostname: 'a' }),
    planOf({ namespaces: ['user', 'pid', 'mnt', 'net', 'time'], mapRootUser: true, mountProc: true }),
  );
  hosted(
    [],
    planOf({ namespaces: ['user'], uidMap: maps, gidMap: maps }),
    planOf({ namespaces: ['pid'], init: true }),
    planOf({ namespaces: ['uts'], uid: 1 }),
    // For a process that shares memory it is set for all that do.
    planOf({ namespaces: ['uts'], oomScoreAdj: 500 }),
    // Links in them could lead to Node's program and fds.
    planOf({ namespaces: ['mnt'], mounts: [{ type: 'tmpfs', target: '/tmp' }] }),
    planOf({ namespaces: ['mnt'], root: '/srv' }),
    entering('mnt'),
    entering('net', { root: 7 }),
    entering('net', { workingDirectory: 8 }),
    entering('pid'),
    entering('user'),
    entering('time'),
    entering('net', { gid: 0, dropGroups: true }),
    entering('net', { cgroupProcs: 5 }),
    entering('net', { userParentOf: 9 }),
    // What nobody has called harmless is not.
    { ...planOf({}), somethingNew: { set: true } } as SpawnPlan,
  );
});

t.test('spawn() alternates between plain commands and carriers in the same memory', async (t) => {
  for (let round = 0; round < 12; round += 1) {
    const spec: SpawnSpec = round % 2 === 0 ? {} : { namespaces: ['user', 'uts', 'pid'], mapRootUser: true };
    const { stdout } = (await run('sh', ['-c', `echo ${round} $$`], { backend, ...spec }))._unsafeUnwrap();
    const [echoed, pid] = String(stdout).trim().split(' ');
    t.equal(echoed, String(round));
    t.equal(pid === '1', round % 2 === 1, 'nothing has fallen back to another way');
  }
  t.match(openBackend('ffi')._unsafeUnwrap().backend.available()._unsafeUnwrap(), 'host: a sealed memfd');
});

t.test('spawn() leaves no handler of this process, and does not pass on that it ignores SIGPIPE', async (t) => {
  const onSignal = (): void => {
    t.fail('a handler ran for a signal of the child');
  };
  process.on('SIGUSR2', onSignal);
  for (const spec of [{}, { namespaces: ['user'], mapRootUser: true }] satisfies SpawnSpec[]) {
    for (const signal of ['SIGUSR2', 'SIGPIPE']) {
      const { status } = (await run('sh', ['-c', `kill -${signal.slice(3)} $$`], { backend, ...spec }))._unsafeUnwrap();
      t.match(status, { type: 'killed', signal });
    }
  }
  process.off('SIGUSR2', onSignal);
});

t.test('spawn() costs one FFI call, whatever it is asked for', async (t) => {
  const specs: SpawnSpec[] = [
    { stdio: 'ignore' },
    { namespaces: ['user', 'pid', 'mnt', 'uts', 'net'], mapRootUser: true, mountProc: true, hostname: 'one' },
    {
      namespaces: ['user', 'net'],
      mapRootUser: true,
      network: {
        interfaces: [{ type: 'veth', name: 'a', addresses: ['10.0.0.1/24', 'fd00::1/64'], peer: { name: 'b' } }],
        routes: [{ to: 'default', via: '10.0.0.2' }],
        sysctls: { 'net.ipv4.ip_default_ttl': 33 },
      },
    },
  ];
  for (const spec of specs) {
    (await run('true', [], { backend }))._unsafeUnwrap();
    // The first of its kind may map memory for its program.
    for (const expected of [null, 1]) {
      const before = ffiCalls.count;
      const spawned = spawn('true', [], { backend, ...spec });
      const calls = ffiCalls.count - before;
      const child = (await spawned)._unsafeUnwrap();
      for (const stream of child.stdio) stream?.destroy();
      (await child.exit)._unsafeUnwrap();
      if (expected !== null) t.equal(calls, expected);
    }
  }
});

t.test('spawn() leaves this process dumpable and its own', async (t) => {
  const owner = statSync('/proc/self/uid_map').uid;
  const specs: SpawnSpec[] = [
    { namespaces: ['user', 'mnt'], mapCurrentUser: true },
    { namespaces: ['user', 'mnt'] },
    ...(isRoot
      ? [
          {
            namespaces: ['user'] as const,
            uidMap: { inside: 0, outside: 100_000, count: 10 },
            gidMap: { inside: 0, outside: 100_000, count: 10 },
          },
        ]
      : []),
  ];
  for (const spec of specs) {
    const result = await run('true', [], { backend, ...spec } as SpawnSpec);
    t.ok(result.isOk(), result.isErr() ? result.error.message : 'ran');
  }
  t.equal(statSync('/proc/self/uid_map').uid, owner);
});

t.test('spawn() finds its compiled program again, with what the first run changed put back', async (t) => {
  const outputs = new Set<string>();
  for (let round = 0; round < 30; round += 1) {
    const commands = ['echo a', 'echo b; exit 2', 'exit 3'].map((script) => run('sh', ['-c', script], { backend }));
    for (const result of await Promise.all(commands)) {
      const { status, stdout } = result._unsafeUnwrap();
      outputs.add(`${stdout}${status.type === 'exited' ? status.code : status.signal}`);
    }
  }
  t.same([...outputs].sort(), ['3', 'a\n0', 'b\n2']);
});

t.test('spawn() sees changes of process.env and of the working directory', async (t) => {
  process.env['NS_TEST_CHANGES'] = 'first';
  const first = (await run('sh', ['-c', 'echo $NS_TEST_CHANGES'], { backend }))._unsafeUnwrap();
  process.env['NS_TEST_CHANGES'] = 'second';
  const second = (await run('sh', ['-c', 'echo $NS_TEST_CHANGES'], { backend }))._unsafeUnwrap();
  delete process.env['NS_TEST_CHANGES'];
  t.equal(`${first.stdout}${second.stdout}`, 'first\nsecond\n');
});

t.test('spawn() works in worker threads, at the same time', async (t) => {
  const door = new URL('../../lib/index.js', import.meta.url).href;
  const source = `
    import { parentPort } from 'node:worker_threads';
    import { run } from ${JSON.stringify(door)};
    process.env.ONLY_HERE = 'worker';
    let good = 0;
    for (let i = 0; i < 20; i += 1) {
      const result = await run('sh', ['-c', 'echo $ONLY_HERE; exit 7'], { backend: 'ffi', namespaces: ['user', 'pid'], mapRootUser: true });
      if (result.isOk() && result.value.status.code === 7 && String(result.value.stdout) === 'worker\\n') good += 1;
      else parentPort.postMessage(result.isErr() ? result.error.message : String(result.value.stdout));
    }
    parentPort.postMessage(good);
  `;
  const work = (): Promise<unknown[]> =>
    new Promise((resolve, reject) => {
      const messages: unknown[] = [];
      const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
      worker.on('message', (message) => messages.push(message));
      worker.on('error', reject);
      worker.on('exit', () => resolve(messages));
    });
  const mine = Array.from({ length: 20 }, () => run('true', [], { backend }));
  t.same(await Promise.all([work(), work(), work()]), [[20], [20], [20]]);
  for (const result of await Promise.all(mine)) t.ok(result.isOk());
});
