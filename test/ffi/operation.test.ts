import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import t, { type Test } from 'tap';
import { type KernelOperation, measureOperation, NAMESPACE_TYPES, openBackend } from '../../lib/index.ts';
import { countLeaks } from '../leaks.ts';
import { plainEnv } from '../plain-env.ts';

const ffi = openBackend('ffi');
const skip = ffi.isErr() ? ffi.error.message : false;

const clone: Extract<KernelOperation, { type: 'clone' }> = {
  ...{ type: 'clone', namespaces: [], call: 'clone3', caller: 'node', memory: 'shared', command: null, delayCalls: 0 },
};

/** What an operation gave; null where the machine refuses it, with a step and an errno. */
const timesOf = (t: Test, operation: KernelOperation): Readonly<Record<string, number>> | null => {
  const timed = measureOperation(operation, 'ffi');
  if (timed.isOk()) return timed.value;
  t.match(timed.error, { type: 'setup-failed', step: String, errno: /^E/ }, JSON.stringify(operation));
  return null;
};

t.test('measureOperation() takes the phases of a clone, in their order', { skip }, async (t) => {
  const leaks = countLeaks();
  for (const memory of ['shared', 'copied'] as const) {
    for (const call of ['clone3', 'clone'] as const) {
      for (const command of [null, '/bin/true']) {
        const times = timesOf(t, { ...clone, memory, call, command });
        const copied = memory === 'copied' && command !== null ? ['execve done'] : [];
        t.same(Object.keys(times ?? {}), ['child runs', 'clone returned', ...copied, 'reaped']);
        const { reaped = 0, ...parts } = times ?? {};
        for (const [name, ns] of Object.entries(parts)) t.ok(ns > 0 && ns <= reaped, `${name}: ${ns} of ${reaped}`);
        if (memory === 'shared') t.ok((parts['child runs'] ?? 0) < (parts['clone returned'] ?? 0), 'vfork waits');
      }
    }
  }
  for (const call of ['clone3', 'clone'] as const) {
    for (const command of [null, '/bin/true']) {
      const times = timesOf(t, { ...clone, caller: 'small', call, command }) ?? {};
      t.same(Object.keys(times), ['child runs', 'clone returned', 'reaped']);
      const [runs = 0, returned = 0, reaped = 0] = Object.values(times);
      t.ok(0 < runs && runs < returned && returned < reaped, JSON.stringify(times));
    }
  }
  t.same(await leaks(), []);
});

t.test('measureOperation() says what failed', { skip }, async (t) => {
  const leaks = countLeaks();
  for (const memory of ['shared', 'copied'] as const) {
    const absent = measureOperation({ ...clone, memory, command: '/nonexistent' }, 'ffi');
    t.match(absent._unsafeUnwrapErr(), { type: 'exec-failed', message: /\/nonexistent/ }, memory);
  }
  const small = measureOperation({ ...clone, caller: 'small', command: '/nonexistent' }, 'ffi');
  t.match(small._unsafeUnwrapErr(), { type: 'exec-failed', message: /\/nonexistent/ });
  t.same(await leaks(), []);
});

t.test('measureOperation() refuses what cannot be meant', async (t) => {
  const refused = (operation: object) => measureOperation(operation as KernelOperation, 'ffi')._unsafeUnwrapErr();
  t.match(refused({ ...clone, namespaces: ['foo'] }), { type: 'invalid-option', option: 'namespaces', value: 'foo' });
  t.match(refused({ ...clone, call: 'fork' }), { option: 'call', wanted: 'one of clone3, clone' });
  t.match(refused({ ...clone, memory: 'x' }), { option: 'memory' });
  t.match(refused({ ...clone, caller: 'x' }), { option: 'caller' });
  t.match(refused({ ...clone, caller: 'small', memory: 'copied' }), { option: 'caller' });
  t.match(refused({ ...clone, command: 'true' }), { option: 'command', wanted: 'an absolute path, or null' });
  t.match(refused({ ...clone, command: '/a\0b' }), { option: 'command' });
  t.match(refused({ ...clone, delayCalls: -1 }), { option: 'delayCalls' });
  t.match(refused({ ...clone, delayCalls: 1e9 }), { option: 'delayCalls' });
  t.match(refused({ ...clone, call: 'clone', namespaces: ['time'] }), { option: 'call' });
  t.match(refused({ type: 'unshare', namespace: 'mount' }), { option: 'namespace', value: 'mount' });
  t.match(refused({ type: 'tear-down', namespace: 'uts', count: 0 }), { option: 'count' });
});

t.test('measureOperation() is not for the shell backend', async (t) => {
  const timed = measureOperation(clone, 'shell');
  t.match(timed._unsafeUnwrapErr(), { type: /^(unsupported|backend-unavailable)$/ });
});

t.test('measureOperation() delays a clone by calls', { skip }, async (t) => {
  const reaped = (delayCalls: number): number => {
    const times = Array.from({ length: 9 }, () => measureOperation({ ...clone, delayCalls }, 'ffi'));
    return Math.min(...times.map((timed) => timed._unsafeUnwrap()['reaped'] ?? Number.NaN));
  };
  t.ok(reaped(2000) > reaped(0), 'two thousand system calls take time');
});

t.test('measureOperation() times single steps', { skip }, async (t) => {
  const leaks = countLeaks();
  for (const type of ['unshare', 'setns'] as const) {
    for (const namespace of NAMESPACE_TYPES) {
      const times = timesOf(t, { type, namespace });
      if (times !== null) t.match(Object.entries(times), [[`${type} ${namespace}`, Number]]);
      for (const ns of Object.values(times ?? {})) t.ok(ns > 0);
    }
  }
  const [clock] = Object.values(timesOf(t, { type: 'nothing' }) ?? {});
  t.ok(clock !== undefined && clock >= 0);
  const steps = [
    [{ type: 'id-map' }, ['id maps']],
    [{ type: 'mounts' }, ['all private', 'tmpfs', 'bind', 'proc']],
    [{ type: 'network' }, ['lo up']],
  ] as const;
  for (const [operation, phases] of steps) {
    const times = timesOf(t, operation);
    if (times !== null) t.same(Object.keys(times), phases);
  }
  t.same(await leaks(), []);
});

t.test('measureOperation() waits until namespaces are freed', { skip }, async (t) => {
  const leaks = countLeaks();
  for (const namespace of NAMESPACE_TYPES) {
    const times = timesOf(t, { type: 'tear-down', namespace, count: 3 });
    if (times === null) continue;
    t.same(Object.keys(times), ['made and left', 'freed'], namespace);
    t.ok(Object.values(times).every((ns) => ns > 0));
  }
  t.same(await leaks(), []);
});

const asNobody = process.getuid?.() === 0 ? false : 'takes root to become somebody else';

t.test(
  'measureOperation() makes a user namespace first where the caller has no privilege',
  { skip: skip || asNobody },
  async (t) => {
    const script = `
    const { measureOperation } = await import(${JSON.stringify(resolve('dist/lib/index.js'))});
    const operations = [{ type: 'unshare', namespace: 'uts' }, { type: 'setns', namespace: 'ipc' }, { type: 'mounts' }];
    const told = operations.map((operation) => measureOperation(operation, 'ffi'));
    console.log(JSON.stringify(told.map((one) => one.isOk() ? Object.keys(one.value).join() : one.error.message)));
  `;
    // A process that has become somebody else by itself may not write its own maps: this one begins as that.
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      ...{ encoding: 'utf8', env: plainEnv(), uid: 65534, gid: 65534, cwd: '/' },
    });
    const [unshared, entered, mounted] = JSON.parse(stdout) as readonly string[];
    // A machine may refuse user namespaces to ordinary users, and within one that it grants a new proc.
    if (unshared?.startsWith('Set-up failed')) {
      t.match(unshared, /user|id-map/);
      return;
    }
    t.same([unshared, entered], ['unshare uts', 'setns ipc']);
    t.match(mounted, /^(?:all private,tmpfs,bind,proc|Set-up failed at mount: .*)$/);
  },
);
