import { readFileSync } from 'node:fs';
import { type Child, type Ipc, type IpcListing, ipc, openNamespace } from '../../../lib/index.ts';
import { made } from '../caller.ts';
import type { BackendName, Claim } from '../claim.ts';
import { whileRunning } from '../inside.ts';
import { failure, value } from '../outcome.ts';

const STRAIGHT = 'a call that waits would keep Node.js waiting';
const NO_TOOL = 'no tool of util-linux makes the system call';
/** What only the system call itself does. */
const CALLS = { shell: NO_TOOL, 'ffi:straight': STRAIGHT };
/** What tools do, too. */
const TOOLS = { 'ffi:straight': STRAIGHT };

/** The objects of an ipc namespace of its own, for as long as `use` takes; whoever the caller is. */
const apart = (backend: BackendName, use: (inside: Ipc, target: Child) => Promise<unknown>): Promise<unknown> =>
  whileRunning(made(backend, ['ipc']), (target) => use(ipc(target, { backend }), target));

/** What is listed where the caller is, without the times. */
const outside = (): readonly string[] =>
  ['msg', 'sem', 'shm'].map((name) =>
    readFileSync(`/proc/sysvipc/${name}`, 'utf8').replace(/(\n\s*\S+\s+\S+).*/g, '$1'),
  );

const counts = ({ queues, semaphores, memory }: IpcListing): readonly number[] => [
  queues.length,
  semaphores.length,
  memory.length,
];

export const interprocess: readonly Claim[] = [
  {
    title: 'ipc() creates, lists and removes in the namespace of the target, and nothing outside',
    needs: ['namespaces', 'tool:ipcmk'],
    unsupportedOn: TOOLS,
    run: (t, backend) =>
      apart(backend, async (inside) => {
        const before = outside();
        const queue = await value(inside.createQueue());
        const semaphores = await value(inside.createSemaphores(5, { mode: 0o600 }));
        const memory = await value(inside.createMemory(12_345));
        const listing = await value(inside.list());
        t.match(listing.queues, [{ id: queue, mode: 0o644, messages: 0, usedBytes: 0, lastSend: null }]);
        t.match(listing.semaphores, [{ id: semaphores, mode: 0o600, count: 5 }]);
        t.match(listing.memory, [{ id: memory, sizeBytes: 12_345, attached: 0, removed: false }]);
        t.not(listing.queues[0]?.key, 0);
        t.ok((listing.limits.messageBytes ?? 0) > 0 && (listing.limits.operationsPerCall ?? 0) > 0);
        t.strictSame(outside(), before);
        await value(inside.removeQueue(queue));
        await value(inside.removeSemaphores(semaphores));
        await value(inside.removeMemory(memory));
        t.strictSame(counts(await value(inside.list())), [0, 0, 0]);
        t.equal((await failure(inside.removeQueue(queue), 'ipc-failed')).errno, 'EINVAL');
        t.strictSame(outside(), before);
      }),
  },
  {
    title: 'ipc() takes a handle of a namespace, and without a target the namespace of the caller',
    needs: ['root', 'tool:ipcmk'],
    unsupportedOn: TOOLS,
    run: (t, backend) =>
      apart(backend, async (inside, target) => {
        const handle = await value(openNamespace({ process: target, type: 'ipc' }));
        try {
          const id = await value(inside.createQueue());
          const same = await value(ipc(handle, { backend }).list());
          t.strictSame(
            same.queues.map((queue) => queue.id),
            [id],
          );
        } finally {
          handle.close();
        }
        const own = await value(ipc(undefined, { backend }).list());
        t.equal(own.queues.length, readFileSync('/proc/sysvipc/msg', 'utf8').trim().split('\n').length - 1);
      }),
  },
  {
    title: 'createQueue() takes a key, which only one queue has',
    needs: ['namespaces'],
    unsupportedOn: { ...TOOLS, shell: 'ipcmk takes no key' },
    run: (t, backend) =>
      apart(backend, async (inside) => {
        const id = await value(inside.createQueue({ key: 0x1234 }));
        t.match((await value(inside.list())).queues, [{ id, key: 0x1234 }]);
        t.equal((await failure(inside.createQueue({ key: 0x1234 }), 'ipc-failed')).errno, 'EEXIST');
      }),
  },
  {
    title: 'send() and receive() carry messages by type between processes of one ipc namespace',
    needs: ['namespaces'],
    unsupportedOn: CALLS,
    run: (t, backend) =>
      apart(backend, async (inside) => {
        const id = await value(inside.createQueue());
        await value(inside.send(id, Buffer.from('first'), { type: 5 }));
        await value(inside.send(id, Buffer.from([0, 255, 0]), { type: 2 }));
        t.match((await value(inside.list())).queues, [{ messages: 2, usedBytes: 8 }]);
        t.strictSame(await value(inside.receive(id, { type: 2 })), { type: 2, data: Buffer.from([0, 255, 0]) });
        t.strictSame(await value(inside.receive(id)), { type: 5, data: Buffer.from('first') });
        t.equal((await failure(inside.receive(id, { wait: false }), 'ipc-failed')).errno, 'ENOMSG');
        await value(inside.send(id, Buffer.alloc(100)));
        t.equal((await failure(inside.receive(id, { mostBytes: 10 }), 'ipc-failed')).errno, 'E2BIG');
      }),
  },
  {
    title: 'receive() waits for a message, without the event loop, and gives up when told so',
    needs: ['namespaces'],
    unsupportedOn: CALLS,
    run: (t, backend) =>
      apart(backend, async (inside) => {
        const id = await value(inside.createQueue());
        const waiting = inside.receive(id);
        await value(inside.send(id, Buffer.from('late')));
        t.strictSame(await value(waiting), { type: 1, data: Buffer.from('late') });
        t.equal((await failure(inside.receive(id, { timeoutMs: 20 }), 'timed-out')).timeoutMs, 20);
        const abort = new AbortController();
        const stopped = inside.receive(id, { signal: abort.signal });
        abort.abort();
        await failure(stopped, 'aborted');
        const removed = inside.receive(id);
        while ((await value(inside.list())).queues[0]?.lastReceivePid === undefined);
        await value(inside.removeQueue(id));
        t.match((await failure(removed, 'ipc-failed')).errno, /EIDRM|EINVAL/);
      }),
  },
  {
    title: 'operate() changes semaphores, all at once or none, and lets processes wait for each other',
    needs: ['namespaces'],
    unsupportedOn: CALLS,
    run: (t, backend) =>
      apart(backend, async (inside) => {
        const id = await value(inside.createSemaphores(3));
        t.strictSame(await value(inside.semaphoreValues(id)), [0, 0, 0]);
        await value(inside.setSemaphores(id, [1, 2, 3]));
        const both = [
          { index: 1, change: -2 },
          { index: 0, change: -5, wait: false },
        ];
        t.equal((await failure(inside.operate(id, both), 'ipc-failed')).errno, 'EAGAIN');
        t.strictSame(await value(inside.semaphoreValues(id)), [1, 2, 3]);
        const waiting = inside.operate(id, [{ index: 0, change: -2 }]);
        await value(inside.operate(id, [{ index: 0, change: 1 }]));
        await value(waiting);
        t.strictSame(await value(inside.semaphoreValues(id)), [0, 2, 3]);
        t.equal((await failure(inside.setSemaphores(id, [1]), 'invalid-option')).option, 'values');
        t.equal((await failure(inside.semaphoreValues(id + 1), 'ipc-failed')).errno, 'EINVAL');
      }),
  },
  {
    title: 'writeMemory() and readMemory() share bytes between processes of one ipc namespace',
    needs: ['namespaces'],
    unsupportedOn: CALLS,
    run: (t, backend) =>
      apart(backend, async (inside) => {
        const size = 300_000;
        const id = await value(inside.createMemory(size));
        const data = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
        t.equal(await value(inside.writeMemory(id, data, { offset: 100_001 })), data.length);
        t.strictSame(await value(inside.readMemory(id, { offset: 100_001, length: data.length })), data);
        t.strictSame(await value(inside.readMemory(id, { length: 16 })), Buffer.alloc(16));
        t.equal(
          (await failure(inside.readMemory(id, { offset: 10_000_000, length: 1 }), 'ipc-failed')).errno,
          'EFAULT',
        );
        t.equal((await failure(inside.readMemory(id + 1, { length: 1 }), 'ipc-failed')).errno, 'EINVAL');
      }),
  },
  {
    title: 'POSIX message queues belong to the ipc namespace, and carry messages by priority',
    needs: ['namespaces'],
    unsupportedOn: CALLS,
    run: (t, backend) =>
      apart(backend, async (inside) => {
        await value(inside.createPosixQueue('/zion', { maxMessages: 4, messageBytes: 64 }));
        t.equal((await failure(inside.createPosixQueue('/zion'), 'ipc-failed')).errno, 'EEXIST');
        await value(inside.sendPosix('/zion', Buffer.from('later'), { priority: 1 }));
        await value(inside.sendPosix('/zion', Buffer.from('sooner'), { priority: 9 }));
        t.strictSame(await value(inside.listPosixQueues()), [
          { name: '/zion', maxMessages: 4, messageBytes: 64, messages: 2 },
        ]);
        t.strictSame(await value(inside.receivePosix('/zion')), { type: 9, data: Buffer.from('sooner') });
        t.strictSame(await value(inside.receivePosix('/zion')), { type: 1, data: Buffer.from('later') });
        t.equal((await failure(inside.receivePosix('/zion', { wait: false }), 'ipc-failed')).errno, 'EAGAIN');
        t.equal((await failure(inside.sendPosix('/zion', Buffer.alloc(65)), 'ipc-failed')).errno, 'EMSGSIZE');
        await value(inside.removePosixQueue('/zion'));
        t.strictSame(await value(inside.listPosixQueues()), []);
        t.equal((await failure(inside.removePosixQueue('/zion'), 'ipc-failed')).errno, 'ENOENT');
      }),
  },
  {
    title: 'ipc() refuses what cannot be meant, before anything is created',
    run: async (t, backend) => {
      const own = ipc(undefined, { backend });
      const none = Buffer.alloc(0);
      const wrong = async (option: string, asked: ReturnType<Ipc['list']> | unknown): Promise<void> => {
        const error = await failure(asked as ReturnType<Ipc['list']>, 'invalid-option');
        t.equal(error.option, option, error.message);
      };
      await wrong('key', own.createQueue({ key: 2 ** 32 }));
      await wrong('mode', own.createQueue({ mode: 0o1777 }));
      await wrong('id', own.removeQueue(-1));
      await wrong('data', own.send(0, 'text' as unknown as Buffer));
      await wrong('type', own.send(0, none, { type: 0 }));
      await wrong('mostBytes', own.receive(0, { mostBytes: 2 ** 30 }));
      await wrong('count', own.createSemaphores(0));
      await wrong('values', own.setSemaphores(0, [70_000]));
      await wrong('operations', own.operate(0, []));
      await wrong('sizeBytes', own.createMemory(1.5));
      await wrong('offset', own.readMemory(0, { offset: -1, length: 1 }));
      await wrong('length', own.readMemory(0, { length: 0 }));
      await wrong('name', own.createPosixQueue('zion'));
      await wrong('name', own.removePosixQueue('/a/b'));
      await wrong('priority', own.sendPosix('/zion', none, { priority: 40_000 }));
      await wrong('timeoutMs', own.receive(0, { timeoutMs: 0 }));
      await failure(ipc(0x7fffffff, { backend }).list(), 'process-gone');
    },
  },
];
