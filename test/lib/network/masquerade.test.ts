import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { createNetwork, explain, openBackend, type RunSpec, run } from '../../../lib/index.ts';
import { toolPath, unmet } from '../../contract/caller.ts';
import { watchLeaks } from '../../leaks.ts';

const isRoot = process.geteuid?.() === 0;
const nft = toolPath('nft');
const program = fileURLToPath(new URL('./fixtures/masquerade.js', import.meta.url));
const iptables = fileURLToPath(new URL('./fixtures/iptables.js', import.meta.url));
const FORWARDING = { sysctls: { 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1 } };

watchLeaks(t);

const made = (rootless: boolean, more: RunSpec = {}): RunSpec =>
  rootless ? { namespaces: ['user', 'net'], mapRootUser: true, ...more } : { namespaces: ['net'], ...more };

const MASQUERADED = {
  interfaces: [{ type: 'veth', name: 'e0', addresses: ['10.0.0.1/24'], peer: { name: 'e1' } }],
  masquerade: 'e0',
} as const;

/** Why this kernel cannot masquerade; tried, because its parts may be modules. */
const whyNot = async (): Promise<string | false> => {
  const notFfi = openBackend('ffi').match(
    () => false as const,
    ({ message }) => message,
  );
  const why = unmet('link:veth') ?? (notFfi || (isRoot ? false : (unmet('user-namespaces') ?? false)));
  if (why !== false) return why;
  const tried = await run('true', [], made(!isRoot, { backend: 'ffi', network: MASQUERADED }));
  return tried.isErr() && tried.error.type === 'setup-failed' && tried.error.call.startsWith('nftables')
    ? `this kernel cannot: ${tried.error.message}`
    : false;
};
const skip = await whyNot();

const expected = {
  router: ['192.0.2.1', 'fd02::1'],
  caller: {
    answers: ['192.0.2.1', 'fd02::1'],
    during: nft === null ? 'no nft' : 2,
    after: nft === null ? 'no nft' : 0,
  },
  failed: ['setup-failed', nft === null ? 'no nft' : 0],
  killed: nft === null ? ['no nft', 'no nft'] : [2, 0],
  refused: 'forwarding to be on there: "sysctl -w net.ipv4.ip_forward=1"',
  leakedFds: 0,
};

for (const rootless of [false, true]) {
  const unable = rootless ? skip || (unmet('user-namespaces') ?? false) : isRoot ? skip : 'needs root';
  t.test(
    `createNetwork() masquerades ${rootless ? 'below a user namespace' : 'as root'}, and leaves no rule`,
    { skip: unable },
    async (t) => {
      const spec = made(rootless, { backend: 'ffi', network: FORWARDING });
      const { stdout, stderr } = (await run(process.execPath, [program, nft ?? ''], spec))._unsafeUnwrap();
      t.equal(String(stderr), '');
      t.strictSame(JSON.parse(String(stdout)), expected);
    },
  );
}

for (const backend of ['ffi', 'shell'] as const) {
  const noTool = backend === 'shell' && (toolPath('ip') === null || nft === null) ? 'there is no ip and nft' : false;
  t.test(
    `network.masquerade makes the same rules on ${backend}`,
    { skip: skip || noTool || nft === null },
    async (t) => {
      const spec = made(!isRoot, { backend, network: MASQUERADED });
      const listed = (await run(nft ?? '', ['list', 'ruleset'], spec))._unsafeUnwrap();
      const rules = String(listed.stdout).replace(/\s+/g, ' ').trim();
      t.equal(
        rules,
        'table ip linux-namespaces { chain postrouting { type nat hook postrouting priority srcnat; policy accept; oifname "e0" masquerade } }',
      );
      const forwards = await run('cat', ['/proc/sys/net/ipv4/ip_forward'], spec);
      t.equal(String(forwards._unsafeUnwrap().stdout), '1\n');
    },
  );
}

/** Where the shell backend looks for tools. */
const DIRECTORIES = [
  ...(process.env['PATH'] ?? '').split(':'),
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
  '/usr/local/bin',
];

const whyNoIptables = (tool: string): string | false => {
  const path = toolPath(tool);
  if (path === null || toolPath('ip') === null) return `there is no ip and ${tool} in PATH`;
  const words = [...(isRoot ? [] : ['-U', '-r']), '-n', path, '-w', '-t', 'nat', '-S'];
  const env = { ...process.env, XTABLES_LOCKFILE: '/proc/self/ns/net' };
  const { status, stderr } = spawnSync('unshare', words, { encoding: 'utf8', env });
  return status === 0 ? false : `${tool} does not work here: ${stderr}`;
};

for (const kind of ['nft', 'legacy']) {
  for (const rootless of [false, true]) {
    const unable = rootless ? unmet('user-namespaces') : isRoot ? null : 'needs root';
    const why = unable ?? whyNoIptables(`iptables-${kind}`);
    t.test(
      `network.masquerade is done by iptables-${kind} where there is no nft, ${rootless ? 'below a user namespace' : 'as root'}`,
      { skip: skip || why },
      async (t) => {
        const bin = mkdtempSync(join(tmpdir(), 'ns-iptables-'));
        t.teardown(() => rmSync(bin, { recursive: true }));
        chmodSync(bin, 0o755);
        for (const tool of ['iptables', 'ip6tables']) symlinkSync(toolPath(`${tool}-${kind}`) ?? '', join(bin, tool));
        const found = DIRECTORIES.map((directory) => join(directory, 'nft')).filter((path) => existsSync(path));
        const hidden = new Set(found.map((path) => realpathSync(path)));
        const { stdout, stderr } = (
          await run(process.execPath, [iptables, rootless ? 'rootless' : ''], {
            backend: 'ffi',
            namespaces: ['mnt', ...(isRoot ? [] : (['user'] as const))],
            ...(isRoot ? {} : { mapRootUser: true }),
            mounts: [...hidden].map((target) => ({ type: 'bind', source: '/dev/null', target })),
            env: { ...process.env, PATH: `${bin}:${process.env['PATH']}` },
          })
        )._unsafeUnwrap();
        t.equal(String(stderr), '');
        const rules = ['-P POSTROUTING ACCEPT', '-A POSTROUTING -o e0 -j MASQUERADE'];
        t.strictSame(JSON.parse(String(stdout)), { v4: rules, v6: rules, same: true });
      },
    );
  }
}

t.test('network.masquerade prints its rules when it is explained', async (t) => {
  const text = await explain('true', [], made(true, { backend: 'ffi', network: MASQUERADED }));
  t.match(text._unsafeUnwrap(), /add rule ip linux-namespaces postrouting oifname e0 masquerade/);
});

t.test('masquerade refuses what cannot be meant, by its name', async (t) => {
  const veth = { type: 'veth', name: 'a', peer: { name: 'b', namespace: 'caller' } };
  for (const [option, spec] of [
    ['nodes.a.masquerade', { nodes: { a: { masquerade: 'eth0' } } }],
    ['nodes.a.masquerade', { nodes: { a: { masquerade: [] } } }],
    ['masquerade', { nodes: { a: {} }, masquerade: 'eth0' }],
    ['masquerade', { nodes: { a: { interfaces: [veth] } }, masquerade: 'eth0' }],
    [
      'masquerade',
      {
        nodes: { a: { interfaces: [{ ...veth, peer: { ...veth.peer, addresses: ['10.0.0.1/24'] } }] } },
        masquerade: '',
      },
    ],
  ] as const) {
    t.match((await createNetwork(spec as never))._unsafeUnwrapErr(), { type: 'invalid-option', option });
  }
});
