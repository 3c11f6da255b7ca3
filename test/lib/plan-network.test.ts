import fc from 'fast-check';
import t from 'tap';
import { formatIp, formatIpNetwork, parseIp, parseIpNetwork } from '../../lib/ip-address.ts';
import type { NetworkSpec } from '../../lib/network.ts';
import { planNetwork } from '../../lib/plan-network.ts';

type Loose = { readonly [K in keyof NetworkSpec]?: unknown };

const veth = (more: object): Loose => ({ interfaces: [{ type: 'veth', name: 'a', peer: { name: 'b' }, ...more }] });

/** A network that cannot be meant: which option the error names, and a word of what is wanted. */
const BAD: readonly (readonly [option: string, spec: unknown, wanted: RegExp])[] = [
  ['network', 'lo', /an object/],
  ['network', null, /an object/],
  ['network.loopback', { loopback: 1 }, /true or false/],
  ['network.interfaces', { interfaces: {} }, /a list/],
  ['network.interfaces', { interfaces: Array(1001).fill({ type: 'dummy', name: 'a' }) }, /at most 1000/],
  ['network.interfaces[0]', { interfaces: ['eth0'] }, /an object/],
  ['network.interfaces[0].type', { interfaces: [{ type: 'tun', name: 'a' }] }, /dummy, bridge, veth/],
  ['network.interfaces[0].name', { interfaces: [{ type: 'dummy' }] }, /the name of an interface/],
  ['network.interfaces[0].name', veth({ name: 'x'.repeat(16) }), /15 bytes/],
  ['network.interfaces[0].name', veth({ name: 'a/b' }), /without blanks/],
  ['network.interfaces[0].name', veth({ name: 'eth%d' }), /"%"/],
  ['network.interfaces[0].name', veth({ name: 'lo' }), /another name/],
  ['network.interfaces[0].peer', veth({ peer: 'b' }), /the other end/],
  ['network.interfaces[0].peer.name', veth({ peer: {} }), /the name of an interface/],
  ['network.interfaces[0].peer.name', veth({ peer: { name: 'a' } }), /no other interface has/],
  ['network.interfaces[0].peer.namespace', veth({ peer: { name: 'b', namespace: 'host' } }), /"inside" or "caller"/],
  ['network.interfaces[0].peer.master', veth({ peer: { name: 'b', master: 'br0' } }), /a bridge among/],
  ['network.interfaces[0].addresses', veth({ addresses: '10.0.0.1/24' }), /a list/],
  ['network.interfaces[0].addresses[0]', veth({ addresses: ['10.0.0.1'] }), /with its prefix/],
  ['network.interfaces[0].addresses[1]', veth({ addresses: ['::1/128', 'fd00::/129'] }), /with its prefix/],
  ['network.interfaces[0].addresses[0]', veth({ addresses: ['fe80::1%lo/64'] }), /with its prefix/],
  ['network.interfaces[0].mtu', veth({ mtu: 67 }), /from 68 to 65535/],
  ['network.interfaces[0].mtu', veth({ mtu: '1500' }), /a whole number/],
  ['network.interfaces[0].mac', veth({ mac: '02-00-00-00-00-01' }), /the MAC address/],
  ['network.interfaces[0].mac', veth({ mac: '01:00:00:00:00:01' }), /of one interface/],
  ['network.interfaces[0].mac', veth({ mac: '00:00:00:00:00:00' }), /of one interface/],
  ['network.interfaces[0].up', veth({ up: 'yes' }), /true or false/],
  ['network.interfaces[0].master', veth({ master: 'b' }), /a bridge among/],
  ['network.interfaces[0].parent', { interfaces: [{ type: 'macvlan', name: 'm' }] }, /the name of an interface/],
  [
    'network.interfaces[0].mode',
    { interfaces: [{ type: 'macvlan', name: 'm', parent: 'e', mode: 'x' }] },
    /private, vepa/,
  ],
  ['network.interfaces[0].from', { interfaces: [{ type: 'move', name: 'm', from: '' }] }, /the name of an interface/],
  ['network.routes', { routes: 'default' }, /a list/],
  ['network.routes[0]', { routes: ['default'] }, /an object/],
  ['network.routes[0]', { routes: [{ to: 'default' }] }, /"via" or "interface"/],
  ['network.routes[0].to', { routes: [{ to: '10.0.0.0', via: '10.0.0.1' }] }, /with its prefix/],
  ['network.routes[0].to', { routes: [{ to: '10.0.0.1/24', via: '10.0.0.1' }] }, /no bit set behind/],
  ['network.routes[0].via', { routes: [{ to: '10.0.0.0/24', via: '::1' }] }, /IPv4 address/],
  ['network.routes[0].via', { routes: [{ to: 'default', via: 'gateway' }] }, /IPv4 or IPv6 address/],
  ['network.routes[0].interface', { routes: [{ to: 'default', interface: 'eth0' }] }, /one of the interfaces/],
  ['network.routes[0].metric', { routes: [{ to: 'default', interface: 'lo', metric: -1 }] }, /whole number/],
  ['network.masquerade', { masquerade: 5 }, /the name of an interface, or a list/],
  ['network.masquerade', { masquerade: 'eth0' }, /one of the interfaces/],
  ['network.sysctls', { sysctls: [] }, /an object/],
  ['network.sysctls', { sysctls: { 'kernel.hostname': 'a' } }, /a setting of networks/],
  ['network.sysctls', { sysctls: { 'net/../kernel/hostname': 'a' } }, /a setting of networks/],
  ['network.sysctls', { sysctls: { 'net.ipv4': 1 } }, /a setting of networks/],
  ['network.sysctls.net.ipv4.ip_forward', { sysctls: { 'net.ipv4.ip_forward': true } }, /a number, or a string/],
  ['network.sysctls.net.ipv4.ip_forward', { sysctls: { 'net.ipv4.ip_forward': '1\n2' } }, /one line/],
];

t.test('planNetwork() refuses what cannot be meant, by its name', async (t) => {
  for (const [option, spec, wanted] of BAD) {
    const planned = planNetwork(spec as NetworkSpec);
    if (planned.isOk()) {
      t.fail(`taken: ${JSON.stringify(spec).slice(0, 80)}`);
      continue;
    }
    t.equal(planned.error.option, option, JSON.stringify(spec).slice(0, 80));
    t.match(planned.error.message, wanted);
  }
});

t.test('planNetwork() fills in every default', async (t) => {
  t.strictSame(planNetwork({})._unsafeUnwrap(), {
    loopback: true,
    interfaces: [],
    routes: [],
    sysctls: [],
    masquerade: null,
  });
  const settings = { addresses: [], mtu: null, mac: null, up: true, master: null };
  t.strictSame(
    planNetwork({ interfaces: [{ type: 'veth', name: 'a', peer: { name: 'b' } }] })._unsafeUnwrap().interfaces,
    [{ name: 'a', ...settings, link: { type: 'veth', peer: { name: 'b', ...settings, namespace: 'inside' } } }],
  );
});

t.test('planNetwork() takes the default route of either family', async (t) => {
  const to = (via: string) => planNetwork({ routes: [{ to: 'default', via }] })._unsafeUnwrap().routes[0]?.to;
  t.match(to('10.0.0.1'), { family: 4, prefix: 0 });
  t.match(to('fd00::1'), { family: 6, prefix: 0 });
});

t.test('planNetwork() takes names of settings with dots or with slashes', async (t) => {
  const paths = planNetwork({ sysctls: { 'net.ipv4.ip_forward': 1, 'net/ipv4/conf/eth0.5/rp_filter': '2' } });
  t.strictSame(paths._unsafeUnwrap().sysctls, [
    { path: '/proc/sys/net/ipv4/ip_forward', value: '1' },
    { path: '/proc/sys/net/ipv4/conf/eth0.5/rp_filter', value: '2' },
  ]);
});

t.test('parseIp() reads what formatIp() writes', async (t) => {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc.array(fc.constantFrom(0, 0, 0, 1), { minLength: 16, maxLength: 16 }).map((list) => Uint8Array.from(list)),
  );
  fc.assert(
    fc.property(bytes, (given) => {
      const parsed = parseIp(formatIp(given));
      return parsed !== null && Buffer.from(parsed.bytes).equals(given);
    }),
  );
  for (const [text, written] of [
    ['0:0:0:0:0:0:0:1', '::1'],
    ['::', '::'],
    ['fd00:0:0:1:0:0:0:1', 'fd00:0:0:1::1'],
    ['1:0:0:2:3:4:5:6', '1::2:3:4:5:6'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['::ffff:10.0.0.1', '::ffff:a00:1'],
  ] as const) {
    t.equal(formatIp(parseIp(text)?.bytes ?? []), written);
  }
});

t.test('parseIp() and parseIpNetwork() read nothing else', async (t) => {
  for (const text of ['', '10.0.0', '10.0.0.256', 'fe80::1%eth0', ':::', 7, null]) t.equal(parseIp(text), null);
  for (const text of ['10.0.0.1', '10.0.0.1/33', '10.0.0.1/', '::/129', '10.0.0.1/1/1', 7]) {
    t.equal(parseIpNetwork(text), null);
  }
  const network = parseIpNetwork('fd00::1/64');
  t.equal(network && formatIpNetwork(network), 'fd00::1/64');
});
