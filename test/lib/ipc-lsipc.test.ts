import t from 'tap';
import { enter, ipc, spawn } from '../../lib/index.ts';
import { made, unmet } from '../contract/caller.ts';
import { everything, withChild } from '../contract/inside.ts';
import { value } from '../contract/outcome.ts';

const skip =
  unmet('namespaces') ??
  ['lsipc', 'ipcs'].map((tool) => unmet(`tool:${tool}`)).find((reason) => reason !== null) ??
  false;

type Row = Readonly<Record<string, string | null>>;

const COMMON = ['KEY', 'ID', 'PERMS', 'CUID', 'CGID', 'UID', 'GID', 'CTIME'];
const TABLES = {
  '-q': ['USEDBYTES', 'MSGS', 'SEND', 'RECV', 'LSPID', 'LRPID'],
  '-s': ['NSEMS', 'OTIME'],
  '-m': ['SIZE', 'NATTCH', 'STATUS', 'ATTACH', 'DETACH', 'COMMAND', 'CPID', 'LPID'],
} as const;

/** The nine letters of `rw-r-----` as a number. */
const permissions = (letters: string | null | undefined): number =>
  [...(letters ?? '')].reduce((mode, letter) => mode * 2 + (letter === '-' ? 0 : 1), 0);
const hex = (key: number): string => `0x${key.toString(16).padStart(8, '0')}`;
const seconds = (date: Date | null): number | null => date && date.getTime() / 1000;
const number = (text: string | null | undefined): number => Number(text ?? 0);
const time = (text: string | null | undefined): number | null => (text ? Date.parse(text) / 1000 : null);

t.test('ipc() lists what lsipc and ipcs show', { skip }, async (t) => {
  await withChild(await value(spawn('cat', [], made('ffi', ['ipc']))), async (target) => {
    /** What a tool prints in the namespace. */
    const said = async (tool: string, ...args: readonly string[]): Promise<string> => {
      const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
      const spec = { backend: 'ffi', types: ['ipc', 'user'], env, stdio: ['ignore', 'pipe', 'inherit'] } as const;
      const user = target.pid;
      const foreign = { ...spec, types: unmet('root') === null ? (['ipc'] as const) : spec.types };
      return withChild(await value(enter(user, tool, args, foreign)), async ({ stdout }) =>
        String(await everything(stdout)),
      );
    };
    const rows = async (option: keyof typeof TABLES): Promise<readonly Row[]> => {
      const columns = [...COMMON, ...TABLES[option]].join(',');
      const [table] = Object.values(
        JSON.parse(await said('lsipc', option, '-J', '-b', '--time-format=iso', '-o', columns)) as object,
      );
      return table as readonly Row[];
    };

    const inside = ipc(target, { backend: 'ffi' });
    const queue = await value(inside.createQueue({ key: 0xdeadbeef, mode: 0o640 }));
    await value(inside.send(queue, Buffer.from('twelve bytes')));
    await value(inside.send(queue, Buffer.from('five!')));
    await value(inside.receive(queue));
    const set = await value(inside.createSemaphores(3, { mode: 0o600 }));
    await value(inside.operate(set, [{ index: 1, change: 4 }]));
    const memory = await value(inside.createMemory(12_345, { mode: 0o666 }));
    await value(inside.writeMemory(memory, Buffer.from('spoon')));
    await value(inside.createMemory(1));
    const listed = await value(inside.list());

    const common = (row: Row) => ({
      key: row['key'],
      id: number(row['id']),
      mode: permissions(row['perms']),
      creatorUid: number(row['cuid']),
      creatorGid: number(row['cgid']),
      uid: number(row['uid']),
      gid: number(row['gid']),
      changed: time(row['ctime']),
    });

    await t.test('queues', async (t) => {
      const wanted = (await rows('-q')).map((row) => ({
        ...common(row),
        usedBytes: number(row['usedbytes']),
        messages: number(row['msgs']),
        lastSend: time(row['send']),
        lastReceive: time(row['recv']),
        lastSendPid: number(row['lspid']),
        lastReceivePid: number(row['lrpid']),
      }));
      const own = listed.queues.map((one) => ({
        ...one,
        key: hex(one.key),
        changed: seconds(one.changed),
        lastSend: seconds(one.lastSend),
        lastReceive: seconds(one.lastReceive),
      }));
      t.match(own, [{ usedBytes: 5, messages: 1, key: '0xdeadbeef' }]);
      t.strictSame(own, wanted);
    });

    await t.test('semaphores', async (t) => {
      const wanted = (await rows('-s')).map((row) => ({
        ...common(row),
        count: number(row['nsems']),
        lastOperation: time(row['otime']),
      }));
      const own = listed.semaphores.map((one) => ({
        ...one,
        key: hex(one.key),
        changed: seconds(one.changed),
        lastOperation: seconds(one.lastOperation),
      }));
      t.match(own, [{ count: 3 }]);
      t.not(own[0]?.lastOperation, null);
      t.strictSame(own, wanted);
    });

    await t.test('memory', async (t) => {
      const wanted = (await rows('-m')).map((row) => ({
        ...common(row),
        sizeBytes: number(row['size']),
        attached: number(row['nattch']),
        lastAttach: time(row['attach']),
        lastDetach: time(row['detach']),
        creatorCommand: row['command'],
        creatorPid: number(row['cpid']),
        lastPid: number(row['lpid']),
      }));
      // How much is resident, swapped, locked or about to go lsipc has in a word, or not at all.
      const own = listed.memory.map(({ residentBytes: _, swappedBytes: __, removed: ___, locked: ____, ...one }) => ({
        ...one,
        key: hex(one.key),
        changed: seconds(one.changed),
        lastAttach: seconds(one.lastAttach),
        lastDetach: seconds(one.lastDetach),
      }));
      t.equal(own.length, 2);
      t.strictSame(own, wanted);
    });

    await t.test('limits', async (t) => {
      const text = await said('lsipc', '-g', '-J', '-b', '-o', 'RESOURCE,LIMIT,USED');
      const summary = Object.values(JSON.parse(text) as Record<string, readonly Row[]>)[0] ?? [];
      const limit = (name: string): string | null | undefined =>
        summary.find(({ resource }) => resource === name)?.['limit'];
      const { limits } = listed;
      t.strictSame(
        {
          MSGMNI: limits.queues,
          MSGMAX: limits.messageBytes,
          MSGMNB: limits.queueBytes,
          SHMMNI: limits.segments,
          SEMMNI: limits.semaphoreSets,
          SEMMNS: limits.semaphores,
          SEMMSL: limits.semaphoresPerSet,
          SEMOPM: limits.operationsPerCall,
          SHMALL: limits.allSegmentPages,
          SHMMAX: limits.segmentBytes,
        },
        Object.fromEntries(
          ['MSGMNI', 'MSGMAX', 'MSGMNB', 'SHMMNI', 'SEMMNI', 'SEMMNS', 'SEMMSL', 'SEMOPM', 'SHMALL', 'SHMMAX'].map(
            (name) => [
              name,
              name.startsWith('SHMA') || name === 'SHMMAX' ? BigInt(limit(name) ?? 0) : number(limit(name)),
            ],
          ),
        ),
      );
    });

    await t.test('one queue and one set, as ipcs has them', async (t) => {
      const [, most] = /qbytes=(\d+)/.exec(await said('ipcs', '-q', '-i', String(queue))) ?? [];
      t.equal(await value(inside.queueBytes(queue)), Number(most));
      const text = await said('ipcs', '-s', '-i', String(set));
      const [, table = ''] = text.split(/^semnum.*$/m);
      const wanted = table
        .trim()
        .split('\n')
        .map((line) => line.trim().split(/\s+/).map(Number));
      const own = (await value(inside.semaphoreDetails(set))).map(
        ({ value: now, waitingForIncrease, waitingForZero, lastPid }, index) => [
          index,
          now,
          waitingForIncrease,
          waitingForZero,
          lastPid,
        ],
      );
      t.equal(own[1]?.[1], 4);
      t.strictSame(own, wanted);
    });
  });
});
