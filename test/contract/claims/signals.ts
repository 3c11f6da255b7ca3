import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, type SignalName, spawn } from '../../../lib/index.ts';
import { made, statusField } from '../caller.ts';
import type { Claim } from '../claim.ts';
import { ending, lineReader, said, sh, whileRunning, withChild } from '../inside.ts';
import { failure, value } from '../outcome.ts';
import { ended, report, start } from '../program.ts';

/** A program that has handlers, is ready for signals once it has printed a line, and then says which came. */
const HANDLING = `
for (const name of ['SIGTERM', 'SIGUSR2', 'SIGINT']) process.on(name, () => { console.log(name); });
setInterval(() => {}, 1 << 30);
console.log('ready');
`;

const isStopped = (child: Child): boolean => statusField('State', child.pid).startsWith('T');

/** Waits for something that the kernel does in its own time. */
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await sleep(5);
};

/** Whether a process has ended; it may be reaped between two looks. */
const isOver = (pid: number): boolean => {
  try {
    return statusField('State', pid).startsWith('Z');
  } catch {
    return true;
  }
};

const NO_SIGNALS = '0'.repeat(16);

export const signals: readonly Claim[] = [
  {
    title: 'Child.kill() sends the signal to the command',
    run: async (t, backend) => {
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGKILL'] as const) {
        await whileRunning({ backend, stdio: ['pipe', 'ignore', 'ignore'] }, async (child) => {
          await value(child.kill(signal));
          t.equal(ending(await value(child.exit)), signal);
        });
      }
    },
  },
  {
    title: 'Child.kill() reaches the handlers of the command',
    run: async (t, backend) => {
      const child = await value(spawn(process.execPath, ['-e', HANDLING], { backend, env: {} }));
      await withChild(child, async () => {
        const line = lineReader(child.stdout);
        t.equal(await line(), 'ready');
        for (const signal of ['SIGTERM', 'SIGUSR2', 'SIGINT'] as const) {
          await value(child.kill(signal));
          t.equal(await line(), signal);
        }
      });
    },
  },
  {
    title: 'Child.kill() reaches the handlers of pid 1 in a pid namespace',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const spec = made(backend, ['pid', 'mnt'], { mountProc: true, env: {} });
      const child = await value(spawn(process.execPath, ['-e', HANDLING], spec));
      await withChild(child, async () => {
        const line = lineReader(child.stdout);
        t.equal(await line(), 'ready');
        await value(child.kill('SIGTERM'));
        t.equal(await line(), 'SIGTERM');
      });
    },
  },
  {
    title: 'Child.kill() of pid 1 without a handler does nothing, but for SIGKILL',
    needs: ['namespaces'],
    run: async (t, backend) => {
      await whileRunning(made(backend, ['pid']), async (child) => {
        const line = lineReader(child.stdout);
        for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) await value(child.kill(signal));
        child.stdin?.write('alive\n');
        t.equal(await line(), 'alive');
        await value(child.kill('SIGKILL'));
        t.equal(ending(await value(child.exit)), 'SIGKILL');
      });
    },
  },
  {
    title: 'Child.kill() without a signal sends killSignal, SIGKILL when that is left out',
    run: async (t, backend) => {
      for (const killSignal of [undefined, 'SIGUSR2', 'SIGTERM'] as const) {
        await whileRunning({ backend, ...(killSignal === undefined ? {} : { killSignal }) }, async (child) => {
          await value(child.kill());
          t.equal(ending(await value(child.exit)), killSignal ?? 'SIGKILL');
        });
      }
    },
  },
  {
    title: 'Child.kill() stops and continues the command, which is not its end',
    run: async (t, backend) => {
      await whileRunning({ backend }, async (child) => {
        await value(child.kill('SIGSTOP'));
        await until(() => isStopped(child));
        await value(child.kill('SIGCONT'));
        await until(() => !isStopped(child));
        child.stdin?.end('went on');
        t.equal(await lineReader(child.stdout)(), 'went on');
        t.equal(ending(await value(child.exit)), 'exited 0');
      });
    },
  },
  {
    title: 'Child.kill() stops and continues pid 1 of a pid namespace',
    needs: ['namespaces'],
    run: async (t, backend) => {
      await whileRunning(made(backend, ['pid']), async (child) => {
        await value(child.kill('SIGSTOP'));
        await until(() => isStopped(child));
        await value(child.kill('SIGCONT'));
        await until(() => !isStopped(child));
        child.stdin?.end('went on');
        t.equal(await lineReader(child.stdout)(), 'went on');
        t.equal(ending(await value(child.exit)), 'exited 0');
      });
    },
  },
  {
    title: 'Child.kill() after the end says ESRCH',
    run: async (t, backend) => {
      const child = await value(spawn('true', [], { backend, stdio: 'ignore' }));
      await value(child.exit);
      for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
        const error = await failure(child.kill(signal), 'signal-failed');
        t.strictSame([error.errno, error.pid], ['ESRCH', child.pid]);
      }
    },
  },
  {
    title: 'Child.kill() with a name that is no signal says EINVAL, and the command lives on',
    run: async (t, backend) => {
      await whileRunning({ backend }, async (child) => {
        for (const name of ['SIGNONE', 'TERM', '', 'constructor'] as unknown as SignalName[]) {
          t.equal((await failure(child.kill(name), 'signal-failed')).errno, 'EINVAL');
        }
        child.stdin?.end('alive');
        t.equal(await lineReader(child.stdout)(), 'alive');
      });
    },
  },
  {
    title: 'the command starts with default signal dispositions and an empty mask, whatever the caller ignores',
    run: async (t, backend) => {
      // The program is started by a shell that ignores three signals; Node ignores SIGPIPE.
      const ignoring = ['sh', '-c', 'trap "" HUP TERM QUIT; exec "$@"', 'sh'];
      const seen = await report<Record<string, string>>('dispositions', [backend], ignoring);
      t.not(seen['callerIgnores'], NO_SIGNALS, 'the caller ignores some');
      t.strictSame([seen['SigBlk'], seen['SigIgn'], seen['SigCgt']], [NO_SIGNALS, NO_SIGNALS, NO_SIGNALS]);
    },
  },
  {
    title: 'the command starts with default signal dispositions and an empty mask in new namespaces, too',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const spec = made(backend, ['pid', 'mnt', 'uts'], { mountProc: true });
      const lines =
        (await said('cat', ['/proc/self/status'], spec)).match(/^(Sig(Blk|Ign|Cgt|Pnd)|ShdPnd):.*$/gm) ?? [];
      t.equal(lines.length, 5);
      for (const line of lines) t.match(line, /:\t0{16}$/, line);
    },
  },
  {
    title: 'the caller keeps its signal mask and dispositions',
    run: async (t, backend) => {
      const own = (): string[] => ['SigBlk', 'SigIgn'].map((name) => statusField(name));
      const before = own();
      await whileRunning({ backend }, () => t.strictSame(own(), before, 'while a child runs'));
      t.strictSame(own(), before, 'after it');
    },
  },
  {
    title: 'the caller keeps the processors that it may run on, and so does the command',
    run: async (t, backend) => {
      const before = statusField('Cpus_allowed_list');
      t.equal(await sh('grep Cpus_allowed_list /proc/self/status', { backend }), `Cpus_allowed_list:\t${before}`);
      t.equal(statusField('Cpus_allowed_list'), before);
    },
  },
  {
    title: 'detached makes the command the leader of a session of its own',
    run: async (t, backend) => {
      const session = ({ pid }: Child): string => statusField('NSsid', pid).split(/\s+/)[0] ?? '';
      await whileRunning({ backend, detached: true }, (child) => t.equal(session(child), `${child.pid}`));
      await whileRunning({ backend }, (child) => t.equal(session(child), statusField('NSsid').split(/\s+/)[0]));
    },
  },
  {
    title: 'detached works with a pid namespace',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const child = await value(spawn('cat', [], { ...made(backend, ['pid']), detached: true }));
      await withChild(child, () => t.equal(statusField('NSsid', child.pid).split(/\s+/).at(-1), '1'));
    },
  },
  ...(['none', 'pid', 'user', 'all'] as const).map(
    (kind): Claim => ({
      title: `parentDeathSignal ends the command when the caller is killed (namespaces: ${kind})`,
      needs: kind === 'none' ? [] : ['user-namespaces'],
      run: async (t, backend) => {
        // The command has the program's stdout: it ends only when both are gone.
        const program = start('parent-death', [backend, kind]);
        const line = lineReader(program.stdout);
        const pid = Number(await line());
        t.ok(pid > 0 && existsSync(`/proc/${pid}`), `the command runs as ${pid}`);
        t.teardown(() => existsSync(`/proc/${pid}`) && process.kill(pid, 'SIGKILL'));
        program.kill('SIGKILL');
        t.equal(await line(), null, 'the end of its stdout');
      },
    }),
  ),
  {
    title: 'parentDeathSignal is not sent when the caller goes on',
    run: async (t, backend) => {
      await whileRunning({ backend, parentDeathSignal: 'SIGKILL' }, async (child) => {
        // The thread that spawned it must be one that stays: other work, and time for the pool to shrink.
        await Promise.all(Array.from({ length: 8 }, () => sleep(20)));
        child.stdin?.end('alive');
        t.equal(await lineReader(child.stdout)(), 'alive');
        t.equal(ending(await value(child.exit)), 'exited 0');
      });
    },
  },
  {
    title: 'a caller that has ended leaves a command without parentDeathSignal running',
    run: async (t, backend) => {
      const { code, stdout } = await ended(start('unref', [backend]));
      const pid = Number(stdout);
      t.equal(code, 0, 'Child.unref() lets the program end');
      t.match(statusField('State', pid), /^[^ZX]/, 'the command is still there');
      process.kill(pid, 'SIGKILL');
      await until(() => isOver(pid));
    },
  },
];
