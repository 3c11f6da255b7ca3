import { existsSync, readFileSync } from 'node:fs';
import {
  type Child,
  ERRNO,
  enter,
  type Ipc,
  type IpcListing,
  type IpcRequest,
  ipc,
  openNamespace,
} from '../../../lib/index.ts';
import { made } from '../caller.ts';
import type { BackendName, Claim } from '../claim.ts';
import { whileRunning, withChild } from '../inside.ts';
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
      }),
  },
  {
    title: 'receive() that waits says EIDRM when its queue is removed',
    needs: ['namespaces'],
    unsupportedOn: CALLS,
    run: (t, backend) =>
      apart(backend, async (inside) => {
        const id = await value(inside.createQueue());
        await value(inside.send(id, Buffer.from('here I am')));
        const receive = { type: 'queue-receive', id, messageType: 0, mostBytes: 64, wait: true } as const;
        const waiting = inside.perform([receive, receive]);
        // Who took the first message is who is to wait for a second one, and nothing else lets that process sleep.
        let pid = 0;
        while (pid === 0) pid = (await value(inside.list())).queues[0]?.lastReceivePid ?? 0;
        while (!/\) S /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))) await value(inside.list());
        await value(inside.removeQueue(id));
        const [first, second] = await value(waiting);
        t.equal(first?.bytes.toString(), 'here I am');
        t.equal(second?.result, -ERRNO.EIDRM);
        t.match(second?.call, /^msgrcv\(/);
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
    title: 'semaphoreValues() and setSemaphores() hold as many as a set may have',
    needs: ['namespaces'],
    unsupportedOn: CALLS,
    run: (t, backend) =>
      apart(backend, async (inside) => {
        const most = (await value(inside.list())).limits.semaphoresPerSet ?? 0;
        const count = Math.min(most, 32_768);
        const id = await value(inside.createSemaphores(count));
        const values = Array.from({ length: count }, (_, index) => index % 32_768);
        await value(inside.setSemaphores(id, values));
        t.strictSame(await value(inside.semaphoreValues(id)), values);
        t.equal((await failure(inside.setSemaphores(id, values.slice(1)), 'invalid-option')).option, 'values');
      }),
  },
  {
    title: 'semaphoreValues() of a set that was replaced by a larger one of the same id overwrites nothing',
    needs: ['root'],
    unsupportedOn: CALLS,
    run: (t, backend) =>
      apart(backend, async (inside, target) => {
        /** Sets a sysctl of the target's namespace. */
        const set = async (name: string, text: string): Promise<void> => {
          const script = `echo "$1" >/proc/sys/kernel/${name}`;
          const child = await value(enter(target, 'sh', ['-c', script, 'sh', text], { backend, types: ['ipc'] }));
          await withChild(child, async ({ exit }) => t.match(await value(exit), { type: 'exited', code: 0 }));
        };
        const create = { type: 'semaphore-create', key: 0, mode: 0o600 } as const;
        const id = await value(inside.createSemaphores(2, { key: 0 }));
        const values = { type: 'semaphore-values', id } as const;
        // A kernel without this has an id again after 65,536 others.
        const canChoose = existsSync('/proc/sys/kernel/sem_next_id');
        if (canChoose) await set('sem_next_id', String(id));
        const request = { type: 'semaphore-remove', id } as const;
        const answers = await value(inside.perform([values, request, { ...create, count: 20_000 }, values]));
        t.strictSame(answers[0]?.bytes, Buffer.alloc(4));
        if (canChoose) {
          t.equal(answers[2]?.result, id);
          t.strictSame(answers[3]?.bytes, Buffer.alloc(40_000));
        }
        // More than there is room for, which only a namespace with another limit has.
        await set('sem', '60000 1024000000 500 32000');
        const large = await value(inside.createSemaphores(60_000));
        const [refused, next] = await value(inside.perform([{ ...values, id: large }, { type: 'list' }]));
        t.equal(refused?.result, -ERRNO.EFAULT);
        t.ok(next?.bytes.includes('60000'), 'what comes after it is done');
        const some = { type: 'semaphore-set', id: large, values: [1, 2, 3] } as const;
        const [, first] = await value(
          inside.perform([some, { type: 'semaphore-details', id: large, first: 0, count: 1 }]),
        );
        t.equal(first?.bytes.readInt32LE(0), 0, 'too few values set none');
      }),
  },
  {
    title: 'semaphoreDetails() tells who waits, and who was the last',
    needs: ['namespaces'],
    unsupportedOn: CALLS,
    run: (t, backend) =>
      apart(backend, async (inside) => {
        const id = await value(inside.createSemaphores(5_000));
        const first = { value: 0, waitingForIncrease: 0, waitingForZero: 0, lastPid: 0 };
        const untouched = await value(inside.semaphoreDetails(id));
        t.equal(untouched.length, 5_000);
        t.strictSame(untouched[0], first);
        await value(inside.operate(id, [{ index: 4_999, change: 3 }]));
        const more = inside.operate(id, [{ index: 4_999, change: -5 }]);
        const none = inside.operate(id, [{ index: 4_999, change: 0 }]);
        const last = async () => (await value(inside.semaphoreDetails(id)))[4_999];
        while ((await last())?.waitingForIncrease !== 1 || (await last())?.waitingForZero !== 1);
        t.match(await last(), { value: 3, waitingForIncrease: 1, waitingForZero: 1 });
        t.ok(((await last())?.lastPid ?? 0) > 0);
        await value(inside.removeSemaphores(id));
        for (const waiting of [more, none]) t.equal((await failure(waiting, 'ipc-failed')).errno, 'EIDRM');
        t.equal((await failure(inside.semaphoreDetails(id), 'ipc-failed')).errno, 'EINVAL');
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
    title: 'perform() does a thousand things in one process, and refuses more than it can hold',
    needs: ['namespaces'],
    unsupportedOn: CALLS,
    run: (t, backend) =>
      apart(backend, async (inside) => {
        const create = { type: 'queue-create', key: 0, mode: 0o600 } as const;
        const made = await value(inside.perform(Array.from({ length: 1_000 }, () => create)));
        t.ok(made.every(({ result }) => result >= 0));
        t.equal((await value(inside.list())).queues.length, 1_000);
        await failure(inside.perform(Array.from({ length: 50_000 }, () => create)), 'unsupported');
        t.equal((await value(inside.list())).queues.length, 1_000, 'none of it was done');
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
      await wrong('wait', own.receive(0, { wait: 1 as unknown as boolean }));
      await wrong('name', own.createPosixQueue('zion'));
      await wrong('name', own.removePosixQueue('/a/b'));
      await wrong('priority', own.sendPosix('/zion', none, { priority: 40_000 }));
      await wrong('timeoutMs', own.receive(0, { timeoutMs: 0 }));
      await wrong('requests[1].id', own.perform([{ type: 'list' }, { type: 'queue-remove', id: -1 }]));
      await wrong('requests[0].type', own.perform([{ type: 'nonsense' } as unknown as IpcRequest]));
      await wrong('requests', own.perform('list' as unknown as IpcRequest[]));
      await failure(ipc(0x7fffffff, { backend }).list(), 'process-gone');
    },
  },
];
