import { setTimeout as sleep } from 'node:timers/promises';
import { type RunSpec, run, type SignalName, spawn } from '../../../lib/index.ts';
import { made, statusField } from '../caller.ts';
import type { BackendName, Claim } from '../claim.ts';
import { ending, everything, finished, lineReader, sh, whileRunning, withChild } from '../inside.ts';
import { failure, value } from '../outcome.ts';

const INIT = { shell: 'no tool stays behind as pid 1', 'ffi:straight': 'it takes a process of its own' } as const;

const withInit = (backend: BackendName, more: RunSpec = {}): RunSpec =>
  made(backend, ['pid', 'mnt'], { init: true, mountProc: true, ...more });

export const inits: readonly Claim[] = [
  {
    title: 'init: pid 1 is another process, and the command its child, with all its streams',
    needs: ['namespaces'],
    unsupportedOn: INIT,
    run: async (t, backend) => {
      t.equal(await sh('echo $$ $PPID; cat', withInit(backend, { stdin: 'text' })), '2 1\ntext');
    },
  },
  {
    title: 'init: how the command ended is told as it was, be it a code or a signal',
    needs: ['namespaces'],
    unsupportedOn: INIT,
    run: async (t, backend) => {
      for (const code of [0, 1, 77, 255]) {
        const { status } = await finished('sh', ['-c', `exit ${code}`], withInit(backend));
        t.equal(ending(status), `exited ${code}`);
        t.ok(status.usage !== null);
      }
      for (const signal of ['SIGTERM', 'SIGSEGV', 'SIGKILL', 'SIGUSR1'] as const) {
        const { status } = await finished('sh', ['-c', `kill -${signal.slice(3)} $$`], withInit(backend));
        t.equal(ending(status), signal);
      }
    },
  },
  {
    title: 'init takes the status of orphans: none becomes a zombie',
    needs: ['namespaces'],
    unsupportedOn: INIT,
    run: async (t, backend) => {
      const orphans = 'for i in 1 2 3 4 5 6 7 8 9 10; do (sleep 0.02 & sleep 0.01 &) ; done; wait; sleep 0.1';
      const zombies = "cat /proc/[0-9]*/stat | sed 's/^[0-9]* (.*) //' | grep -c ^Z";
      t.equal(await sh(`${orphans}; ${zombies}; true`, withInit(backend)), '0');
    },
  },
  {
    title: 'init passes on every signal that can be caught, from outside and from inside',
    needs: ['namespaces'],
    unsupportedOn: INIT,
    run: async (t, backend) => {
      const names = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGQUIT', 'SIGWINCH', 'SIGCONT'] as const;
      const traps = names.map((name) => `trap 'echo ${name}' ${name.slice(3)}`).join('\n');
      const loop = 'echo ready; while :; do read -r line && { [ "$line" = end ] && exit 0; kill -"$line" 1; }; done';
      const child = await value(spawn('sh', ['-c', `${traps}\n${loop}`], withInit(backend)));
      await withChild(child, async () => {
        const line = lineReader(child.stdout);
        t.equal(await line(), 'ready');
        for (const name of names) {
          await value(child.kill(name));
          // A shell tells of a signal when its read is over.
          if (name !== 'SIGCONT') await sleep(20);
          child.stdin?.write('0\n');
          t.equal(await line(), name);
        }
        child.stdin?.write('USR1\n0\n');
        t.equal(await line(), 'SIGUSR1');
        child.stdin?.write('end\n');
        t.equal(ending(await value(child.exit)), 'exited 0');
      });
    },
  },
  {
    title: 'init: a signal ends a command that leaves it to its default, which pid 1 itself would not notice',
    needs: ['namespaces'],
    unsupportedOn: INIT,
    run: async (t, backend) => {
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGKILL'] as const satisfies readonly SignalName[]) {
        await whileRunning(withInit(backend), async (child) => {
          await value(child.kill(signal));
          t.equal(ending(await value(child.exit)), signal);
        });
      }
    },
  },
  {
    title: 'init ends with the command, and ends what the command has left',
    needs: ['namespaces'],
    unsupportedOn: INIT,
    run: async (t, backend) => {
      const before = performance.now();
      const result = await value(run('sh', ['-c', 'sleep 30 & echo done'], withInit(backend)));
      t.equal(String(result.stdout), 'done\n');
      t.ok(performance.now() - before < 20_000, 'the pipe that sleep held is closed');
    },
  },
  {
    title: 'init holds no stream of the command',
    needs: ['namespaces'],
    unsupportedOn: INIT,
    run: async (t, backend) => {
      const script = 'exec >&2; read -r line';
      const child = await value(spawn('sh', ['-c', script], withInit(backend, {})));
      await withChild(child, async () => {
        t.equal(String(await everything(child.stdout)), '', 'stdout ended while the command runs');
        child.stdin?.end('\n');
        t.equal((await value(child.exit)).type, 'exited');
      });
    },
  },
  {
    title: 'init is small: less than 200 KiB of its own',
    needs: ['namespaces'],
    unsupportedOn: INIT,
    run: async (t, backend) => {
      await whileRunning(withInit(backend), (child) => {
        const kib = Number(statusField('VmRSS', child.pid).split(' ')[0]);
        t.ok(kib > 0 && kib < 200, `${kib} KiB`);
        t.equal(statusField('Threads', child.pid), '1');
      });
    },
  },
  {
    title: 'init: what cannot be executed fails as it does without, and nothing is left',
    needs: ['namespaces'],
    unsupportedOn: INIT,
    run: async (t, backend) => {
      const error = await failure(spawn('/missing', [], withInit(backend)), 'exec-failed');
      t.equal(error.reason, 'not-found');
      const cwd = await failure(spawn('true', [], withInit(backend, { cwd: '/missing' })), 'setup-failed');
      t.strictSame([cwd.step, cwd.errno], ['cwd', 'ENOENT']);
    },
  },
  {
    title: 'init in a new time namespace as well: one more clone, the same end',
    needs: ['namespaces', 'ns:time'],
    unsupportedOn: INIT,
    run: async (t, backend) => {
      const spec = made(backend, ['pid', 'mnt', 'time'], { init: true, mountProc: true });
      t.equal(await sh('echo $$', spec), '2');
      t.equal(ending((await finished('sh', ['-c', 'kill -TERM $$'], spec)).status), 'SIGTERM');
    },
  },
];
