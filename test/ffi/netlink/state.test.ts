import fc from 'fast-check';
import t from 'tap';
import { readState } from '../../../backends/ffi/netlink/state.ts';
import { NetlinkWriter } from '../../../backends/ffi/netlink/writer.ts';

/** linux/netlink.h, linux/rtnetlink.h */
const [ERROR, DONE, OVERRUN, NEWLINK, NEWADDR, NEWROUTE] = [2, 3, 4, 16, 20, 24];
const MULTI = 2;
const INTERRUPTED = 0x10;

const link = (writer: NetlinkWriter, index: number, name: string, flags = MULTI): void =>
  writer.message(NEWLINK, flags, name, () => {
    writer.struct(16, (bytes, at) => {
      bytes.writeInt32LE(index, at + 4);
      bytes.writeUInt32LE(1, at + 8);
    });
    writer.string(3, name);
    writer.u32(4, 1500);
    writer.attribute(1, [2, 0, 0, 0, 0, index & 0xff]);
    writer.nest(18, () => writer.string(1, 'veth'));
  });

const address = (writer: NetlinkWriter, index: number, ip: readonly number[]): void =>
  writer.message(NEWADDR, MULTI, '', () => {
    writer.struct(8, (bytes, at) => {
      bytes[at] = 2;
      bytes[at + 1] = 24;
      bytes.writeUInt32LE(index, at + 4);
    });
    writer.attribute(2, ip);
  });

const route = (writer: NetlinkWriter, index: number, via: readonly number[]): void =>
  writer.message(NEWROUTE, MULTI, '', () => {
    writer.struct(12, (bytes, at) => {
      bytes[at] = 2;
      bytes[at + 4] = 254;
      bytes[at + 7] = 1;
    });
    writer.attribute(5, via);
    writer.u32(4, index);
  });

const done = (writer: NetlinkWriter): void => writer.message(DONE, MULTI, '', () => writer.struct(4, () => {}));

interface Told {
  readonly index: number;
  readonly ip: readonly number[];
}

const dump = (told: readonly Told[], flags = MULTI): Buffer => {
  const writer = new NetlinkWriter();
  for (const { index } of told) link(writer, index, `if${index}`, flags);
  done(writer);
  for (const { index, ip } of told) address(writer, index, ip);
  done(writer);
  for (const { index, ip } of told) route(writer, index, ip);
  done(writer);
  return Buffer.from(writer.batch().bytes);
};

const byte = fc.integer({ min: 0, max: 255 });
const told = fc.uniqueArray(
  fc.record({ index: fc.integer({ min: 1, max: 200 }), ip: fc.tuple(byte, byte, byte, byte) }),
  { selector: ({ index }) => index, minLength: 1, maxLength: 6 },
);

t.test('readState() reads links, their addresses and routes, in the order of their numbers', async (t) => {
  fc.assert(
    fc.property(told, (list) => {
      const { links, routes } = readState(dump(list))._unsafeUnwrap();
      const sorted = [...list].sort((a, b) => a.index - b.index);
      t.strictSame(
        links.map(({ name, addresses }) => [name, addresses.map((one) => one.address)]),
        sorted.map(({ index, ip }) => [`if${index}`, [`${ip.join('.')}/24`]]),
      );
      t.strictSame(
        routes.map((one) => [one.to, one.via, one.interface]),
        list.map(({ index, ip }) => ['default', ip.join('.'), `if${index}`]),
      );
    }),
    { numRuns: 30 },
  );
});

t.test('readState() takes no answer for whole that was cut off', async () => {
  fc.assert(
    fc.property(told, fc.nat(), (list, cut) => {
      const whole = dump(list);
      return readState(whole.subarray(0, cut % whole.length)).isErr();
    }),
  );
});

t.test('readState() never throws, whatever byte is another one', async () => {
  fc.assert(
    fc.property(told, fc.nat(), byte, (list, at, value) => {
      const damaged = dump(list);
      damaged[at % damaged.length] = value;
      const read = readState(damaged);
      return read.isOk() || ['malformed-netlink', 'refused', 'interrupted'].includes(read.error.type);
    }),
    { numRuns: 1_000 },
  );
});

t.test('readState() says when something changed meanwhile, or was lost', async (t) => {
  t.match(readState(dump([{ index: 1, ip: [1, 2, 3, 4] }], MULTI | INTERRUPTED))._unsafeUnwrapErr(), {
    type: 'interrupted',
  });
  const writer = new NetlinkWriter();
  writer.message(OVERRUN, 0, '', () => {});
  t.match(readState(Buffer.concat([dump([]), writer.batch().bytes]))._unsafeUnwrapErr(), { type: 'interrupted' });
});

t.test('readState() tells the errno of a question that was refused', async (t) => {
  const writer = new NetlinkWriter();
  writer.message(ERROR, 0, '', () => writer.struct(20, (bytes, at) => bytes.writeInt32LE(-105, at)));
  t.match(readState(Buffer.concat([writer.batch().bytes, dump([])]))._unsafeUnwrapErr(), {
    type: 'refused',
    errno: 105,
  });
});
