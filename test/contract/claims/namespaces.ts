import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { NAMESPACE_TYPES, type NamespaceIds, namespaceIds, type RunSpec, spawn } from '../../../lib/index.ts';
import { made, statusField } from '../caller.ts';
import type { Claim } from '../claim.ts';
import { finished, lineReader, said, sh, whileRunning, withChild } from '../inside.ts';
import { failure, value } from '../outcome.ts';
import { report } from '../program.ts';

/** What the vfork child cannot do while it shares Node's memory. */
const noTime = { 'ffi:straight': 'a time namespace is entered by a clone with memory of its own' };

/** The types that this kernel has. */
const here = NAMESPACE_TYPES.filter((type) => existsSync(`/proc/self/ns/${type}`));

const outside = (): NamespaceIds => namespaceIds('self')._unsafeUnwrap();

/** What the command itself finds in /proc/self/ns. */
const idsInside = async (spec: RunSpec): Promise<NamespaceIds> => {
  const links = (await said('ls', ['-l', '/proc/self/ns/'], spec)).matchAll(/(\w+) -> \w+:\[(\d+)\]/g);
  const all = new Map([...links].map(([, type, id]) => [type, Number(id)]));
  return Object.fromEntries(here.map((type) => [type, all.get(type) ?? 0]));
};

const eachAlone: readonly Claim[] = NAMESPACE_TYPES.map((type) => ({
  title: `spawn() with namespaces ["${type}"] makes a new ${type} namespace and shares all others`,
  needs: ['namespaces', `ns:${type}`],
  unsupportedOn: type === 'time' ? noTime : {},
  run: async (t, backend) => {
    const spec = made(backend, [type]);
    const [own, inside] = [outside(), await idsInside(spec)];
    for (const each of here) {
      if (spec.namespaces?.includes(each)) t.not(inside[each], own[each], `${each} is new`);
      else t.equal(inside[each], own[each], `${each} is shared`);
    }
  },
}));

export const namespaces: readonly Claim[] = [
  {
    title: 'spawn() without namespaces shares all of them',
    run: async (t, backend) => t.strictSame(await idsInside({ backend }), outside()),
  },
  ...eachAlone,
  {
    title: 'spawn() makes all namespaces of the kernel at once',
    needs: ['user-namespaces', 'ns:time'],
    unsupportedOn: noTime,
    run: async (t, backend) => {
      const spec = { backend, namespaces: here, mapRootUser: true };
      const [own, inside] = [outside(), await idsInside(spec)];
      for (const type of here) t.not(inside[type], own[type], `${type} is new`);
    },
  },
  {
    title: 'spawn() makes a namespace once that is listed twice',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const inside = await idsInside(made(backend, ['uts', 'uts']));
      t.not(inside.uts, outside().uts);
    },
  },
  {
    title: 'spawn() gives every child namespaces of its own',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const spec = made(backend, ['uts', 'ipc']);
      await whileRunning(spec, (one) =>
        whileRunning(spec, (other) => {
          const [a, b] = [one.namespaces()._unsafeUnwrap(), other.namespaces()._unsafeUnwrap()];
          t.not(a.uts, b.uts);
          t.not(a.ipc, b.ipc);
        }),
      );
    },
  },
  {
    title: 'spawn() leaves every thread of the caller in its namespaces',
    needs: ['namespaces', 'ns:time'],
    unsupportedOn: noTime,
    run: async (t, backend) => {
      const links = (task: string): string[] =>
        readdirSync(`/proc/self/task/${task}/ns`).map((type) => readlinkSync(`/proc/self/task/${task}/ns/${type}`));
      const before = links(`${process.pid}`);
      await idsInside(
        made(
          backend,
          here.filter((type) => type !== 'user'),
        ),
      );
      for (const task of readdirSync('/proc/self/task')) t.strictSame(links(task), before, `thread ${task}`);
    },
  },
  {
    title: 'Child.namespaces() tells the ids that the command itself sees',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const child = await value(
        spawn('sh', ['-c', 'ls -l /proc/self/ns/; echo; read -r line'], made(backend, ['uts', 'net'])),
      );
      await withChild(child, async () => {
        const line = lineReader(child.stdout);
        const seen: Record<string, number> = {};
        for (let text = await line(); text !== null && text !== ''; text = await line()) {
          const [, type = '', id] = /(\w+) -> \w+:\[(\d+)\]/.exec(text) ?? [];
          if (here.some((known) => known === type)) seen[type] = Number(id);
        }
        t.strictSame(child.namespaces()._unsafeUnwrap(), seen);
      });
    },
  },
  {
    title: 'Child.namespaces() says process-gone when the command has ended',
    run: async (t, backend) => {
      const child = await value(spawn('true', [], { backend, stdio: 'ignore' }));
      await value(child.exit);
      const error = await failure(child.namespaces(), 'process-gone');
      t.equal(error.pid, child.pid);
    },
  },
  {
    title: 'spawn() without a pid namespace gives the pid that the command has',
    run: async (t, backend) => {
      const child = await value(spawn('sh', ['-c', 'echo $$; read -r line'], { backend }));
      await withChild(child, async () => t.equal(await lineReader(child.stdout)(), `${child.pid}`));
    },
  },
  {
    title: 'spawn() with a pid namespace makes the command itself pid 1',
    needs: ['namespaces'],
    run: async (t, backend) => t.equal(await sh('echo $$', made(backend, ['pid'])), '1'),
  },
  {
    title: 'Child.pid is the command as the caller sees it in /proc',
    needs: ['namespaces'],
    run: async (t, backend) => {
      await whileRunning(made(backend, ['pid']), ({ pid }) => {
        const ids = statusField('NSpid', pid).split(/\s+/);
        t.equal(statusField('Name', pid), 'cat');
        t.equal(ids.at(-1), '1', 'pid 1 inside');
        t.ok(ids.includes(`${pid}`), 'another pid outside');
      });
    },
  },
  {
    title: 'spawn() with a pid namespace ends everything inside with pid 1',
    needs: ['namespaces'],
    run: async (t, backend) => {
      // The one in the background holds stdout, which run() reads to its end.
      const spec = made(backend, ['pid'], { timeoutMs: 60_000 });
      t.equal(await sh('sleep 100000 & echo started', spec), 'started');
    },
  },
  {
    title: 'spawn() with a pid namespace lets the command start processes of its own',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const script = 'for i in 1 2 3; do sh -c "echo \\$\\$" || exit 9; done';
      const pids = (await sh(script, made(backend, ['pid']))).split('\n').map(Number);
      t.equal(new Set(pids).size, 3);
      t.ok(
        pids.every((pid) => pid > 1 && pid < 30),
        `low numbers, counted anew: ${pids}`,
      );
    },
  },
  {
    title: 'spawn() with an ipc namespace gives the command no message queue of the host',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const table = await said('cat', ['/proc/sysvipc/msg'], made(backend, ['ipc']));
      t.equal(table.split('\n').length, 1, 'only the heading');
    },
  },
  {
    title: 'spawn() with a net namespace gives the command ports of its own',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const server = createServer((socket) => socket.end());
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as { port: number };
      const knock = `require('net').connect(${port}, '127.0.0.1').on('connect', function () { console.log('let in'); this.destroy(); }).on('error', (e) => console.log(e.code))`;
      const env = { PATH: process.env['PATH'] };
      const shared = await said(process.execPath, ['-e', knock], { backend, env });
      const anew = await said(process.execPath, ['-e', knock], made(backend, ['net'], { env }));
      server.close();
      t.equal(shared, 'let in', 'the network of the caller');
      t.match(anew, /^E(NETUNREACH|CONNREFUSED)$/, 'a network of its own');
    },
  },
  {
    title: 'spawn() with a cgroup namespace shows the command its own cgroup as the root',
    needs: ['namespaces', 'ns:cgroup'],
    run: async (t, backend) => {
      const lines = (await said('cat', ['/proc/self/cgroup'], made(backend, ['cgroup']))).split('\n');
      t.ok(lines.length > 0);
      for (const line of lines) t.match(line, /:\/$/, line);
    },
  },
  {
    title: 'spawn() with a time namespace has the command in it, with clocks that agree with the host',
    needs: ['namespaces', 'ns:time'],
    unsupportedOn: noTime,
    run: async (t, backend) => {
      const spec = made(backend, ['time']);
      const { stdout } = await finished('cat', ['/proc/self/timens_offsets'], spec);
      t.strictSame(stdout.toString().trim().split(/\s+/), ['monotonic', '0', '0', 'boottime', '0', '0']);
      const links = await said('ls', ['-l', '/proc/self/ns/'], spec);
      const [, own] = / time -> (\S+)/.exec(links) ?? [];
      const [, next] = / time_for_children -> (\S+)/.exec(links) ?? [];
      t.equal(own, next, 'its children have no other clocks than itself');
    },
  },
  {
    title: 'spawn() makes namespaces inside namespaces that it made',
    needs: ['nested-user-namespaces'],
    run: async (t, backend) => {
      // A process in a user namespace starts another one in a user namespace.
      const seen = await report<{ depth: number; uid: string }>('nested', [backend]);
      t.strictSame(seen, { depth: 2, uid: '0' });
    },
  },
];
