import fc from 'fast-check';
import t from 'tap';
import { host } from '../../backends/ffi/host.ts';
import { ffiCalls } from '../../backends/ffi/native.ts';
import { int32At, num, resultOf, shown } from '../../backends/ffi/program/argument.ts';

const opened = host();
if (opened.isErr()) {
  t.plan(0, opened.error.message);
  process.exit(0);
}
const { runCalls } = opened.value;
const next = { onError: 'next' } as const;

t.test('the runner keeps results, follows jumps and reads arguments from memory', async (t) => {
  const ran = runCalls((program) => {
    const pair = program.int32s(-1, -1);
    const buffer = program.zeros(16);
    program.op('pipe2', [shown(pair, 'pair'), num(0o2000000)], next); // 0
    program.op('write', [int32At(pair + 4, 'w'), program.string('hello'), num(5)], next); // 1
    program.op('read', [int32At(pair, 'r'), shown(buffer, 'buffer'), num(16)], next); // 2
    const skipped = program.label();
    program.op('close', [int32At(pair, 'r')], { onError: 'next', onZero: skipped }); // 3
    program.op('write', [num(2), program.string('never'), num(5)], next); // 4
    program.place(skipped);
    program.op('fcntl', [int32At(pair + 4, 'w'), num(1030), num(100)], next); // 5
    program.op('close', [resultOf(5, 'copy')], next); // 6
    program.op('close', [int32At(pair + 4, 'w')], next); // 7
    const failed = program.label();
    program.op('close', [num(-1)], { onError: failed }); // 8
    program.op('write', [num(2), program.string('never'), num(5)], next); // 9
    program.place(failed);
  });
  const program = ran._unsafeUnwrap();
  t.equal(program.result(1), 5);
  t.equal(program.result(2), 5);
  t.equal(program.result(4), -1, 'jumped over after the result 0');
  t.ok(program.result(5) >= 100);
  t.equal(program.result(6), 0);
  t.equal(program.result(8), -9, 'EBADF');
  t.equal(program.result(9), -1, 'jumped over after the error');
});

t.test('the runner costs one FFI call for a program of any length', async (t) => {
  runCalls((program) => program.op('close', [num(-1)], next))._unsafeUnwrap();
  const before = ffiCalls.count;
  runCalls((program) => {
    for (let index = 0; index < 400; index += 1) program.op('close', [num(-1)], next);
  })._unsafeUnwrap();
  t.equal(ffiCalls.count - before, 1);
});

t.test('the runner survives any program of harmless calls', async (t) => {
  const call = fc.oneof(
    fc.record({
      name: fc.constant('close' as const),
      args: fc.array(fc.integer({ min: -1_000, max: -1 }), { maxLength: 6 }),
    }),
    fc.record({
      name: fc.constant('read' as const),
      args: fc.tuple(fc.constant(-1), fc.maxSafeInteger(), fc.maxSafeInteger()),
    }),
    fc.record({
      name: fc.constant('wait4' as const),
      args: fc.tuple(fc.constant(0x7fffffff), fc.constant(0), fc.constant(1)),
    }),
    fc.record({ name: fc.constant('chdir' as const), args: fc.tuple(fc.integer({ min: 0, max: 4_095 })) }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(call, fc.boolean(), fc.nat(9)), { minLength: 1, maxLength: 60 }), (calls) => {
      const ran = runCalls((program) => {
        const end = program.label();
        for (const [{ name, args }, stops] of calls) program.op(name, args.map(num), { onError: stops ? end : 'next' });
        program.place(end);
      });
      return ran.isOk() && calls.every((_, index) => ran.value.result(index) < 0 || ran.value.result(index) === 0);
    }),
    { numRuns: 500 },
  );
  t.pass('500 programs');
});
