// Namespaces opened by what only the kernel knows: sockets, ids, pidfds; as whoever runs this.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { release } from 'node:os';
import t from 'tap';
import { host } from '../../backends/ffi/host.ts';
import { words as flags, num } from '../../backends/ffi/program/argument.ts';
import {
  NAMESPACE_TYPES,
  type NamespaceHandle,
  type NamespaceSource,
  openBackend,
  openNamespace,
  openProcess,
  spawn,
} from '../../lib/index.ts';
import { made, PRIVILEGED, unmet } from '../contract/caller.ts';
import { lineReader, withChild } from '../contract/inside.ts';
import { failure, value } from '../contract/outcome.ts';
import { countLeaks } from '../leaks.ts';

const [major = 0, minor = 0] = release().split('.').map(Number);
const isAtLeast = (wanted: number): boolean => major * 1_000 + minor >= wanted;

const noFfi = openBackend('ffi').isOk() ? null : 'the ffi backend is not to be had here';
const FFI = { backend: 'ffi' } as const;
const SHELL = { backend: 'shell' } as const;

const linkOf = (process: number | 'self', type: string): string => readlinkSync(`/proc/${process}/ns/${type}`);

const closing = async <T>(handle: NamespaceHandle, use: (handle: NamespaceHandle) => T): Promise<T> => {
  try {
    return await use(handle);
  } finally {
    handle.close();
  }
};

const pidfdOf = (pid: number): number =>
  host()
    ._unsafeUnwrap()
    .runCalls((program) => program.op('pidfd_open', [num(pid), flags(0, {})], { onError: 'next' }))
    ._unsafeUnwrap()
    .result(0);

t.test(
  'openNamespace() by a socket finds the network namespace that it lives in',
  { skip: noFfi ?? false },
  async (t) => {
    const leaks = countLeaks();
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const client = connect(typeof address === 'object' ? (address?.port ?? 0) : 0, '127.0.0.1');
    const datagrams = createSocket('udp4').bind(0, '127.0.0.1');
    await Promise.all([once(client, 'connect'), once(datagrams, 'listening')]);
    for (const socket of [server, client, datagrams]) {
      if (!PRIVILEGED) {
        // It takes CAP_NET_ADMIN over the namespace, one's own included.
        const error = await failure(openNamespace({ socket }, FFI), 'namespace-unavailable');
        t.match(error, { errno: 'EPERM', path: /SIOCGSKNS|ioctl/ });
        continue;
      }
      await closing(await value(openNamespace({ socket }, FFI)), (handle) => {
        t.equal(`${handle}`, linkOf('self', 'net'));
        t.equal(handle.type, 'net');
      });
    }
    client.destroy();
    server.close();
    datagrams.close();
    await once(server, 'close');
    for (const socket of [server, client, datagrams]) {
      t.equal((await failure(openNamespace({ socket }, FFI), 'invalid-option')).option, 'socket');
    }
    const own = await value(openNamespace({ path: '/proc/self/ns/net' }));
    t.equal((await failure(openNamespace({ socket: own.fd }, FFI), 'namespace-unavailable')).errno, 'ENOTTY');
    own.close();
    t.strictSame(await leaks(), []);
  },
);

t.test('openNamespace() by a socket of another process', { skip: noFfi ?? unmet('namespaces') ?? false }, async (t) => {
  if (!isAtLeast(5_006)) return void t.pass('pidfd_getfd', { skip: 'Linux 5.6 has it first' });
  const script =
    "require('node:dgram').createSocket('udp4').bind(0, function () { console.log('bound'); setInterval(() => {}, 1e6); })";
  const child = await value(spawn(process.execPath, ['-e', script], made('ffi', ['net'])));
  await withChild(child, async () => {
    t.equal(await lineReader(child.stdout)(), 'bound');
    const sockets: string[] = [];
    for (let fd = 3; fd < 64; fd += 1) {
      const opened = openNamespace({ socket: fd, process: child }, FFI);
      if (opened.isErr()) continue;
      sockets.push(`${opened.value}`);
      opened.value.close();
    }
    t.ok(sockets.includes(linkOf(child.pid, 'net')), `${sockets}`);
    t.notOk(sockets.includes(linkOf('self', 'net')));
    const missing = await failure(openNamespace({ socket: 999, process: child }, FFI), 'namespace-unavailable');
    t.equal(missing.errno, 'EBADF');
  });
  t.equal((await failure(openNamespace({ socket: 0, process: 0x7fffffff }, FFI), 'process-gone')).pid, 0x7fffffff);
});

t.test('NamespaceHandle.id is one namespace for good', { skip: noFfi ?? unmet('namespaces') ?? false }, async (t) => {
  const leaks = countLeaks();
  const child = await value(spawn('cat', [], made('ffi', ['uts', 'mnt'])));
  const [uts, mnt] = await withChild(child, async () => [
    await value(openNamespace({ process: child, type: 'uts' }, FFI)),
    await value(openNamespace({ process: child, type: 'mnt' }, FFI)),
  ]);
  const again = await value(openNamespace({ path: `/proc/self/fd/${uts.fd}` }, FFI));
  const own = await value(openNamespace({ process: process.pid, type: 'uts' }, FFI));
  if (isAtLeast(6_018)) {
    t.type(uts.id, 'bigint');
    t.equal(again.id, uts.id);
    t.not(own.id, uts.id);
    t.not(mnt.id, uts.id);
  }
  if (isAtLeast(6_008)) t.type(mnt.id, 'bigint');
  const known = mnt.id;
  for (const handle of [uts, mnt, again, own]) handle.close();
  t.equal(mnt.id, known, 'and is remembered');
  t.equal(own.id === null || typeof own.id === 'bigint', true);
  const shell = openNamespace({ path: '/proc/self/ns/uts' }, SHELL);
  if (shell.isOk()) t.equal(shell.value.id, null, 'which no tool tells');
  shell.map((handle) => handle.close()).unwrapOr(undefined);
  t.strictSame(await leaks(), []);
});

t.test('openNamespace() by an id', { skip: noFfi ?? unmet('namespaces') ?? false }, async (t) => {
  if (!isAtLeast(6_018)) return void t.pass('by an id', { skip: 'Linux 6.18 has handles of namespaces first' });
  const leaks = countLeaks();
  for (const type of NAMESPACE_TYPES) {
    const own = await value(openNamespace({ process: process.pid, type }, FFI));
    const { id } = own;
    own.close();
    await closing(await value(openNamespace({ id: id ?? 0n }, FFI)), (handle) => {
      t.equal(`${handle}`, linkOf('self', type));
      t.equal(handle.id, id);
    });
  }
  const child = await value(spawn('cat', [], made('ffi', ['net'])));
  const [id, link] = await withChild(child, async () => {
    const net = await value(openNamespace({ process: child, type: 'net' }, FFI));
    const told = net.id ?? 0n;
    net.close();
    const byId = await value(openNamespace({ id: told }, FFI));
    const text = `${byId}`;
    byId.close();
    t.equal(text, linkOf(child.pid, 'net'));
    return [told, text] as const;
  });
  const gone = await failure(openNamespace({ id }, FFI), 'namespace-unavailable');
  t.equal(gone.errno, 'ENOENT', link);
  t.strictSame(await leaks(), []);
});

t.test('openNamespace() by a pidfd', { skip: noFfi ?? unmet('namespaces') ?? false }, async (t) => {
  const child = await value(spawn('cat', [], made('ffi', ['uts', 'net'])));
  const pidfd = pidfdOf(child.pid);
  await withChild(child, async () => {
    for (const spec of [FFI, SHELL]) {
      if (openBackend(spec.backend).isErr()) continue;
      for (const type of ['uts', 'net', 'pid'] as const) {
        const opened = await value(openNamespace({ process: { pidfd }, type }, spec));
        t.equal(`${opened}`, linkOf(child.pid, type));
        opened.close();
      }
    }
  });
  await failure(openNamespace({ process: { pidfd }, type: 'uts' }, FFI), 'process-gone');
  host()
    ._unsafeUnwrap()
    .runCalls((program) => program.op('close', [num(pidfd)], { onError: 'next' }))
    ._unsafeUnwrap();
  t.equal((await failure(openNamespace({ process: { pidfd }, type: 'uts' }, FFI), 'invalid-option')).option, 'pidfd');
});

t.test('openProcess() with the inode of a pidfd finds that process only', { skip: noFfi ?? false }, async (t) => {
  const leaks = countLeaks();
  const { pid } = process;
  if (!isAtLeast(6_009)) {
    const error = await failure(openProcess({ pid, pidfdInode: 1n }, FFI), 'unsupported');
    return void t.match(error.needs, 'Linux 6.9');
  }
  const nsfs = openBackend('ffi')._unsafeUnwrap().backend.nsfs?.()._unsafeUnwrap();
  const inode = nsfs?.pidfdInode(pid);
  t.type(inode, 'bigint');
  const handle = await value(openProcess({ pid, pidfdInode: inode ?? 0n }, FFI));
  t.equal(handle.pid, pid);
  t.equal(handle.exists, true);
  handle.close();
  t.equal((await failure(openProcess({ pid, pidfdInode: (inode ?? 0n) + 1n }, FFI), 'process-gone')).pid, pid);
  t.strictSame(await leaks(), []);
});

t.test('openNamespace() and openProcess() on shell refuse what no tool does, by name', async (t) => {
  if (openBackend('shell').isErr()) return void t.pass('shell', { skip: 'the shell backend is not to be had here' });
  const refused: readonly (readonly [NamespaceSource, RegExp])[] = [
    [{ socket: 0 }, /by a socket/],
    [{ id: 1n }, /by its id/],
  ];
  for (const [source, what] of refused) {
    t.match((await failure(openNamespace(source, SHELL), 'unsupported')).what, what);
  }
  const process_ = openProcess({ pid: process.pid, pidfdInode: 1n }, SHELL);
  t.match((await failure(process_, 'unsupported')).what, /inode of its pidfd/);
});

t.test('openNamespace() refuses what cannot be meant', async (t) => {
  const refused: readonly (readonly [string, unknown])[] = [
    ['source', null],
    ['path', { path: '' }],
    ['socket', { socket: -1 }],
    ['socket', { socket: {} }],
    ['socket', { socket: 'self' }],
    ['id', { id: 4 }],
    ['id', { id: 0n }],
    ['id', { id: 1n << 64n }],
    ['type', { process: process.pid, type: 'network' }],
    ['target', { process: { pid: 1, pidfdInode: 5 }, type: 'net' }],
  ];
  for (const [option, source] of refused) {
    const error = await failure(openNamespace(source as NamespaceSource), 'invalid-option');
    t.equal(error.option, option, error.message);
  }
});
