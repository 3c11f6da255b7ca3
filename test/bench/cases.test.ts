import fc from 'fast-check';
import t from 'tap';
import { chooseCases } from '../../bench/cases/choose.ts';
import { DEFAULT_SETS, parseFlagSet, withBaseline, withoutPrivilege } from '../../bench/cases/flag-set.ts';
import { checkOptions, type TypedOptions } from '../../bench/options.ts';
import { NAMESPACE_TYPES } from '../../lib/index.ts';

const types = fc.subarray([...NAMESPACE_TYPES], { minLength: 1 });
const parsed = (text: string) => parseFlagSet(text)._unsafeUnwrap();

t.test('parseFlagSet() reads any set, by plus or comma, each type once', async (t) => {
  fc.assert(
    fc.property(types, fc.constantFrom('+', ','), (set, joint) => {
      const { namespaces } = parsed([...set, ...set].join(joint));
      return namespaces.length === set.length && set.every((type) => namespaces.includes(type));
    }),
  );
  t.equal(parsed('pid+mnt').name, 'pid+mnt', 'in the order of the person');
});

t.test('parseFlagSet() knows none and all', async (t) => {
  t.same(parsed('none').namespaces, []);
  t.same(parsed('all').namespaces, NAMESPACE_TYPES);
  t.equal(parsed(NAMESPACE_TYPES.join('+')).name, 'all');
});

t.test('parseFlagSet() refuses what names no set, and says what does', async (t) => {
  for (const text of ['', 'pid+', 'mount', 'PID', 'pid mnt', 'none+pid', 'all,pid', 'constructor']) {
    const refused = parseFlagSet(text);
    t.ok(refused.isErr(), JSON.stringify(text));
    t.match(refused._unsafeUnwrapErr(), 'cgroup, ipc, mnt, net, pid, time, user, uts');
  }
});

t.test('withoutPrivilege() adds user, and says so in the name', async (t) => {
  t.same(withoutPrivilege(parsed('net')), { name: 'net (+user)', namespaces: ['user', 'net'], added: ['user'] });
  t.same(withoutPrivilege(parsed('none')), parsed('none'));
  t.same(withoutPrivilege(parsed('user+pid')), parsed('user+pid'));
});

t.test('withBaseline() puts none first and keeps each set once', async (t) => {
  const names = withBaseline([parsed('mnt+pid'), parsed('none'), parsed('pid+mnt')]).map(({ name }) => name);
  t.same(names, ['none', 'mnt+pid']);
});

t.test('DEFAULT_SETS are none, each type alone, and combinations', async (t) => {
  const names = DEFAULT_SETS.map(({ name }) => name);
  t.equal(names[0], 'none');
  for (const type of NAMESPACE_TYPES) t.ok(names.includes(type), type);
  t.ok(names.includes('all'));
});

const everything = {
  sets: [],
  backends: [
    { name: 'ffi', timesItself: true },
    { name: 'shell', timesItself: false },
  ],
  peers: true,
  privileged: true,
  others: [],
  oneWay: false,
};

t.test('chooseCases() gives every case an id of its own, and every way a none to compare with', async (t) => {
  for (const privileged of [true, false]) {
    const cases = chooseCases({ ...everything, privileged });
    t.equal(new Set(cases.map(({ id }) => id)).size, cases.length);
    const ids = cases.map(({ id }) => id);
    t.hasStrict(ids.filter((id) => id.endsWith(':none')).sort(), [
      'child_process-unshare:none',
      'child_process:none',
      'ffi-program:none',
      'ffi-spawn:none',
      'shell-spawn:none',
    ]);
  }
});

t.test('chooseCases() asks nothing of an ordinary user that takes privilege', async (t) => {
  for (const { set } of chooseCases({ ...everything, privileged: false })) {
    t.ok(set.namespaces.length === 0 || set.namespaces.includes('user'), set.name);
  }
});

t.test('chooseCases() measures only what was asked for, in every way', async (t) => {
  const cases = chooseCases({ ...everything, sets: [parsed('net')] });
  t.same(new Set(cases.map(({ set }) => set.name)), new Set(['none', 'net']));
  t.equal(cases.filter(({ set }) => set.name === 'net').length, 4, 'ffi twice, shell, unshare');
});

t.test('chooseCases() leaves child_process out when no peers are wanted', async (t) => {
  t.notOk(chooseCases({ ...everything, peers: false }).some(({ way }) => !('backend' in way)));
});

const typed = (options: Partial<TypedOptions>): TypedOptions => ({ command: [], ...options });

t.test('checkOptions() fills in every default', async (t) => {
  const { bench, backends, named } = checkOptions(typed({}))._unsafeUnwrap();
  t.match(bench, {
    sets: [],
    iterations: 300,
    warmup: 'auto',
    mostMs: null,
    peers: true,
    command: '/bin/true',
    args: [],
  });
  t.same(backends, ['ffi', 'shell']);
  t.equal(named, false);
  t.match(checkOptions(typed({ quick: true }))._unsafeUnwrap().bench, {
    iterations: 100,
    warmup: 'auto',
    mostMs: 20_000,
  });
});

t.test('checkOptions() lets what was typed go before defaults and environment', async (t) => {
  const { bench, backends, named } = checkOptions(
    typed({
      ...{ quick: true, iterations: '7', warmup: '0', seed: '42', flags: ['pid', 'net,uts'] },
      ...{ backend: 'ffi', backendFromEnv: 'shell', peers: false, command: ['ls', '-l'] },
    }),
  )._unsafeUnwrap();
  t.match(bench, { iterations: 7, warmup: 0, seed: 42, peers: false, command: 'ls', args: ['-l'] });
  t.same(
    bench.sets.map(({ name }) => name),
    ['pid', 'net+uts'],
  );
  t.same([backends, named], [['ffi'], true]);
  t.same(checkOptions(typed({ backendFromEnv: 'shell' }))._unsafeUnwrap().backends, ['shell']);
  t.same(checkOptions(typed({ backendFromEnv: '' }))._unsafeUnwrap().backends, ['ffi', 'shell']);
});

t.test('checkOptions() names the option, its value and what is wanted', async (t) => {
  const refused = (options: Partial<TypedOptions>) => checkOptions(typed(options))._unsafeUnwrapErr();
  t.match(refused({ iterations: '0' }), { option: '--iterations', value: '0', wanted: /^a whole number from 1 / });
  t.match(refused({ iterations: '1e3' }), { option: '--iterations', value: '1e3' });
  t.match(refused({ warmup: '-1' }), { option: '--warmup', value: '-1', wanted: /^"auto" or a whole number from 0 / });
  t.match(refused({ json: true, csv: true }), { option: '--csv', wanted: /without --json/ });
  t.match(refused({ compare: 'run.json', noise: '1.5' }), { option: '--noise', value: '1.5' });
  t.match(refused({ noise: '5' }), { option: '--noise', wanted: /--compare/ });
  t.match(refused({ seed: '4294967296' }), { option: '--seed', value: '4294967296' });
  t.match(refused({ flags: ['uts', 'foo'] }), { option: '--flags', value: 'foo', wanted: /^types out of / });
  t.match(refused({ backend: 'x' }), { option: '--backend', value: 'x', wanted: 'one of auto, ffi, shell' });
  t.match(refused({ backendFromEnv: 'x' }), { option: 'NS_BACKEND', value: 'x' });
});
