import { lstatSync, readdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { type Child, openNamespace, type PosixMemory, posixMemory, spawn } from '../../../lib/index.ts';
import { made } from '../caller.ts';
import type { BackendName, Claim } from '../claim.ts';
import { lineReader, withChild } from '../inside.ts';
import { failure, value } from '../outcome.ts';
import { scratch } from '../scratch.ts';

const STRAIGHT = 'a call that waits would keep Node.js waiting';
/** What only the system call itself does. */
const CALLS = { shell: 'no tool hands bytes over', 'ffi:straight': STRAIGHT };
/** What tools do, too. */
const TOOLS = { 'ffi:straight': STRAIGHT };

/** A process with a /dev/shm of its own, for as long as `use` takes; `script` makes it. */
const apart = async (
  backend: BackendName,
  use: (inside: PosixMemory, target: Child) => Promise<unknown>,
  script = 'mount -t tmpfs ns-shm /dev/shm && echo ready && exec cat',
): Promise<void> =>
  withChild(await value(spawn('sh', ['-c', script], made(backend, ['mnt']))), async (target) => {
    if ((await lineReader(target.stdout)()) !== 'ready') throw new Error('The target did not get ready');
    await use(posixMemory(target, { backend }), target);
  });

const inTarget = (target: Child): string => `/proc/${target.pid}/root/dev/shm`;

const names = async (memory: PosixMemory): Promise<readonly string[]> =>
  (await value(memory.list())).map(({ name }) => name).sort();

export const sharedMemory: readonly Claim[] = [
  {
    title: 'posixMemory() creates, lists and removes what the target sees in /dev/shm, and nothing outside',
    needs: ['namespaces', 'tool:mount'],
    unsupportedOn: TOOLS,
    run: (t, backend) =>
      apart(backend, async (inside, target) => {
        const before = readdirSync('/dev/shm');
        t.strictSame(await value(inside.list()), []);
        await value(inside.create('/zion', 12_345, { mode: 0o666 }));
        await value(inside.create("/it's a name", 0));
        const made = await value(inside.list());
        t.match(
          made.find(({ name }) => name === '/zion'),
          { sizeBytes: 12_345, usedBytes: 0, mode: 0o666, uid: 0, gid: 0, semaphore: false },
        );
        t.match(
          made.find(({ name }) => name === "/it's a name"),
          { sizeBytes: 0, mode: 0o600 },
        );
        t.ok(Math.abs(Date.now() - (made[0]?.modified.getTime() ?? 0)) < 60_000);
        t.strictSame(readdirSync(inTarget(target)).sort(), ["it's a name", 'zion']);
        t.equal(lstatSync(`${inTarget(target)}/zion`).mode & 0o7777, 0o666, 'whatever the umask is');
        t.strictSame(readdirSync('/dev/shm'), before);
        await value(inside.remove('/zion'));
        await value(inside.remove("/it's a name"));
        t.strictSame(await value(inside.list()), []);
      }),
  },
  {
    title: 'posixMemory() says what is there already, what is not, and what is no memory',
    needs: ['namespaces', 'tool:mount'],
    unsupportedOn: TOOLS,
    run: (t, backend) =>
      apart(backend, async (inside, target) => {
        const dir = inTarget(target);
        await value(inside.create('/zion', 1));
        t.equal((await failure(inside.create('/zion', 2), 'ipc-failed')).errno, 'EEXIST');
        t.equal(lstatSync(`${dir}/zion`).size, 1, 'and leaves it as it is');
        t.equal((await failure(inside.remove('/nowhere'), 'ipc-failed')).errno, 'ENOENT');
        symlinkSync('/etc/passwd', `${dir}/link`);
        symlinkSync('/dev/shm/made-by-link', `${dir}/dangling`);
        writeFileSync(`${dir}/sem.agents`, Buffer.alloc(32));
        for (const name of ['/link', '/dangling']) {
          t.equal((await failure(inside.create(name, 1), 'ipc-failed')).errno, 'EEXIST', name);
        }
        t.strictSame(await names(inside), ['/sem.agents', '/zion'], 'nothing is left of what failed');
        t.equal((await value(inside.list())).find(({ name }) => name === '/sem.agents')?.semaphore, true);
      }),
  },
  {
    title: 'posixMemory() create() leaves nothing behind when there cannot be that much',
    needs: ['namespaces', 'tool:mount'],
    unsupportedOn: TOOLS,
    run: async (t, backend) => {
      const dir = scratch(t);
      const script = `mount --bind ${dir} /dev/shm && echo ready && exec cat`;
      await apart(
        backend,
        async (inside) => {
          const huge = await inside.create('/huge', Number.MAX_SAFE_INTEGER);
          // The file system of the temporary directory decides; ext4 has an end, tmpfs has none.
          if (huge.isOk()) return void (await value(inside.remove('/huge')));
          t.equal((await failure(huge, 'ipc-failed')).errno, 'EFBIG');
          t.strictSame(readdirSync(dir), []);
        },
        script,
      );
      t.strictSame(readdirSync(dir), []);
    },
  },
  {
    title: 'posixMemory() read() and write() carry bytes, and follow no link',
    needs: ['namespaces', 'tool:mount'],
    unsupportedOn: CALLS,
    run: (t, backend) =>
      apart(backend, async (inside, target) => {
        const data = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
        await value(inside.create('/zion', 400_000));
        t.equal(await value(inside.write('/zion', data, { offset: 100_000 })), data.length);
        t.strictSame(readFileSync(`${inTarget(target)}/zion`), Buffer.concat([Buffer.alloc(100_000), data]));
        t.strictSame(await value(inside.read('/zion', { offset: 100_001, length: 1_000_000 })), data.subarray(1));
        t.strictSame(await value(inside.read('/zion', { length: 16 })), Buffer.alloc(16));
        t.strictSame(await value(inside.read('/zion', { offset: 400_000, length: 16 })), Buffer.alloc(0), 'at the end');
        await value(inside.write('/zion', Buffer.from('more'), { offset: 400_000 }));
        t.equal(lstatSync(`${inTarget(target)}/zion`).size, 400_004);
        symlinkSync('/dev/shm/zion', `${inTarget(target)}/link`);
        t.equal((await failure(inside.read('/link', { length: 1 }), 'ipc-failed')).errno, 'ELOOP');
        t.equal((await failure(inside.write('/link', data), 'ipc-failed')).errno, 'ELOOP');
        t.equal((await failure(inside.read('/nowhere', { length: 1 }), 'ipc-failed')).errno, 'ENOENT');
        t.equal((await failure(inside.write('/nowhere', data), 'ipc-failed')).errno, 'ENOENT');
      }),
  },
  {
    title: 'posixMemory() sees /dev/shm below the root directory of the target',
    needs: ['namespaces', 'tool:mount', 'tool:chroot'],
    unsupportedOn: TOOLS,
    run: async (t, backend) => {
      const root = scratch(t);
      const script = `mount --rbind / ${root} && mount -t tmpfs ns-shm ${root}/dev/shm && echo ready && exec chroot ${root} cat`;
      await apart(
        backend,
        async (inside, target) => {
          // The line is written by the shell that is about to become chroot(1), and that cat(1).
          while (readFileSync(`/proc/${target.pid}/comm`, 'latin1') !== 'cat\n') await value(inside.list());
          await value(inside.create('/zion', 1));
          t.strictSame(readdirSync(inTarget(target)), ['zion']);
          t.notOk(readdirSync('/dev/shm').includes('zion'));
          await value(inside.remove('/zion'));
        },
        script,
      );
    },
  },
  {
    title: 'posixMemory() takes a handle of a mount namespace, and without a target what the caller sees',
    needs: ['root', 'tool:mount'],
    unsupportedOn: TOOLS,
    run: (t, backend) =>
      apart(backend, async (inside, target) => {
        const handle = await value(openNamespace({ process: target, type: 'mnt' }));
        try {
          await value(inside.create('/zion', 7));
          t.match(await value(posixMemory(handle, { backend }).list()), [{ name: '/zion', sizeBytes: 7 }]);
        } finally {
          handle.close();
        }
        const own = posixMemory(undefined, { backend });
        const name = `/ns-contract-${process.pid}`;
        await value(own.create(name, 5));
        try {
          t.equal(lstatSync(`/dev/shm${name}`).size, 5);
          t.ok((await names(own)).includes(name));
        } finally {
          unlinkSync(`/dev/shm${name}`);
        }
      }),
  },
  {
    title: 'posixMemory() refuses what cannot be meant, before anything is created',
    run: async (t, backend) => {
      const own = posixMemory(undefined, { backend });
      const wrong = async (option: string, asked: ReturnType<PosixMemory['create']> | unknown): Promise<void> => {
        const error = await failure(asked as ReturnType<PosixMemory['create']>, 'invalid-option');
        t.equal(error.option, option, error.message);
      };
      for (const name of ['zion', '/', '/a/b', '/.', '/..', '/\0', `/${'é'.repeat(128)}`, 5 as unknown as string]) {
        await wrong('name', own.create(name, 1));
      }
      await wrong('sizeBytes', own.create('/zion', -1));
      await wrong('mode', own.create('/zion', 1, { mode: 0o1000 }));
      await wrong('offset', own.read('/zion', { offset: 0.5, length: 1 }));
      await wrong('length', own.read('/zion', { length: 2 ** 30 }));
      await wrong('data', own.write('/zion', 'text' as unknown as Buffer));
      await failure(posixMemory(0x7fffffff, { backend }).list(), 'process-gone');
    },
  },
];
