import { isDeepStrictEqual } from 'node:util';
import t from 'tap';
import { createNetwork, type KeptNamespaces, type NetworkState, openBackend, readNetwork } from '../../../lib/index.ts';
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

const read = async (node: KeptNamespaces, backend: 'ffi' | 'shell'): Promise<NetworkState> =>
  (await readNetwork(node, { backend }))._unsafeUnwrap();

/** Both answers of a moment in which nothing changed: a bridge is up only some time after its first port. */
const readAlike = async (
  node: KeptNamespaces,
): Promise<{ readonly ffi: NetworkState; readonly shell: NetworkState }> => {
  for (let before = await read(node, 'ffi'); ; ) {
    const shell = await read(node, 'shell');
    const ffi = await read(node, 'ffi');
    if (isDeepStrictEqual(before, ffi)) return { ffi, shell };
    before = ffi;
  }
};

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
    const { ffi, shell } = await readAlike(network.node(name));
    t.strictSame(shell, ffi, name);
    t.ok(ffi.links.length >= 2, `${name}: something to compare`);
  }
  network.close();
});
