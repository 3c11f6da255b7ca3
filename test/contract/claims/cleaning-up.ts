import { readdirSync, readFileSync, statSync } from 'node:fs';
import { measureSpawn, run, spawn } from '../../../lib/index.ts';
import { made, PRIVILEGED, UID, unmet } from '../caller.ts';
import type { Claim } from '../claim.ts';
import { ending, finished, whileRunning } from '../inside.ts';
import { failure, value } from '../outcome.ts';
import { report } from '../program.ts';

const openFds = (): number => readdirSync('/proc/self/fd').length;

/** What stays open after spawns is read off once the streams have closed: they take a few turns of the loop. */
const settled = async (count: () => number, wanted: number): Promise<number> => {
  for (let turn = 0; turn < 500 && count() > wanted; turn += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  return count();
};

const children = (): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === process.pid;
      } catch {
        return false;
      }
    });

export const cleaningUp: readonly Claim[] = [
  {
    title: 'a hundred spawns leave no fd, no child and no thread',
    run: async (t, backend) => {
      const once = (): Promise<unknown> => finished('true', [], { backend, stdin: 'x' });
      const threads = (): number => readdirSync('/proc/self/task').length;
      // Whatever is opened at the first use, and the threads of the pool, are there after some.
      await Promise.all(Array.from({ length: 16 }, once));
      const before = { fds: openFds(), threads: threads() };
      for (let round = 0; round < 5; round += 1) await Promise.all(Array.from({ length: 20 }, once));
      t.equal(await settled(openFds, before.fds), before.fds, 'fds');
      t.equal(threads(), before.threads, 'threads');
      t.strictSame(children(), [], 'children');
    },
  },
  {
    title: 'fifty failures leave no fd and no child',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const spec = made(backend, ['pid', 'mnt', 'uts'], { mountProc: true, hostname: 'h' });
      const fail = async (): Promise<void> => {
        await failure(run('/nowhere/command', [], spec), 'exec-failed');
        await failure(run('true', [], { ...spec, cwd: '/nowhere' }), 'setup-failed');
      };
      await fail();
      const before = openFds();
      for (let round = 0; round < 25; round += 1) await fail();
      t.equal(await settled(openFds, before), before, 'fds');
      t.strictSame(children(), [], 'children');
    },
  },
  {
    title: 'an fd of a caller that is full of them is an error, not a crash, and passes',
    run: async (t, backend) => {
      const seen = await report<{ failed: string; after: string }>(
        'no-fds',
        [backend],
        ['sh', '-c', 'ulimit -n 256; exec "$@"', 'sh'],
      );
      t.match(seen.failed, /^(setup-failed|timed-out).*EMFILE/);
      t.equal(seen.after, 'exited 0');
    },
  },
  {
    title: 'the caller stays dumpable and the owner of its files in /proc',
    needs: ['user-namespaces'],
    run: async (t, backend) => {
      const owners = (): number[] =>
        ['/proc/self', '/proc/self/uid_map', '/proc/self/environ'].map((path) => statSync(path).uid);
      await finished('true', [], { backend, namespaces: ['user', 'pid', 'mnt'], mapRootUser: true });
      if (PRIVILEGED && unmet('id-ranges') === null && process.env['NS_FFI_HOST'] !== 'straight') {
        const range = { inside: 0, outside: 100_000, count: 65_536 };
        await finished('true', [], { backend, namespaces: ['user', 'pid'], uidMap: range, gidMap: range });
      }
      t.strictSame(owners(), [UID, UID, UID]);
      // A caller that is not could make no user namespace again.
      await finished('true', [], { backend, namespaces: ['user'], mapRootUser: true });
    },
  },
  {
    title: 'spawn() works from worker threads, and from several at once',
    run: async (t, backend) =>
      t.strictSame(await report('workers', [backend]), ['exited 10', 'exited 11', 'exited 12', 'exited 13']),
  },
  {
    title: 'the caller keeps its working directory, umask and environment',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const own = (): unknown => [process.cwd(), process.umask(), { ...process.env }];
      const before = own();
      await whileRunning({ ...made(backend, ['uts', 'mnt']), cwd: '/', env: { A: '1' } }, () =>
        t.strictSame(own(), before),
      );
      t.strictSame(own(), before);
    },
  },
  {
    title: 'spawn() does not change the spec',
    run: async (t, backend) => {
      const spec = Object.freeze({
        backend,
        namespaces: Object.freeze([] as const),
        env: Object.freeze({ PATH: process.env['PATH'] }),
        stdio: Object.freeze(['ignore', 'ignore', 'ignore'] as const),
      });
      const child = await value(spawn('true', Object.freeze([]), spec));
      t.equal(ending(await value(child.exit)), 'exited 0');
    },
  },
  {
    title: 'measureSpawn() does one spawn and tells nanoseconds and status',
    unsupportedOn: { shell: 'nothing but the program of system calls can look at the clock next to them' },
    run: async (t, backend) => {
      const { cloneNs, totalNs, status } = await value(measureSpawn('sh', ['-c', 'exit 3'], { backend }));
      t.ok(cloneNs > 0 && cloneNs <= totalNs, `${cloneNs} of ${totalNs} ns`);
      t.equal(ending(status), 'exited 3');
    },
  },
  {
    title: 'measureSpawn() measures namespaces',
    needs: ['namespaces'],
    unsupportedOn: { shell: 'nothing but the program of system calls can look at the clock next to them' },
    run: async (t, backend) => {
      const {
        timeoutMs: _,
        maxOutputBytes: __,
        ...spec
      } = made(backend, ['pid', 'mnt', 'uts', 'ipc', 'net'], { mountProc: true });
      const { status } = await value(measureSpawn('sh', ['-c', 'exit $$'], spec));
      t.equal(ending(status), 'exited 1', 'pid 1');
    },
  },
];
