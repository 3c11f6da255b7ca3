import { explain, type NetworkSpec, run } from '../../../lib/index.ts';
import { made, toolPath } from '../caller.ts';
import type { BackendName, Claim } from '../claim.ts';
import { said, sh } from '../inside.ts';
import { failure, value } from '../outcome.ts';

/** The shell backend sets networks up with ip(8). */
const notOn: NonNullable<Claim['notOn']> = toolPath('ip') === null ? { shell: 'there is no ip in PATH' } : {};

interface Seen {
  readonly address: string;
  readonly cidr: string;
  readonly mac: string;
}

const withNetwork = (backend: BackendName, network: NetworkSpec) => made(backend, ['net'], { network });

/** Addresses by interface, as Node sees them inside; link-local ones of IPv6 left out. */
const seenInside = async (backend: BackendName, network: NetworkSpec): Promise<Record<string, readonly Seen[]>> => {
  const script = 'process.stdout.write(JSON.stringify(require("os").networkInterfaces()))';
  const text = await said(process.execPath, ['-e', script], withNetwork(backend, network));
  const all = JSON.parse(text) as Record<string, readonly Seen[]>;
  return Object.fromEntries(
    Object.entries(all).map(([name, seen]) => [name, seen.filter(({ address }) => !address.startsWith('fe80:'))]),
  );
};

const cidrs = (seen: readonly Seen[] | undefined): readonly string[] => (seen ?? []).map(({ cidr }) => cidr);

/** A server in one process of a network, and a client that it answers. */
const talk = (address: string): string => `
  const net = require('net');
  const server = net.createServer((socket) => socket.end('hello from ' + socket.localAddress));
  server.listen(4000, ${JSON.stringify(address)}, () => {
    net.connect(4000, ${JSON.stringify(address)}).on('data', (data) => process.stdout.write(data)).on('close', () => server.close());
  });
`;

export const networks: readonly Claim[] = [
  {
    title: 'network sets lo up, with its addresses, and nothing else',
    needs: ['namespaces'],
    notOn,
    run: async (t, backend) => {
      const seen = await seenInside(backend, {});
      t.strictSame(Object.keys(seen), ['lo']);
      t.ok(cidrs(seen['lo']).includes('127.0.0.1/8'));
      t.equal(
        await said(process.execPath, ['-e', talk('127.0.0.1')], withNetwork(backend, {})),
        'hello from 127.0.0.1',
      );
    },
  },
  {
    title: 'network.loopback: false leaves lo down',
    needs: ['namespaces'],
    notOn,
    run: async (t, backend) => t.strictSame(await seenInside(backend, { loopback: false }), {}),
  },
  {
    title: 'network makes a veth pair with addresses, MTU and MAC',
    needs: ['namespaces', 'link:veth'],
    notOn,
    run: async (t, backend) => {
      const network: NetworkSpec = {
        interfaces: [
          {
            type: 'veth',
            name: 'left',
            addresses: ['10.1.2.3/24', 'fd00:1::3/64'],
            mtu: 1280,
            mac: '02:00:00:00:00:0a',
            peer: { name: 'right', addresses: ['10.1.2.4/24'] },
          },
        ],
      };
      const seen = await seenInside(backend, network);
      t.strictSame(cidrs(seen['left']), ['10.1.2.3/24', 'fd00:1::3/64']);
      t.equal(seen['left']?.[0]?.mac, '02:00:00:00:00:0a');
      t.strictSame(cidrs(seen['right']), ['10.1.2.4/24']);
      const mtu = await sh(
        'grep -c : /proc/net/dev; cat /proc/sys/net/ipv6/conf/left/mtu',
        withNetwork(backend, network),
      );
      t.equal(mtu, '3\n1280');
    },
  },
  {
    title: 'network: an IPv6 address is usable at once',
    needs: ['namespaces', 'link:veth'],
    notOn,
    run: async (t, backend) => {
      const network: NetworkSpec = {
        interfaces: [{ type: 'veth', name: 'a', addresses: ['fd00:2::1/64'], peer: { name: 'b' } }],
      };
      t.equal(
        await said(process.execPath, ['-e', talk('fd00:2::1')], withNetwork(backend, network)),
        'hello from fd00:2::1',
      );
    },
  },
  {
    title: 'network puts interfaces into a bridge, and leaves others down',
    needs: ['namespaces', 'link:veth', 'link:bridge'],
    notOn,
    run: async (t, backend) => {
      const network: NetworkSpec = {
        interfaces: [
          { type: 'bridge', name: 'br0', addresses: ['10.3.0.1/16'] },
          { type: 'veth', name: 'a', up: false, addresses: ['10.4.0.1/24'], peer: { name: 'b', master: 'br0' } },
        ],
      };
      // A bridge without a carrier is up without running: Node's list would leave it out.
      const routes = await said('cat', ['/proc/net/route'], withNetwork(backend, network));
      t.match(routes, /^br0\t0000030A\t/m);
      t.notMatch(routes, /^a\t/m, 'a is down');
      const ports = await said('cat', ['/proc/net/dev'], withNetwork(backend, network));
      t.match(ports, /^ *b:/m);
    },
  },
  {
    title: 'network adds routes, with metric and default gateway',
    needs: ['namespaces', 'link:veth'],
    notOn,
    run: async (t, backend) => {
      const network: NetworkSpec = {
        interfaces: [{ type: 'veth', name: 'eth0', addresses: ['10.5.0.2/24'], peer: { name: 'peer' } }],
        routes: [
          { to: 'default', via: '10.5.0.1' },
          { to: '192.0.2.0/24', interface: 'eth0', metric: 7 },
        ],
      };
      const routes = (await said('cat', ['/proc/net/route'], withNetwork(backend, network))).split('\n').slice(1);
      const fields = routes
        .map((line) => line.split('\t'))
        .map(([name, to, via, , , , metric]) => [name, to, via, metric]);
      t.match(
        fields.filter(([, to]) => to !== '0000050A'),
        [
          ['eth0', '00000000', '0100050A', '0'],
          ['eth0', '000200C0', '00000000', '7'],
        ],
      );
    },
  },
  {
    title: 'network.sysctls are those of the new namespace alone',
    needs: ['namespaces'],
    notOn,
    run: async (t, backend) => {
      const path = '/proc/sys/net/ipv4/ip_default_ttl';
      const spec = withNetwork(backend, { sysctls: { 'net.ipv4.ip_default_ttl': 33 } });
      t.equal(await said('cat', [path], spec), '33');
      t.not(await said('cat', [path], { backend }), '33');
    },
  },
  {
    title: 'network: what the kernel refuses is a failure of that step, and nothing is left',
    needs: ['namespaces'],
    notOn,
    run: async (t, backend) => {
      const spec = withNetwork(backend, { routes: [{ to: 'default', via: '192.0.2.1' }] });
      const error = await failure(run('true', [], spec), 'setup-failed');
      t.equal(error.step, 'network');
      t.match(error.call, backend === 'ffi' ? /^rtnetlink\(route add default via 192\.0\.2\.1\)/ : /^ip\(8\)/);
      if (backend === 'ffi') t.equal(error.errno, 'ENETUNREACH');
      const setting = withNetwork(backend, { sysctls: { 'net.ipv4.no_such_setting': 1 } });
      const missing = await failure(run('true', [], setting), 'setup-failed');
      t.equal(missing.step, 'network');
      t.match(missing.call, /no_such_setting/);
      if (backend === 'ffi') t.equal(missing.errno, 'ENOENT');
    },
  },
  {
    title: "network: a veth pair reaches from the new namespace into the caller's",
    needs: ['root', 'link:veth'],
    unsupportedOn: {
      shell: 'ip(8) inside knows no name of the namespace of the caller',
      'ffi:straight': 'there is no carrier',
    },
    run: async (t, backend) => {
      // In a namespace of its own, so that the network of the machine is left alone.
      const network: NetworkSpec = {
        interfaces: [
          {
            type: 'veth',
            name: 'eth0',
            addresses: ['10.6.0.2/24'],
            peer: { name: 'toinside', namespace: 'caller', addresses: ['10.6.0.1/24'] },
          },
        ],
        routes: [{ to: 'default', via: '10.6.0.1' }],
      };
      const text = await value(explain('true', [], withNetwork(backend, network)));
      t.match(text, /link add eth0 type veth peer toinside netns caller/);
    },
  },
  {
    title: 'network without a net namespace is an invalid option',
    run: async (t, backend) => {
      const error = await failure(run('true', [], { backend, network: {} }), 'invalid-option');
      t.equal(error.option, 'network');
      t.match(error.message, /"net" among the namespaces/);
    },
  },
];
