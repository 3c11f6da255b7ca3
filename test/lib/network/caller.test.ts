import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type NetworkSpec, openBackend, type RunSpec, run } from '../../../lib/index.ts';
import { unmet } from '../../contract/caller.ts';
import { watchLeaks } from '../../leaks.ts';

const isRoot = process.geteuid?.() === 0;
const program = fileURLToPath(new URL('./fixtures/caller.js', import.meta.url));

/** A network that has a pair to hang macvlans on, and to move. */
const NETWORK: NetworkSpec = { interfaces: [{ type: 'veth', name: 'w0', peer: { name: 'w1' } }] };

watchLeaks(t);

const notFfi = openBackend('ffi').match(
  () => false as const,
  ({ message }) => message,
);
const skip = unmet('link:veth') ?? notFfi;

const expected = {
  before: ['lo', 'w0', 'w1'],
  veths: { seen: [['eth0', 'veth', true, 1_500, '10.6.0.2/24']], during: ['lo', 'toinside', 'w0', 'w1'] },
  moves: {
    seen: [['moved', 'veth', true, 1_300, '10.7.0.1/24']],
    without: ['lo', 'w0'],
    twice: 'network: ENODEV',
  },
  leakedFds: 0,
};
const DUMMY = [['dummy0', 'dummy', true, 1_500, '10.8.0.1/32']];
const MACVLANS = {
  seen: [['eth0', 'macvlan', true, 1_400, '10.5.0.1/24']],
  answer: '10.5.0.2',
  modes: ['private', 'vepa', 'passthru'],
  orphan: 'network: ENODEV',
};
/** What a kernel says that has no such kind of interface. */
const UNKNOWN_KIND = 'network: ENOTSUP';

interface Report {
  readonly dummy: unknown;
  readonly macvlans: { readonly seen: unknown };
}

for (const rootless of [false, true]) {
  const unable = rootless ? skip || (unmet('user-namespaces') ?? false) : isRoot ? skip : 'needs root';
  const whose = rootless ? 'below a user namespace' : 'as root';
  t.test(`network: interfaces of the caller's network are used, ${whose}`, { skip: unable }, async (t) => {
    const spec: RunSpec = rootless
      ? { namespaces: ['user', 'net'], mapRootUser: true, network: NETWORK, backend: 'ffi' }
      : { namespaces: ['net'], network: NETWORK, backend: 'ffi' };
    const { stdout, stderr } = (await run(process.execPath, [program], spec))._unsafeUnwrap();
    t.equal(String(stderr), '');
    const { dummy, macvlans, ...rest } = JSON.parse(String(stdout)) as Report;
    t.strictSame(rest, expected);
    t.test('dummy', { skip: dummy === UNKNOWN_KIND ? 'this kernel has no dummy interfaces' : false }, async (t) =>
      t.strictSame(dummy, DUMMY),
    );
    const noMacvlan = macvlans.seen === UNKNOWN_KIND ? 'this kernel has no macvlan interfaces' : false;
    t.test('macvlan', { skip: noMacvlan }, async (t) => t.strictSame(macvlans, MACVLANS));
  });
}
