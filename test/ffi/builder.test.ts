import fc from 'fast-check';
import t from 'tap';
import { wordsOf } from '../../backends/ffi/native.ts';
import { int32At, int64At, num, resultOf } from '../../backends/ffi/program/argument.ts';
import { ProgramBuilder, SpaceExhausted } from '../../backends/ffi/program/builder.ts';
import { HEADER, OP } from '../../backends/ffi/program/layout.ts';

const BASE = 0x10000;

const spaceOf = (size: number, offset = 0) => {
  const bytes = Buffer.alloc(size, 0xaa);
  return { bytes, words: wordsOf(bytes), offset, base: BASE, arch: 'x64' } as const;
};

t.test('ProgramBuilder never writes outside of its space', async (t) => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('string' as const), text: fc.string({ unit: 'binary', maxLength: 200 }) }),
    fc.record({
      kind: fc.constant('strings' as const),
      texts: fc.array(fc.string({ maxLength: 80 }), { maxLength: 9 }),
    }),
    fc.record({ kind: fc.constant('room' as const), size: fc.integer({ min: 0, max: 600 }) }),
    fc.record({ kind: fc.constant('zeros' as const), size: fc.integer({ min: 0, max: 100 }).map((n) => n * 4) }),
    fc.record({ kind: fc.constant('data' as const), bytes: fc.uint8Array({ maxLength: 300 }) }),
    fc.record({ kind: fc.constant('op' as const), value: fc.maxSafeInteger() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 40 }), (steps, size) => {
      const space = spaceOf(64 + size * 128 + 64, 64);
      const inner = { ...space, bytes: space.bytes.subarray(0, 64 + size * 128) };
      try {
        const program = new ProgramBuilder(inner);
        for (const entry of steps) {
          if (entry.kind === 'string') program.string(entry.text);
          else if (entry.kind === 'strings') program.strings(entry.texts);
          else if (entry.kind === 'room') program.room(entry.size);
          else if (entry.kind === 'zeros') program.zeros(entry.size);
          else if (entry.kind === 'data') program.data(entry.bytes);
          else program.op('close', [num(entry.value)], { onError: 'next' });
        }
        program.op('end', [], { onError: 'next' });
        program.finish();
      } catch (error) {
        if (!(error instanceof SpaceExhausted)) throw error;
      }
      const before = space.bytes.subarray(0, 64);
      const after = space.bytes.subarray(64 + size * 128);
      return before.every((byte) => byte === 0xaa) && after.every((byte) => byte === 0xaa);
    }),
    { numRuns: 300 },
  );
  t.pass('300 programs');
});

t.test('ProgramBuilder lays out what was asked for', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' }).filter((s) => !s.includes('\0'))), (texts) => {
      const program = new ProgramBuilder(spaceOf(65_536));
      const list = program.strings(texts);
      const read = (address: number): string => {
        let end = address;
        while (program.bytesAt(end, 1)[0] !== 0) end += 1;
        return program.bytesAt(address, end - address).toString();
      };
      const found = texts.map((_, index) => read(program.read64(list.value + index * 8)));
      // A lone surrogate has no UTF-8 of its own.
      const wanted = texts.map((text) => Buffer.from(text).toString());
      return found.join('\n') === wanted.join('\n') && program.read64(list.value + texts.length * 8) === 0;
    }),
  );
  t.pass('lists of strings, NULL-terminated');
});

t.test('ProgramBuilder writes 64-bit arguments in two halves', async (t) => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      const space = spaceOf(4_096);
      const program = new ProgramBuilder(space);
      program.op('close', [num(value)], { onError: 'next' });
      program.op('end', [], { onError: 'next' });
      program.finish();
      const ops = Number(space.bytes.readBigUInt64LE(HEADER.ops)) - BASE;
      return space.bytes.readBigInt64LE(ops + OP.args) === BigInt(value);
    }),
  );
  t.pass('every safe integer');
});

t.test('ProgramBuilder refuses what no program may have', async (t) => {
  const program = new ProgramBuilder(spaceOf(4_096));
  t.throws(() => program.op('close', Array(7).fill(num(0)), { onError: 'next' }), /has 7 arguments/);
  const label = program.label();
  program.place(label);
  t.throws(() => program.place(label), /placed twice/);
  program.op('close', [num(1.5)], { onError: 'next' });
  t.throws(() => program.finish(), /no 64-bit argument/);

  const astray = new ProgramBuilder(spaceOf(4_096));
  astray.op('close', [num(0)], { onError: astray.label() });
  t.throws(() => astray.finish(), /leads nowhere/);

  const early = new ProgramBuilder(spaceOf(4_096));
  early.op('close', [resultOf(1, 'later')], { onError: 'next' });
  t.throws(() => early.finish(), /No such op/);

  const done = new ProgramBuilder(spaceOf(4_096));
  done.op('end', [], { onError: 'next' });
  done.finish();
  t.throws(() => done.string('late'), /finished/);
  t.throws(() => done.read32(BASE + 4_096), /outside/);
  t.throws(() => done.result(1), /No such op/);
});

t.test('ProgramBuilder marks the arguments that are read from memory', async (t) => {
  const space = spaceOf(4_096);
  const program = new ProgramBuilder(space);
  const slot = program.int32s(5, 6);
  program.op('close', [int32At(slot, 'fd'), num(1), int64At(slot, 'pair')], { onError: 'next' });
  program.op('end', [], { onError: 'next' });
  program.finish();
  const ops = Number(space.bytes.readBigUInt64LE(HEADER.ops)) - BASE;
  t.equal(space.bytes[ops + 2], 0x85, 'arguments 0 and 2, errors expected');
  t.equal(space.bytes[ops + 3], 0x04, 'argument 2 has 64 bits');
});
