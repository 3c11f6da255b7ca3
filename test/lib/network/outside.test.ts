import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import {
  connectOutside,
  createNetwork,
  type NetworkSpec,
  openBackend,
  type RunSpec,
  run,
  withNetwork,
} from '../../../lib/index.ts';
import { toolPath, unmet } from '../../contract/caller.ts';
import { watchLeaks } from '../../leaks.ts';

const isRoot = process.geteuid?.() === 0;
const program = fileURLToPath(new URL('./fixtures/outside.js', import.meta.url));

watchLeaks(t);

const notFfi = openBackend('ffi').match(
  () => false as const,
  ({ message }) => message,
);
const noTun = existsSync('/dev/net/tun') ? false : 'there is no /dev/net/tun';
const skip = unmet('link:veth') ?? (notFfi || noTun || (unmet('user-namespaces') ?? false));

/** The network that is "outside" of others: a way out, on which nobody but the fixture is. */
const NETWORK: NetworkSpec = {
  interfaces: [
    { type: 'veth', name: 'wan', addresses: ['192.0.2.2/24'], peer: { name: 'world', addresses: ['192.0.2.3/24'] } },
  ],
  routes: [{ to: 'default', via: '192.0.2.1' }],
};

const expected = (tool: string) => ({
  before: 'ENETUNREACH',
  connected: 'hello',
  loopback: 'refused',
  after: 'ENETUNREACH',
  node: { answers: ['ENETUNREACH', 'hello'], other: null, broken: 'setup-failed' },
  child: 'ended with it',
  killed: 'ended with the caller',
  failed: ['setup-failed', 'network', `${tool}(1)`],
  left: [],
  leakedFds: 0,
});

for (const tool of ['pasta', 'slirp4netns'] as const) {
  const missing = toolPath(tool) === null ? `there is no ${tool} in PATH` : false;
  const backends = toolPath('ip') === null ? (['ffi'] as const) : (['ffi', 'shell'] as const);
  t.test(`connectOutside() gives a network a way out by ${tool}`, { skip: skip || missing }, async (t) => {
    const spec: RunSpec = { namespaces: ['user', 'net'], mapRootUser: true, network: NETWORK, backend: 'ffi' };
    const check = async (backend: string): Promise<void> => {
      const { stdout, stderr } = (await run(process.execPath, [program, tool, backend], spec))._unsafeUnwrap();
      t.equal(String(stderr), '', backend);
      t.strictSame(JSON.parse(String(stdout)), expected(tool), backend);
    };
    await Promise.all(backends.map(check));
  });
}

t.test('connectOutside() refuses what cannot be meant, by its name', async (t) => {
  for (const [option, spec] of [
    ['spec', null],
    ['tool', { tool: 'curl' }],
    ['name', { name: 'a b' }],
    ['signal', { signal: 1 }],
  ] as const) {
    t.match((await connectOutside(process.pid, spec as never))._unsafeUnwrapErr(), { type: 'invalid-option', option });
  }
  for (const [option, outside] of [
    ['nodes.a.outside', 'pasta'],
    ['nodes.a.outside', null],
    ['nodes.a.outside.tool', { tool: 'curl' }],
    ['nodes.a.outside.name', { name: 'a b' }],
  ] as const) {
    const refused = await createNetwork({ nodes: { a: { outside: outside as never } } });
    t.match(refused._unsafeUnwrapErr(), { type: 'invalid-option', option });
  }
});

t.test(
  'connectOutside() refuses without a tool, by its name, and makes nothing',
  { skip: notFfi || (isRoot ? false : (unmet('user-namespaces') ?? false)) },
  async (t) => {
    const { PATH } = process.env;
    const error = await withNetwork(async (net) => {
      process.env['PATH'] = '/nowhere';
      const refused = await connectOutside(net);
      process.env['PATH'] = PATH;
      return refused.isErr() ? refused.error : null;
    });
    t.match(error._unsafeUnwrap(), { type: 'unsupported', needs: 'pasta(1) or slirp4netns(1) in PATH' });
    process.env['PATH'] = '/nowhere';
    const declared = await withNetwork(() => null, { outside: { tool: 'slirp4netns' } });
    process.env['PATH'] = PATH;
    t.match(declared._unsafeUnwrapErr(), { type: 'unsupported', needs: 'slirp4netns(1) in PATH' });
  },
);
