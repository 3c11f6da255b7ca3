import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import fc from 'fast-check';
import { err, ok, type Result, safeTry } from 'neverthrow';
import t from 'tap';
import { ERRNO, errnoName } from '../../lib/errno.ts';
import { aborted, execFailed, invalidOption, outputLimit, setupFailed, timedOut } from '../../lib/errors.ts';
import { exitStatus } from '../../lib/exit.ts';
import { cloneFlags, isNamespaceType, NAMESPACE_TYPES, NAMESPACES } from '../../lib/namespace.ts';
import { namespaceIds } from '../../lib/namespace-ids.ts';
import { signalName, signalNumber } from '../../lib/signal.ts';

t.test('ERRNO agrees with this platform’s headers', async (t) => {
  const ours: Readonly<Record<string, number>> = ERRNO;
  const theirs = Object.entries(constants.errno).filter(([name]) => Object.hasOwn(ours, name));
  t.ok(theirs.length > 60);
  t.same(
    theirs.filter(([name, code]) => ours[name] !== code),
    [],
  );
});

t.test('errnoName() names numbers as libuv does', async (t) => {
  for (const code of [1, 2, 11, 13, 22, 28, 75, 107]) t.equal(errnoName(code), getSystemErrorName(-code));
  t.equal(errnoName(4095), 'errno 4095');
  t.equal(errnoName(41), 'errno 41', 'a number that Linux left out');
  for (const [name, code] of Object.entries(ERRNO)) t.equal(errnoName(code), name);
});

t.test('NAMESPACES has the eight types, each with a flag of its own', async (t) => {
  t.same(NAMESPACE_TYPES, ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts']);
  const flags = NAMESPACE_TYPES.map((type) => NAMESPACES[type].cloneFlag);
  t.equal(new Set(flags).size, 8);
  for (const flag of flags) t.equal(flag & (flag - 1), 0, 'one bit');
  const letters = NAMESPACE_TYPES.map((type) => NAMESPACES[type].letter);
  t.equal(new Set(letters).size, 8);
  t.equal(cloneFlags(NAMESPACE_TYPES), 0x7e020080);
  t.equal(cloneFlags([]), 0);
});

t.test('isNamespaceType() takes nothing but the eight names', async (t) => {
  for (const type of NAMESPACE_TYPES) t.ok(isNamespaceType(type));
  fc.assert(fc.property(fc.anything(), (value) => !isNamespaceType(value) || NAMESPACE_TYPES.includes(value)));
  for (const no of ['toString', '__proto__', 'PID', '', null, undefined, 7]) t.notOk(isNamespaceType(no));
});

t.test('namespaceIds() reads one’s own, and process-gone where there is nothing to read', async (t) => {
  const own = namespaceIds('self')._unsafeUnwrap();
  t.ok(Object.keys(own).length >= 6);
  for (const [type, id] of Object.entries(own)) t.ok(Number.isSafeInteger(id) && id > 0, `${type} ${id}`);
  t.same(namespaceIds(process.pid)._unsafeUnwrap(), own);
  // No pid is as high as this: pid_max is 2^22 at most.
  t.match(namespaceIds(2 ** 30)._unsafeUnwrapErr(), { type: 'process-gone', pid: 2 ** 30 });
});

t.test('signalNumber() and signalName() are each other’s inverse', async (t) => {
  for (let number = 1; number <= 31; number += 1) t.equal(signalNumber(signalName(number)), number);
  t.equal(signalName(6), 'SIGABRT', 'and not SIGIOT');
  t.equal(signalName(34), 'SIG34');
  t.equal(signalNumber('SIGKILL'), 9);
  for (const no of ['KILL', 'sigkill', '', 'constructor', '9']) t.equal(signalNumber(no), undefined, no);
});

t.test('exitStatus() never mixes a code and a signal', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 255 }), (code) => {
      const status = exitStatus(code << 8, null);
      return status.type === 'exited' && status.code === code;
    }),
  );
  t.same(exitStatus(9, null), { type: 'killed', signal: 'SIGKILL', coreDumped: false, usage: null });
  t.same(exitStatus(11 | 0x80, null), { type: 'killed', signal: 'SIGSEGV', coreDumped: true, usage: null });
});

t.test('invalidOption() shows any value, shortly', async (t) => {
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  for (const [value, shown] of [
    ['a"b', '"a\\"b"'],
    [7n, '7n'],
    [() => 1, 'a function'],
    [Symbol('x'), 'a symbol'],
    [undefined, 'undefined'],
    [null, 'null'],
    [circular, 'an object that cannot be shown'],
    [{ a: 1 }, '{"a":1}'],
  ] as const) {
    t.match(invalidOption('x', value, 'y').message, `is ${shown}, wanted y`);
  }
  fc.assert(
    fc.property(fc.anything(), (value) => {
      const { message } = invalidOption('x', value, 'y');
      return message.startsWith('Option "x" is ') && message.endsWith(', wanted y') && message.length < 130;
    }),
  );
});

t.test('setupFailed() says step, call, errno, why, and what to do', async (t) => {
  const facts = {
    backend: 'ffi',
    step: 'clone',
    syscall: 'clone3',
    call: 'clone3(CLONE_NEWUSER)',
    errno: 'EINVAL',
    namespaces: ['user'],
    path: null,
    diagnosis: null,
  } as const;
  t.equal(setupFailed(facts).message, 'Set-up failed at clone: clone3(CLONE_NEWUSER): EINVAL');
  t.equal(setupFailed({ ...facts, errno: null }).message, 'Set-up failed at clone: clone3(CLONE_NEWUSER)');
  const diagnosis = {
    cause: 'x',
    summary: 'user namespaces are off',
    confidence: 'certain',
    evidence: [],
    remedy: ['sysctl -w a=1', 'reboot'],
  } as const;
  t.equal(
    setupFailed({ ...facts, diagnosis }).message,
    'Set-up failed at clone: clone3(CLONE_NEWUSER): EINVAL: user namespaces are off (hint: sysctl -w a=1)',
  );
  t.notMatch(setupFailed({ ...facts, diagnosis: { ...diagnosis, remedy: [] } }).message, 'hint');
});

t.test('execFailed() speaks as execvp(3) does', async (t) => {
  for (const [errno, reason] of [
    ['ENOENT', 'not-found'],
    ['ENOTDIR', 'not-found'],
    ['EACCES', 'not-executable'],
    ['ENOEXEC', 'not-executable'],
    ['E2BIG', 'too-long'],
    ['ELOOP', 'failed'],
    ['ENOMEM', 'failed'],
  ] as const) {
    t.match(execFailed('cmd', ERRNO[errno]), { type: 'exec-failed', reason, errno, command: 'cmd' });
    t.match(execFailed('cmd', ERRNO[errno]).message, `execve("cmd"): ${errno}: `);
  }
});

t.test('errors of stopping say why', async (t) => {
  const status = exitStatus(9, null);
  t.match(timedOut(50, status), { type: 'timed-out', message: 'Timed out after 50 ms', status });
  t.match(aborted(new Error('enough'), null), { type: 'aborted', message: 'Aborted: enough' });
  t.match(aborted('enough', null).message, 'Aborted: "enough"');
  t.match(outputLimit('stderr', 7, status), { type: 'output-limit', stream: 'stderr', maxOutputBytes: 7 });
});

t.test('safeTry() of neverthrow runs no finally when an Err is yielded, so resources are not held in it', async (t) => {
  let closed = false;
  const failing = (): Result<number, string> => err('no');
  const result = safeTry(function* () {
    try {
      return ok(yield* failing());
    } finally {
      closed = true;
    }
  });
  t.equal(result._unsafeUnwrapErr(), 'no');
  t.equal(closed, false);
});
