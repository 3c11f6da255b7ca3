import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, type SpawnSpec, spawn } from '../../../lib/index.ts';
import { made } from '../caller.ts';
import type { Claim } from '../claim.ts';
import { ending, everything, withChild } from '../inside.ts';
import { failure, value } from '../outcome.ts';
import { PROGRAMS, PROGRAMS_ENV } from '../sandbox.ts';

const PTY = { shell: 'no tool hands a terminal over' } as const;

const start = (script: string, spec: SpawnSpec): Promise<Child> => value(spawn('sh', ['-c', script], spec));

/** Everything that a script shows on its terminal, without the carriage returns. */
const shows = async (script: string, spec: SpawnSpec, typed = ''): Promise<string> =>
  withChild(await start(script, { stdio: 'pty', ...spec }), async (child) => {
    child.stdin?.write(typed);
    const text = String(await everything(child.stdout)).replaceAll('\r', '');
    await value(child.exit);
    return text;
  });

/** Reads until the terminal has shown a text. */
const until = async (child: Child, wanted: string): Promise<string> => {
  let text = '';
  for await (const bytes of child.stdout?.iterator({ destroyOnReturn: false }) ?? []) {
    text += String(bytes);
    if (text.includes(wanted)) return text;
  }
  throw new Error(`The terminal showed ${JSON.stringify(text)}, and not ${JSON.stringify(wanted)}`);
};

export const ptys: readonly Claim[] = [
  {
    title: 'stdio pty: all three streams are one terminal of the size that was asked for',
    unsupportedOn: PTY,
    run: async (t, backend) => {
      const script = 'test -t 0 && test -t 1 && test -t 2 && stty size';
      t.equal(await shows(script, { backend }), '24 80\n');
      t.equal(await shows(script, { backend, ptySize: { columns: 132, rows: 50 } }), '50 132\n');
      t.equal(await shows(script, { backend, ptySize: { columns: 1 } }), '24 1\n');
    },
  },
  {
    title: 'stdio pty: the command leads a session, which the terminal controls',
    unsupportedOn: PTY,
    run: async (t, backend) => {
      // pid (comm) state ppid pgrp session tty_nr tpgid
      const stat = await shows('cat /proc/$$/stat; : </dev/tty && echo controls', { backend });
      const [pid, , , , group, session, terminal, foreground] = stat.replace(/\(.*\)/, 'sh').split(' ');
      t.strictSame([group, session, foreground], [pid, pid, pid]);
      t.not(terminal, '0');
      t.match(stat, /\ncontrols\n$/);
    },
  },
  {
    title: 'stdio pty: what is typed is echoed and read, and ^C, ^Z and ^\\ are signals',
    unsupportedOn: PTY,
    run: async (t, backend) => {
      t.equal(await shows('read -r line; echo "got $line"', { backend }, 'hello\n'), 'hello\ngot hello\n');
      for (const [key, name, signal] of [
        ['\x03', 'INT', 'SIGINT'],
        ['\x1c', 'QUIT', 'SIGQUIT'],
      ] as const) {
        await withChild(await start('echo ready; exec sleep 100', { backend, stdio: 'pty' }), async (child) => {
          await until(child, 'ready');
          child.stdin?.write(key);
          t.equal(ending(await value(child.exit)), signal, name);
        });
      }
      const stops = "trap 'echo stopped; exit 3' TSTP; echo ready; while :; do sleep 0.01; done";
      await withChild(await start(stops, { backend, stdio: 'pty' }), async (child) => {
        await until(child, 'ready');
        child.stdin?.write('\x1a');
        t.equal(ending(await value(child.exit)), 'exited 3');
      });
    },
  },
  {
    title: 'Child.resize() changes the size, and the foreground gets SIGWINCH',
    unsupportedOn: PTY,
    run: async (t, backend) => {
      const script = "trap 'stty size' WINCH; echo ready; while :; do sleep 0.01; done";
      await withChild(await start(script, { backend, stdio: 'pty' }), async (child) => {
        await until(child, 'ready\r\n');
        await value(child.resize({ columns: 65_535, rows: 1 }));
        t.match(await until(child, '\n'), /1 65535/);
        for (const size of [
          { columns: 0, rows: 1 },
          { columns: 1, rows: 65_536 },
          { columns: 1.5, rows: 1 },
        ]) {
          t.equal((await failure(child.resize(size), 'resize-failed')).errno, 'EINVAL');
        }
      });
    },
  },
  {
    title: 'Child.resize() fails with ENOTTY without a terminal',
    run: async (t, backend) => {
      await withChild(await start('read -r line', { backend }), async (child) => {
        t.equal((await failure(child.resize({ columns: 80, rows: 24 }), 'resize-failed')).errno, 'ENOTTY');
      });
    },
  },
  {
    title: 'stdio pty: a megabyte comes through, and the end is the end',
    unsupportedOn: PTY,
    run: async (t, backend) => {
      const text = await shows('stty raw; head -c 1000000 /dev/zero | tr "\\0" x', { backend });
      t.equal(text.length, 1_000_000);
      t.match(text, /^x*$/);
    },
  },
  {
    title: 'stdio pty: typing what nobody reads keeps nothing waiting',
    unsupportedOn: PTY,
    run: async (t, backend) => {
      await withChild(
        await start('stty raw -echo; echo ready; sleep 100', { backend, stdio: 'pty' }),
        async (child) => {
          await until(child, 'ready');
          child.stdin?.write(Buffer.alloc(100_000, 'x'));
          const before = performance.now();
          await sleep(20);
          t.ok(performance.now() - before < 10_000, 'the event loop goes on');
        },
      );
    },
  },
  {
    title: 'stdio pty for some: the others are what they are',
    unsupportedOn: PTY,
    run: async (t, backend) => {
      const script = 'test -t 0 || echo in; test -t 1 && echo out; test -t 2 || echo err >&2; exit 0';
      const child = await start(script, { backend, stdio: ['ignore', 'pty', 'pipe'] });
      await withChild(child, async () => {
        t.equal(child.stdin, null);
        const [out, err] = await Promise.all([everything(child.stdout), everything(child.stderr)]);
        t.strictSame([String(out), String(err)], ['in\r\nout\r\n', 'err\n']);
      });
    },
  },
  {
    title: 'stdio pty is of the devpts that the child sees, when it has one of its own',
    needs: ['namespaces'],
    unsupportedOn: PTY,
    run: async (t, backend) => {
      const spec = made(backend, ['mnt', 'pid'], {
        root: { type: 'tmpfs' },
        mounts: [...PROGRAMS, { type: 'dev', target: '/dev' }],
        mountProc: true,
        env: PROGRAMS_ENV,
      });
      t.equal(
        await shows('tty; ls -1 /dev/pts; : </dev/tty && echo controls', spec),
        '/dev/pts/0\n0\nptmx\ncontrols\n',
      );
      // Without one, it is one of the caller's, which has no name inside.
      const bare = { ...spec, mounts: PROGRAMS, mountProc: false };
      t.equal(await shows('test -t 0 && stty size', bare), '24 80\n');
    },
  },
  {
    title: 'stdio pty with init: the command has the terminal, and its keys reach it once',
    needs: ['namespaces'],
    unsupportedOn: { ...PTY, 'ffi:straight': 'init takes a process of its own' },
    run: async (t, backend) => {
      const spec = made(backend, ['pid', 'mnt'], { init: true, mountProc: true });
      const script = "trap 'echo int' INT; echo ready; n=0; while [ $n -lt 50 ]; do sleep 0.01; n=$((n+1)); done";
      await withChild(await start(script, { ...spec, stdio: 'pty' }), async (child) => {
        await until(child, 'ready');
        child.stdin?.write('\x03');
        const text = String(await everything(child.stdout));
        t.equal(text.split('int').length - 1, 1, JSON.stringify(text));
      });
    },
  },
  {
    title: 'stdio pty: after a set-up that failed there is no terminal left',
    unsupportedOn: PTY,
    run: async (t, backend) => {
      const error = await failure(spawn('/missing', [], { backend, stdio: 'pty' }), 'exec-failed');
      t.equal(error.reason, 'not-found');
      const cwd = await failure(spawn('true', [], { backend, stdio: 'pty', cwd: '/missing' }), 'setup-failed');
      t.equal(cwd.step, 'cwd');
    },
  },
  {
    title: 'stdio pty: a handle that is thrown away hangs the terminal up',
    unsupportedOn: PTY,
    run: async (t, backend) => {
      const child = await start('sleep 100', { backend, stdio: 'pty' });
      await child[Symbol.asyncDispose]();
      t.ok(child.stdout?.destroyed);
      t.equal((await failure(child.resize({ columns: 80, rows: 24 }), 'resize-failed')).errno, 'EIO');
    },
  },
];
