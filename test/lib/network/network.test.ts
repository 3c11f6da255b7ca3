import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { createNetwork, createPool, openBackend, withNetwork } from '../../../lib/index.ts';
import { unmet } from '../../contract/caller.ts';
import { watchLeaks } from '../../leaks.ts';
import { withoutRunner } from '../../without-runner.ts';

const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Runs the suite of fixtures/ as root or as an ordinary user, and reads the JSON that it prints. */
const reported = async (asUser: boolean): Promise<unknown> => {
  const dropped = asUser ? [program('../../contract/as-ordinary-user.js')] : [];
  const [env = '', ...args] = withoutRunner(process.execPath, ...dropped, program('./fixtures/suite.js'));
  const child = spawn(env, args, { stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000 });
  let text = '';
  child.stdout.on('data', (data: Buffer) => {
    text += data.toString();
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`The suite ended with ${code}: ${text}`);
  return text.startsWith('1..0 # SKIP') ? text : JSON.parse(text);
};

const isRoot = process.geteuid?.() === 0;

const kinds = unmet('link:veth') ?? unmet('link:bridge') ?? false;
const notFfi = openBackend('ffi').match(
  () => false as const,
  ({ message }) => message,
);

const EXPECTED = {
  bridged: {
    v4: '10.7.0.2',
    v6: 'fd07::2',
    host: '',
    outwards: 'ECONNREFUSED',
    interfaces: false,
    bridge: 'ENETUNREACH',
    told: {
      links: [
        ['lo', null, 65_536, true],
        ['eth0', 'veth', 1_500, true],
      ],
      addresses: [
        { address: '10.7.0.1/24', scope: 'global', tentative: false },
        { address: 'fd07::1/64', scope: 'global', tentative: false },
      ],
      routes: [
        ['10.7.0.0/24', 'eth0'],
        ['fd07::/64', 'eth0'],
      ],
    },
  },
  routed: { v4: '10.8.2.2', v6: 'fd08:2::2' },
  pooled: {
    different: 4,
    loopback: true,
    fresh: [false, false],
    again: [true, true],
    late: 'pool-closed',
  },
  parallel: ['a 127.0.0.1', 'b 127.0.0.1', 'c 127.0.0.1'],
  leakedFds: 0,
};

watchLeaks(t);

const TITLE = 'createNetwork(), withNetwork() and createPool() keep their promises';

t.test(`${TITLE} as root`, { skip: isRoot ? kinds || notFfi : 'needs root' }, async (t) =>
  t.strictSame(await reported(false), EXPECTED),
);

t.test(`${TITLE} as an ordinary user`, { skip: kinds || notFfi || (unmet('user-namespaces') ?? false) }, async (t) => {
  const report = await reported(isRoot);
  if (typeof report === 'string') t.comment(report);
  else t.strictSame(report, EXPECTED);
});

t.test('createNetwork() refuses what cannot be meant, by its name', async (t) => {
  const link = (node: string, more: object = {}) => ({
    interfaces: [{ type: 'link', name: 'eth0', to: { node, name: 'end' }, ...more }],
  });
  for (const [option, spec] of [
    ['spec', null],
    ['nodes', { nodes: {} }],
    ['nodes', { nodes: [] }],
    ['nodes.a', { nodes: { a: 5 } }],
    ['nodes.a.interfaces', { nodes: { a: { interfaces: {} } } }],
    ['nodes.a.interfaces[0]', { nodes: { a: { interfaces: ['lo'] } } }],
    ['nodes.a.interfaces[0].to', { nodes: { a: link('b', { to: 'b' }) } }],
    ['nodes.a.interfaces[0].to.node', { nodes: { a: link('b'), b: {} } }],
    ['nodes.a.interfaces[0].to.node', { nodes: { a: link('a') } }],
    ['nodes.b.interfaces[0].mtu', { nodes: { a: {}, b: link('a', { mtu: 1 }) } }],
    [
      'nodes.c.interfaces[1].to.node',
      { nodes: { a: {}, b: {}, c: { interfaces: [...link('a').interfaces, ...link('b').interfaces] } } },
    ],
    ['nodes.a.loopback', { nodes: { a: { loopback: 1 } } }],
    ['rootless', { nodes: { a: {} }, rootless: 'yes' }],
  ] as const) {
    const made = await createNetwork(spec as never);
    if (made.isOk()) made.value.close();
    t.match(made.isErr() ? made.error : null, { type: 'invalid-option', option }, JSON.stringify(spec));
  }
});

t.test('createPool() refuses what cannot be meant, by its name', async (t) => {
  for (const [option, spec] of [
    ['spec', null],
    ['size', { namespaces: ['net'] }],
    ['size', { size: 0, namespaces: ['net'] }],
    ['backlog', { size: 1, backlog: 0, namespaces: ['net'] }],
    ['concurrency', { size: 1, concurrency: 1.5, namespaces: ['net'] }],
    ['namespaces', { size: 1 }],
    ['namespaces', { size: 1, namespaces: ['pid'] }],
    ['namespaces[0]', { size: 1, namespaces: ['nett'] }],
    ['network', { size: 1, namespaces: ['uts'], network: {} }],
  ] as const) {
    t.match(createPool(spec as never)._unsafeUnwrapErr(), { type: 'invalid-option', option });
  }
});

t.test('createPool() tells takers why nothing can be made', async (t) => {
  const pool = createPool({
    size: 1,
    namespaces: isRoot ? ['net'] : ['net', 'user'],
    network: { routes: [{ to: 'default', via: '192.0.2.1' }] },
  })._unsafeUnwrap();
  t.match((await pool.take())._unsafeUnwrapErr(), { type: 'setup-failed' });
  pool.close();
});

t.test(
  'createPool() makes no more when too many are not freed yet, and goes on when they are',
  { skip: notFfi || (unmet('user-namespaces') ?? false) },
  async (t) => {
    const own = isRoot ? {} : { mapRootUser: true };
    const pool = createPool({ size: 1, backlog: 2, namespaces: isRoot ? ['net'] : ['net', 'user'], ...own });
    const opened = pool._unsafeUnwrap();
    let most = 0;
    for (let count = 0; count < 12; count += 1) {
      const taken = (await opened.take())._unsafeUnwrap();
      taken.discard();
      taken.discard();
      most = Math.max(most, opened.backlog);
    }
    t.ok(most >= 2 && most <= 4, `${most} at most: two, and one each that was ready or on its way`);
    opened.close();
  },
);

t.test('withNetwork() lets through what its function throws, and leaves nothing', { skip: notFfi }, async (t) => {
  if (!isRoot && unmet('user-namespaces') !== null) return;
  await t.rejects(
    Promise.resolve(
      withNetwork(() => {
        throw new Error('thrown inside');
      }),
    ),
    { message: 'thrown inside' },
  );
});
