import { mkdtempSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ok } from 'neverthrow';
import t from 'tap';
import { ffiCalls } from '../../backends/ffi/native.ts';
import {
  type Backend,
  type Inspection,
  inspect,
  type KernelReader,
  NAMESPACE_TYPES,
  type NamespaceInfo,
  type NamespaceType,
  openBackend,
  openNamespace,
  type Question,
  spawn,
} from '../../lib/index.ts';
import { readerOf } from '../../lib/inspect/file-reader.ts';
import { made, PRIVILEGED, toolHas, toolPath, unmet } from '../contract/caller.ts';
import { lineReader, withChild } from '../contract/inside.ts';
import { value } from '../contract/outcome.ts';

const skip = unmet('namespaces') ?? false;
const ffiSkip = openBackend('ffi').isErr() && 'there is no ffi';
/** Both end with their stdin. */
const TWO_PROCESSES = 'exec 3<&0; cat <&3 & echo ready; exec cat';
/** A question that has no answer. */
const NOWHERE: Question = { at: '/nowhere', up: [] };
const BACKENDS = (['ffi', 'shell'] as const).filter((name) => openBackend(name).isOk());

const look = (backend: 'ffi' | 'shell'): Inspection => inspect({ backend })._unsafeUnwrap();
const inodeOf = (path: string): number => Number(/\[(\d+)\]/.exec(readlinkSync(path))?.[1]);
const find = ({ namespaces }: Inspection, inode: number): NamespaceInfo | undefined =>
  namespaces.find((namespace) => namespace.inode === inode);

for (const backend of BACKENDS) {
  t.test(`inspect() on ${backend}`, async (t) => {
    t.test('finds every namespace that this process is in', async (t) => {
      const seen = look(backend);
      const own = seen.processes.find(({ pid }) => pid === process.pid);
      for (const type of NAMESPACE_TYPES) {
        const inode = own?.namespaces[type];
        if (inode === undefined) continue;
        t.equal(inode, inodeOf(`/proc/self/ns/${type}`));
        const info = find(seen, inode);
        t.equal(info?.type, type);
        t.ok((info?.processes ?? 0) > 0);
        t.ok((info?.pid ?? 0) <= process.pid);
      }
    });

    t.test('finds a namespace that only an open fd holds', { skip }, async (t) => {
      const child = await value(spawn('cat', [], made(backend, ['uts'])));
      const held = await withChild(child, () => value(openNamespace({ process: child, type: 'uts' })));
      try {
        const info = find(look(backend), held.inode);
        t.match(info, { type: 'uts', processes: 0, pid: null });
        t.ok(info?.holders.fds.some(({ pid, fd }) => pid === process.pid && fd === held.fd));
      } finally {
        held.close();
      }
      t.equal(find(look(backend), held.inode), undefined, 'and no longer than that');
    });

    t.test('finds a namespace that only a thread is in', { skip }, async (t) => {
      const fixture = fileURLToPath(new URL('./fixtures/thread-apart.js', import.meta.url));
      // The thread makes its system call by the ffi backend, whichever one looks.
      if (!BACKENDS.includes('ffi')) return void t.pass('no ffi', { skip: 'the fixture needs the ffi backend' });
      const own = PRIVILEGED ? {} : { namespaces: ['user'] as const, mapRootUser: true };
      const child = await value(spawn(process.execPath, [fixture], { ...own, backend }));
      await withChild(child, async () => {
        t.equal(await lineReader(child.stdout)(), 'ready');
        const uts = inodeOf(`/proc/${child.pid}/ns/uts`);
        const apart = look(backend).namespaces.filter(
          ({ type, holders }) => type === 'uts' && holders.threads.some(({ pid }) => pid === child.pid),
        );
        t.equal(apart.length, 1);
        t.not(apart[0]?.inode, uts);
        t.equal(apart[0]?.processes, 0);
        t.ok(apart[0]?.holders.threads.every(({ pid, tid }) => pid === child.pid && tid !== pid));
      });
    });

    t.test(
      'finds a namespace that only a mount holds, and where',
      { skip: skip || !toolPath('unshare') },
      async (t) => {
        const dir = mkdtempSync(join(tmpdir(), 'ns-inspect-'));
        const file = join(dir, 'pinned');
        const script = `: >${file} && unshare --uts=${file} true && stat -L -c %i ${file} && exec cat`;
        const child = await value(spawn('sh', ['-c', script], made(backend, ['mnt'])));
        await withChild(child, async () => {
          const inode = Number(await lineReader(child.stdout)());
          const info = find(look(backend), inode);
          t.match(info, { type: 'uts', processes: 0 });
          t.strictSame(info?.holders.pins, [{ path: file, mountNamespace: inodeOf(`/proc/${child.pid}/ns/mnt`) }]);
        });
        rmSync(dir, { recursive: true });
      },
    );
  });
}

/** A backend whose reader differs in what a test says. */
const reading = (name: 'ffi' | 'shell', change: (reader: KernelReader) => Partial<KernelReader>): Backend => {
  const { backend } = openBackend(name)._unsafeUnwrap();
  const reader = readerOf(backend);
  return { ...backend, reader: () => ok({ ...reader, ...change(reader) }) };
};

for (const backend of BACKENDS) {
  t.test(`inspect() on ${backend}, while processes end`, { skip }, async (t) => {
    const child = await value(spawn('sh', ['-c', TWO_PROCESSES], made(backend, ['uts'])));
    await withChild(child, async () => {
      t.equal(await lineReader(child.stdout)(), 'ready');
      const inode = inodeOf(`/proc/${child.pid}/ns/uts`);
      const members = (seen: Inspection) => seen.processes.filter(({ namespaces }) => namespaces.uts === inode);
      const all = members(look(backend));
      t.equal(all.length, 2);
      const lowest = Math.min(...all.map(({ pid }) => pid));
      const gone = (...pids: readonly (number | undefined)[]) =>
        reading(backend, (reader) => ({
          // They are still there in truth, and the kernel would tell of what they are in.
          namespaceIds: () => null,
          readFiles: (paths, most) =>
            reader
              .readFiles(paths, most)
              .map((bytes, index) => (pids.some((pid) => paths[index] === `/proc/${pid}/comm`) ? null : bytes))
              .map((bytes, index) => (pids.some((pid) => paths[index] === `/proc/${pid}/cmdline`) ? null : bytes)),
        }));
      const one = inspect({ backend: gone(lowest) })._unsafeUnwrap();
      t.match(find(one, inode), { processes: 1, command: /cat|sh/, uid: process.geteuid?.() });
      t.not(find(one, inode)?.pid, lowest, 'the one that is left stands for it');
      t.equal(members(one).length, 1);
      const none = inspect({ backend: gone(...all.map(({ pid }) => pid)) })._unsafeUnwrap();
      t.equal(find(none, inode), undefined, 'what had processes only is gone with them');
    });
  });
}

t.test('inspect() asks another process where the first has ended', { skip: ffiSkip || skip }, async (t) => {
  const child = await value(spawn('sh', ['-c', TWO_PROCESSES], made('ffi', ['uts'])));
  await withChild(child, async () => {
    t.equal(await lineReader(child.stdout)(), 'ready');
    const inode = inodeOf(`/proc/${child.pid}/ns/uts`);
    const { path } = find(look('ffi'), inode) ?? {};
    const backend = reading('ffi', ({ relations }) => ({
      relations: (questions) => relations(questions).map((answer, at) => (questions[at]?.at === path ? null : answer)),
    }));
    const info = find(inspect({ backend })._unsafeUnwrap(), inode);
    t.not(info?.owner, null);
    t.not(info?.path, path);
  });
});

t.test('inspect() tells of namespaces that the kernel lists and nobody shows', { skip: ffiSkip }, async (t) => {
  const own = inodeOf('/proc/self/ns/user');
  const hidden = { inode: 17, type: 'net', id: 4711n, owner: own, parent: null, ownerUid: null } as const;
  const backend = reading('ffi', ({ relations }) => ({
    namespaceIds: () => [4711n, 4712n],
    relations: (questions) => {
      const answers = relations(questions.map((question) => (typeof question.at === 'bigint' ? NOWHERE : question)));
      return answers.map((answer, index) => (questions[index]?.at === 4711n ? hidden : answer));
    },
  }));
  const seen = inspect({ backend })._unsafeUnwrap();
  t.match(find(seen, 17), {
    type: 'net',
    id: 4711n,
    owner: own,
    processes: 0,
    pid: null,
    path: null,
    holders: { processes: 0, threads: [], fds: [], pins: [], descendants: false },
  });
});

const noLineage =
  skip ||
  (!BACKENDS.includes('shell') && 'the shell backend is not to be had here') ||
  (!toolHas('lsns', 'ONS') && 'the installed lsns has no column ONS');

t.test('inspect() on shell tells owner and parent as lsns does', { skip: noLineage }, async (t) => {
  const spec = { backend: 'shell', namespaces: ['user', 'pid', 'uts'], mapRootUser: true } as const;
  const child = await value(spawn('cat', [], spec));
  await withChild(child, () => {
    const seen = look('shell');
    const of = (type: NamespaceType): NamespaceInfo | undefined => find(seen, inodeOf(`/proc/${child.pid}/ns/${type}`));
    const user = inodeOf(`/proc/${child.pid}/ns/user`);
    t.match(of('uts'), { owner: user, parent: null, id: null, ownerUid: null });
    t.match(of('pid'), { owner: user, parent: inodeOf('/proc/self/ns/pid') });
    t.equal(of('user')?.parent, inodeOf('/proc/self/ns/user'));
    t.equal(of('user')?.holders.descendants, true);
    if (!BACKENDS.includes('ffi')) return;
    const whole = look('ffi');
    for (const type of ['user', 'pid', 'uts'] as const) {
      const other = find(whole, of(type)?.inode ?? 0);
      t.match(of(type), { owner: other?.owner, parent: other?.parent }, `and as ffi does, of ${type}`);
    }
  });
});

t.test('inspect() on ffi', { skip: !BACKENDS.includes('ffi') }, async (t) => {
  t.test('tells owner and parent, also of namespaces that only their relatives hold', { skip }, async (t) => {
    const spec = { backend: 'ffi', namespaces: ['user', 'uts'], mapRootUser: true } as const;
    const inner = "exec unshare -U -r sh -c 'echo ready; exec cat'";
    if (toolPath('unshare') === null) return void t.pass('no unshare', { skip: 'there is no unshare in PATH' });
    const child = await value(spawn('sh', ['-c', inner], spec));
    await withChild(child, async () => {
      t.equal(await lineReader(child.stdout)(), 'ready');
      const seen = look('ffi');
      const user = find(seen, inodeOf(`/proc/${child.pid}/ns/user`));
      const uts = find(seen, inodeOf(`/proc/${child.pid}/ns/uts`));
      const between = find(seen, uts?.owner ?? 0);
      t.match(user, { type: 'user', parent: between?.inode, owner: between?.inode });
      t.match(between, { type: 'user', processes: 0, pid: null, parent: inodeOf('/proc/self/ns/user') });
      t.match(between, { ownerUid: process.geteuid?.(), holders: { descendants: true } });
      t.match(user?.uidMap, /^0 /);
    });
  });

  t.test('asks in a few FFI calls, however many processes there are', async (t) => {
    look('ffi');
    const before = ffiCalls.count;
    const { processes } = look('ffi');
    const calls = ffiCalls.count - before;
    t.ok(calls < 25, `${calls} calls for ${processes.length} processes`);
  });
});

t.test(
  'inspect() as an ordinary user counts what it could not see',
  { skip: PRIVILEGED && 'is about ordinary users' },
  async (t) => {
    const { unseen, processes } = inspect()._unsafeUnwrap();
    t.ok(unseen.processes > 0 || processes.some(({ pid }) => pid === 1));
  },
);
