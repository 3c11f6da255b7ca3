import t from 'tap';
import { createNetwork, openBackend, readNetwork } from '../../../lib/index.ts';
import { toolPath, unmet } from '../../contract/caller.ts';
import { watchLeaks } from '../../leaks.ts';

watchLeaks(t);

const unavailable = (['ffi', 'shell'] as const).flatMap((backend) =>
  openBackend(backend).match(
    () => [],
    ({ message }) => [message],
  ),
);
const skip =
  unmet('user-namespaces') ??
  unmet('link:veth') ??
  unmet('link:bridge') ??
  (toolPath('ip') === null ? 'there is no ip in PATH' : null) ??
  unavailable[0] ??
  false;

t.test('readNetwork() answers alike on both backends', { skip }, async (t) => {
  const made = await createNetwork({
    rootless: true,
    nodes: {
      router: { interfaces: [{ type: 'bridge', name: 'br0', addresses: ['10.0.0.254/24', 'fd00::fe/64'] }] },
      leaf: {
        interfaces: [
          {
            type: 'link',
            name: 'eth0',
            addresses: ['10.0.0.1/24', 'fd00::1/64'],
            mtu: 1_400,
            mac: '02:00:00:00:00:01',
            to: { node: 'router', name: 'port', master: 'br0' },
          },
        ],
        routes: [
          { to: 'default', via: '10.0.0.254' },
          { to: '192.0.2.0/24', interface: 'eth0' },
        ],
      },
    },
  });
  const network = made._unsafeUnwrap();
  for (const name of ['router', 'leaf']) {
    const node = network.node(name);
    const [ffi, shell] = [await readNetwork(node, { backend: 'ffi' }), await readNetwork(node, { backend: 'shell' })];
    t.strictSame(shell._unsafeUnwrap(), ffi._unsafeUnwrap(), name);
    t.ok(ffi._unsafeUnwrap().links.length >= 2, `${name}: something to compare`);
  }
  network.close();
});
