import fc from 'fast-check';
import t from 'tap';
import { stateFromJson } from '../../backends/shell/network-json.ts';

const LINKS = [
  {
    ifindex: 2,
    ifname: 'eth0',
    link: 'eth1',
    flags: ['UP'],
    mtu: 1400,
    operstate: 'UP',
    address: '02:00:00:00:00:01',
    linkinfo: { info_kind: 'veth' },
    master: 'br0',
    addr_info: [{ local: '10.0.0.1', prefixlen: 24, scope: 'global' }],
  },
  { ifindex: 1, ifname: 'lo', flags: [], mtu: 65_536, operstate: 'DOWN', address: '00:00:00:00:00:00', addr_info: [] },
  {
    ifindex: 3,
    ifname: 'br0',
    link_index: 9,
    link_netnsid: 4,
    flags: [],
    mtu: 1_500,
    operstate: 'DOWN',
    addr_info: [],
  },
];
const ROUTES = [
  { type: 'unicast', dst: 'default', gateway: '10.0.0.9', dev: 'eth0', metric: 7 },
  { dst: '10.9.0.1', dev: 'eth0', prefsrc: '10.0.0.1' },
  { type: 'unreachable', dst: '10.8.0.0/16' },
];

t.test('stateFromJson() reads what ip(8) prints', async (t) => {
  const state = stateFromJson(JSON.stringify(LINKS), JSON.stringify(ROUTES), '\n');
  t.match(state, {
    links: [
      { index: 1, name: 'lo', kind: null, up: false, state: 'down' },
      {
        index: 2,
        name: 'eth0',
        kind: 'veth',
        mac: '02:00:00:00:00:01',
        up: true,
        state: 'up',
        master: 3,
        addresses: [{ address: '10.0.0.1/24', scope: 'global', tentative: false }],
      },
      { index: 3, link: 9, linkNamespace: 4, mac: null },
    ],
    routes: [
      { to: 'default', family: 4, via: '10.0.0.9', interface: 'eth0', metric: 7, source: null },
      { to: '10.9.0.1/32', via: null, source: '10.0.0.1', metric: null },
    ],
  });
  t.equal(state?.routes.length, 2);
});

t.test('stateFromJson() takes nothing for a network that is none', async () => {
  fc.assert(
    fc.property(fc.string(), fc.json(), (text, json) => {
      const state = stateFromJson(text, json, '[]');
      return state === null || (Array.isArray(state.links) && Array.isArray(state.routes));
    }),
  );
});
