import fc from 'fast-check';
import t from 'tap';
import { NewsReader } from '../../../backends/ffi/netlink/news.ts';
import { NetlinkWriter } from '../../../backends/ffi/netlink/writer.ts';

const [NEWLINK, DELLINK, NEWROUTE] = [16, 17, 24];
const REPLACE = 0x100;
const BRIDGE = 7;

const link = (type: number, index: number, family = 0): Buffer => {
  const writer = new NetlinkWriter();
  writer.message(type, 0, '', () => {
    writer.struct(16, (bytes, at) => {
      bytes[at] = family;
      bytes.writeInt32LE(index, at + 4);
    });
    writer.string(3, `if${index}`);
  });
  return writer.batch().bytes;
};

/** As the carrier writes it: a tag, the op that read it, what it read. */
const piece = (messages: Buffer): Buffer => {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(1, 0);
  head.writeUInt32LE(messages.length, 16);
  return Buffer.concat([head, messages]);
};
const OVERRUN = Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]);

const item = fc.oneof(
  fc.record({ index: fc.integer({ min: 1, max: 99 }), gone: fc.boolean() }),
  fc.constant('overrun' as const),
);

const written = (items: readonly (typeof item extends fc.Arbitrary<infer T> ? T : never)[]): Buffer =>
  Buffer.concat(
    items.map((one) => (one === 'overrun' ? OVERRUN : piece(link(one.gone ? DELLINK : NEWLINK, one.index)))),
  );

t.test('NewsReader reads the same, wherever the pieces are cut', async () => {
  fc.assert(
    fc.property(fc.array(item, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 8 }), (items, cuts) => {
      const bytes = written(items);
      const reader = new NewsReader();
      const told: unknown[] = [];
      let at = 0;
      for (const cut of [
        ...cuts.map((one) => (bytes.length === 0 ? 0 : one % bytes.length)).sort((a, b) => a - b),
        bytes.length,
      ]) {
        for (const news of reader.take(bytes.subarray(at, cut))._unsafeUnwrap()) {
          told.push(news.type === 'link' ? { index: news.link.index, gone: news.gone } : news.type);
        }
        at = cut;
      }
      return (
        JSON.stringify(told) ===
        JSON.stringify(items.map((one) => (one === 'overrun' ? one : { index: one.index, gone: one.gone })))
      );
    }),
  );
});

t.test('NewsReader never throws, whatever byte is another one', async () => {
  const items = fc.array(item, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(items, fc.nat(), fc.integer({ min: 0, max: 255 }), (list, at, value) => {
      const damaged = Buffer.from(written(list));
      damaged[at % damaged.length] = value;
      const read = new NewsReader().take(damaged);
      return read.isOk() || read.error.type === 'malformed-netlink';
    }),
    { numRuns: 1_000 },
  );
});

t.test('NewsReader takes what a bridge tells of its ports for no news of links', async (t) => {
  t.strictSame(new NewsReader().take(piece(link(DELLINK, 4, BRIDGE)))._unsafeUnwrap(), []);
});

t.test('NewsReader tells a route that takes the place of another one', async (t) => {
  const writer = new NetlinkWriter();
  writer.message(NEWROUTE, REPLACE, '', () => {
    writer.struct(12, (bytes, at) => {
      bytes[at] = 2;
      bytes[at + 4] = 254;
      bytes[at + 7] = 1;
    });
    writer.attribute(5, [10, 0, 0, 1]);
    writer.u32(4, 3);
  });
  t.match(new NewsReader().take(piece(writer.batch().bytes))._unsafeUnwrap(), [
    { type: 'route', gone: false, replaces: true, index: 3, route: { to: 'default', via: '10.0.0.1' } },
  ]);
});
