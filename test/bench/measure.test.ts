import { err, ok } from 'neverthrow';
import t from 'tap';
import { hasSysAdmin, readContext } from '../../bench/measure/context.ts';
import { readMitigations } from '../../bench/measure/mitigations.ts';
import { openBackends } from '../../bench/measure/open-backends.ts';
import { childProcessSampler, unshareOptions } from '../../bench/measure/peer-sampler.ts';
import { measureRounds, type RoundsSpec } from '../../bench/measure/rounds.ts';
import type { Sampler } from '../../bench/measure/sample.ts';
import { describeVirtualization } from '../../bench/measure/virtualization.ts';
import { seededRandom } from '../../bench/statistics/random.ts';
import { fakeBackend } from './fake-backend.ts';

const spec = (changes: Partial<RoundsSpec> = {}): RoundsSpec => ({
  iterations: 6,
  warmup: 2,
  mostMs: null,
  random: seededRandom(3),
  stop: new AbortController().signal,
  onRound: () => undefined,
  ...changes,
});

/** Samplers that write down when they run; the k-th sample of each is k. */
const recorded = (names: readonly string[], log: string[]): ReadonlyMap<string, Sampler> =>
  new Map(
    names.map((name): [string, Sampler] => {
      let count = 0;
      return [
        name,
        async () => {
          log.push(name);
          count += 1;
          return ok({ totalNs: count });
        },
      ];
    }),
  );

t.test('measureRounds() runs every case once a round, in an order of its own', async (t) => {
  const log: string[] = [];
  const names = ['a', 'b', 'c', 'd', 'e'];
  const { rounds, ended, series } = await measureRounds(recorded(names, log), spec());
  const orders = Array.from({ length: 8 }, (_, round) => log.slice(round * 5, round * 5 + 5));
  for (const order of orders) t.same([...order].sort(), names);
  t.ok(new Set(orders.map((order) => order.join())).size > 4, 'shuffled anew each round');
  t.same([rounds, ended], [6, 'complete']);
  for (const name of names) t.same(series.get(name)?.samples, { totalNs: [3, 4, 5, 6, 7, 8] }, 'without warm-up');
});

t.test('measureRounds() repeats its orders for a seed', async (t) => {
  const [first, second]: [string[], string[]] = [[], []];
  await measureRounds(recorded(['a', 'b', 'c', 'd'], first), spec({ random: seededRandom(9) }));
  await measureRounds(recorded(['a', 'b', 'c', 'd'], second), spec({ random: seededRandom(9) }));
  t.same(first, second);
});

t.test('measureRounds() tells of each round, warm-up included', async (t) => {
  const done: number[] = [];
  await measureRounds(recorded(['a'], []), spec({ onRound: (count) => done.push(count) }));
  t.same(done, [1, 2, 3, 4, 5, 6, 7, 8]);
});

t.test('measureRounds() asks a case that is refused no more, and goes on with the others', async (t) => {
  let asked = 0;
  const refusal = { type: 'setup-failed', message: 'no' };
  const samplers = new Map<string, Sampler>([
    ...recorded(['fine'], []),
    [
      'late',
      async () => {
        asked += 1;
        return asked > 4 ? err(refusal) : ok({ totalNs: asked });
      },
    ],
  ]);
  const { series } = await measureRounds(samplers, spec());
  t.equal(asked, 5);
  t.same(series.get('late'), { samples: { totalNs: [3, 4] }, refused: refusal });
  t.equal(series.get('fine')?.samples['totalNs']?.length, 6);
});

t.test('measureRounds() drops the round in which it is stopped, and kills its child', async (t) => {
  const stopping = new AbortController();
  let killed = 0;
  let count = 0;
  const sampler: Sampler = (onRunning) =>
    new Promise((resolve) => {
      count += 1;
      const last = count === 5;
      onRunning(() => {
        killed += 1;
        resolve(ok({ totalNs: 99 }));
      });
      if (last) stopping.abort();
      else resolve(ok({ totalNs: count }));
    });
  const { rounds, ended, series } = await measureRounds(new Map([['a', sampler]]), spec({ stop: stopping.signal }));
  t.same([rounds, ended, killed], [2, 'interrupted', 1]);
  t.same(series.get('a')?.samples, { totalNs: [3, 4] });
});

t.test('measureRounds() kills a child that comes after the stop', async (t) => {
  const stopping = new AbortController();
  let killed = 0;
  const sampler: Sampler = async (onRunning) => {
    stopping.abort();
    onRunning(() => {
      killed += 1;
    });
    return ok({ totalNs: 1 });
  };
  const { rounds, ended } = await measureRounds(new Map([['a', sampler]]), spec({ stop: stopping.signal }));
  t.same([rounds, ended, killed], [0, 'interrupted', 1]);
});

t.test('measureRounds() begins no round when time is up, but measures one', async (t) => {
  const { rounds, ended } = await measureRounds(recorded(['a'], []), spec({ mostMs: 0 }));
  t.same([rounds, ended], [1, 'out-of-time']);
});

t.test('unshareOptions() are those of unshare(1)', async (t) => {
  t.same(unshareOptions([]), []);
  t.same(unshareOptions(['mnt', 'uts']), ['--mount', '--uts']);
  t.same(unshareOptions(['user', 'pid']), ['--user', '--pid', '--map-root-user', '--fork']);
});

t.test('childProcessSampler() times a command that ends well', async (t) => {
  let running = 0;
  const sampled = await childProcessSampler({ command: 'true', args: [], namespaces: [] })(() => {
    running += 1;
  });
  const { blockedNs = 0, exitKnownNs = 0 } = sampled._unsafeUnwrap();
  t.ok(blockedNs > 0 && exitKnownNs > blockedNs, 'the call is a part of the whole');
  t.equal(running, 1);
});

t.test('childProcessSampler() refuses a command that does not, with what it said', async (t) => {
  const of = (script: string) =>
    childProcessSampler({ command: 'sh', args: ['-c', script], namespaces: [] })(() => undefined);
  t.match((await of('echo broken >&2; exit 3'))._unsafeUnwrapErr(), {
    type: 'command-failed',
    message: 'sh exited with 3 (broken), wanted exit code 0',
  });
  t.match((await of('kill -9 $$'))._unsafeUnwrapErr(), { type: 'command-failed', message: /was killed by SIGKILL/ });
  const missing = childProcessSampler({ command: '/nonexistent', args: [], namespaces: [] });
  t.match((await missing(() => undefined))._unsafeUnwrapErr(), { type: 'peer-failed', message: /ENOENT/ });
});

t.test('childProcessSampler() hands out what kills its command', async (t) => {
  const sampled = await childProcessSampler({ command: 'sleep', args: ['60'], namespaces: [] })((kill) => kill());
  t.match(sampled._unsafeUnwrapErr(), { message: /was killed by SIGKILL/ });
});

t.test('openBackends() finds out who can time itself, and why others cannot be used', async (t) => {
  const opened = openBackends([
    fakeBackend({ name: 'inner' }),
    fakeBackend({ name: 'outer', measures: false }),
    fakeBackend({ name: 'absent', available: false }),
  ]);
  t.same(
    opened.measurable.map(({ name, timesItself }) => [name, timesItself]),
    [
      ['inner', true],
      ['outer', false],
    ],
  );
  t.same(opened.context[0], { name: 'inner', available: true, line: 'a fake one' });
  t.same(opened.context[2], { name: 'absent', available: false, line: 'it is not there' });
  t.match(opened.errors, [{ type: 'backend-unavailable' }]);
});

t.test('readMitigations() sorts what the kernel says', async (t) => {
  const lines = new Map([
    ['meltdown', 'Not affected'],
    ['spectre_v1', 'Mitigation: usercopy/swapgs barriers and __user pointer sanitization'],
    ['retbleed', 'Vulnerable'],
    ['mds', 'Vulnerable: Clear CPU buffers attempted, no microcode; SMT vulnerable'],
    ['itlb_multihit', 'KVM: Mitigation: VMX disabled'],
    ['mmio_stale_data', 'Unknown: No mitigations'],
  ]);
  t.same(readMitigations(lines), {
    mitigated: ['itlb_multihit', 'spectre_v1'],
    vulnerable: ['mds', 'retbleed'],
    notAffected: ['meltdown'],
    unknown: ['mmio_stale_data'],
  });
});

t.test('hasSysAdmin() looks at the effective capabilities', async (t) => {
  t.equal(hasSysAdmin('Name:\tnode\nCapPrm:\t0\nCapEff:\t000001ffffffffff\nCapBnd:\t0\n'), true);
  t.equal(hasSysAdmin('CapEff:\t0000000000200000\n'), true);
  t.equal(hasSysAdmin('CapPrm:\t000001ffffffffff\nCapEff:\t00000000001fffff\n'), false);
  t.equal(hasSysAdmin(''), false);
});

t.test('describeVirtualization() says what is visible', async (t) => {
  const clues = { cpuinfo: null, hypervisorType: null, dmiVendor: null, dmiProduct: null, container: false };
  const guest = 'processor\t: 0\nflags\t\t: fpu vme hypervisor lahf_lm\n';
  t.equal(describeVirtualization(clues), null);
  t.equal(describeVirtualization({ ...clues, cpuinfo: 'flags\t: fpu\n', dmiVendor: 'Dell', dmiProduct: 'R7' }), null);
  t.equal(describeVirtualization({ ...clues, cpuinfo: guest }), 'virtual machine');
  t.equal(
    describeVirtualization({ ...clues, cpuinfo: guest, dmiVendor: 'QEMU', dmiProduct: 'Standard PC' }),
    'virtual machine (QEMU Standard PC)',
  );
  t.equal(describeVirtualization({ ...clues, hypervisorType: 'xen' }), 'virtual machine (xen)');
  t.equal(describeVirtualization({ ...clues, cpuinfo: guest, container: true }), 'virtual machine, container');
});

t.test('readContext() finds this machine', async (t) => {
  const context = readContext([]);
  t.match(context, { kernel: /^\d+\.\d+/, node: process.version, uid: process.getuid?.(), backends: [] });
  t.ok(context.cpu.count >= 1 && context.cpu.model.length > 0);
  t.equal(context.loadAverage.length, 3);
});
