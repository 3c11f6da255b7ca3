import fc from 'fast-check';
import t from 'tap';
import { parseAttributes, parseError, parseMessages } from '../../../backends/ffi/netlink/parser.ts';
import { NetlinkWriter } from '../../../backends/ffi/netlink/writer.ts';

const attribute = fc.record({ type: fc.integer({ min: 0, max: 0x3fff }), value: fc.uint8Array({ maxLength: 40 }) });
const message = fc.record({
  type: fc.integer({ min: 0, max: 0xffff }),
  flags: fc.integer({ min: 0, max: 0xffff }),
  attributes: fc.uniqueArray(attribute, { selector: ({ type }) => type, maxLength: 6 }),
});

const written = (
  messages: readonly { type: number; flags: number; attributes: { type: number; value: Uint8Array }[] }[],
) => {
  const writer = new NetlinkWriter();
  for (const { type, flags, attributes } of messages) {
    writer.message(type, flags, '', () => {
      for (const { type: kind, value } of attributes) writer.attribute(kind, value);
    });
  }
  return writer.batch().bytes;
};

t.test('parseMessages() and parseAttributes() read what NetlinkWriter wrote', async (t) => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), (messages) => {
      const read = parseMessages(written(messages))._unsafeUnwrap();
      t.equal(read.length, messages.length);
      for (const [index, { type, flags, attributes }] of messages.entries()) {
        const one = read[index];
        if (one === undefined) throw new Error('A message is missing');
        const known = parseAttributes(one.payload)._unsafeUnwrap();
        const same =
          one.type === type &&
          one.flags === (flags | 1) &&
          one.sequence === index &&
          known.size === attributes.length &&
          attributes.every(({ type: kind, value }) => known.get(kind)?.equals(value) === true);
        if (!same) throw new Error(`Message ${index} is another one`);
      }
    }),
  );
});

t.test('parseMessages() and parseAttributes() answer any bytes with messages inside of them, or an error', async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.tuple(fc.array(message, { minLength: 1, maxLength: 4 }), fc.nat(), fc.nat(255)).map(([messages, at, value]) => {
      const damaged = Buffer.from(written(messages));
      damaged[at % damaged.length] = value;
      return damaged;
    }),
  );
  fc.assert(
    fc.property(bytes, (given) => {
      const buffer = Buffer.from(given);
      for (const { payload, ...head } of parseMessages(buffer).unwrapOr([])) {
        if (payload.length > buffer.length - 16) throw new Error('A message reaches beyond what was read');
        for (const value of parseAttributes(payload).unwrapOr(new Map<number, Buffer>()).values()) {
          if (value.length > payload.length - 4) throw new Error('An attribute reaches beyond its message');
        }
        const error = parseError({ payload, ...head });
        if (error.isOk() && !(error.value.errno >= 0)) throw new Error(`An errno of ${error.value.errno}`);
      }
    }),
    { numRuns: 2_000 },
  );
});

t.test('parseMessages() refuses every true beginning of a message', async () => {
  fc.assert(
    fc.property(message, fc.nat(), (one, cut) => {
      const whole = written([one]);
      const part = whole.subarray(0, 1 + (cut % (whole.length - 1)));
      const { length } = parseMessages(whole)._unsafeUnwrap()[0]?.payload ?? Buffer.alloc(0);
      // The padding at the end is not part of the message.
      return part.length >= length + 16 ? parseMessages(part).isOk() : parseMessages(part).isErr();
    }),
  );
});

const answer = (errno: number, echoed: number, words: string | null, capped: boolean): Buffer => {
  const echo = capped ? 16 : (echoed + 3) & -4;
  const attribute = words === null ? Buffer.alloc(0) : Buffer.alloc((4 + words.length + 1 + 3) & -4);
  if (words !== null) {
    attribute.writeUInt16LE(4 + words.length + 1, 0);
    attribute.writeUInt16LE(1, 2);
    attribute.write(words, 4, 'latin1');
  }
  const bytes = Buffer.concat([Buffer.alloc(16 + 4 + echo), attribute]);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(2, 4);
  bytes.writeUInt16LE((words === null ? 0 : 0x200) | (capped ? 0x100 : 0), 6);
  bytes.writeInt32LE(-errno, 16);
  bytes.writeUInt32LE(echoed, 20);
  bytes.writeUInt32LE(7, 28);
  return bytes;
};

t.test('parseError() finds the errno, the message that it is about, and the words of the kernel', async (t) => {
  const words = fc.option(fc.string({ unit: fc.constantFrom(...'abc XYZ.'), maxLength: 30 }));
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 4095 }),
      fc.integer({ min: 16, max: 99 }),
      words,
      fc.boolean(),
      (errno, echoed, said, capped) => {
        const [read] = parseMessages(answer(errno, echoed, said, capped))._unsafeUnwrap();
        if (read === undefined) throw new Error('There is no message');
        t.strictSame(parseError(read)._unsafeUnwrap(), { errno, sequence: 7, words: said });
      },
    ),
    { numRuns: 100 },
  );
});

t.test('parseError() keeps the errno when the words cannot be read', async (t) => {
  const bytes = answer(17, 20, 'words', false);
  bytes.writeUInt16LE(0xffff, bytes.length - 12);
  const [read] = parseMessages(bytes)._unsafeUnwrap();
  t.match(read && parseError(read)._unsafeUnwrap(), { errno: 17, words: null });
});

t.test('parseError() refuses what is none, is too short, or has a positive number', async (t) => {
  const [good] = parseMessages(answer(1, 16, null, true))._unsafeUnwrap();
  if (good === undefined) throw new Error('There is no message');
  t.ok(parseError({ ...good, type: 3 }).isErr());
  t.ok(parseError({ ...good, payload: good.payload.subarray(0, 19) }).isErr());
  const positive = Buffer.from(good.payload);
  positive.writeInt32LE(5, 0);
  t.ok(parseError({ ...good, payload: positive }).isErr());
});
