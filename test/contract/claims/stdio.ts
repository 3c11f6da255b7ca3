import { closeSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type SpawnSpec, type Stdio, spawn } from '../../../lib/index.ts';
import { made } from '../caller.ts';
import type { BackendName, Claim } from '../claim.ts';
import { ending, everything, finished, said, sh, whileRunning, withChild } from '../inside.ts';
import { failure, value } from '../outcome.ts';
import { ended, report, start } from '../program.ts';
import { scratch } from '../scratch.ts';

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

/** Spawns a script, waits for its end, and gives what came on its stdout. */
const scripted = async (text: string, spec: SpawnSpec, ...args: readonly string[]): Promise<string> =>
  withChild(await value(spawn('sh', ['-c', text, 'sh', ...args], spec)), async (child) => {
    const out = await everything(child.stdout);
    await value(child.exit);
    return out.toString();
  });

/** Opens files with these names, hands their fds over, and closes them. */
const withFiles = async <T>(paths: readonly string[], use: (fds: number[]) => Promise<T>): Promise<T> => {
  const fds = paths.map((path) => openSync(path, 'a+'));
  try {
    return await use(fds);
  } finally {
    for (const fd of fds) closeSync(fd);
  }
};

/** A stdio list with some entries above 2; the gaps are `ignore`. */
const listed = (entries: ReadonlyMap<number, Stdio>): Stdio[] =>
  Array.from(
    { length: Math.max(2, ...entries.keys()) + 1 },
    (_, fd) => entries.get(fd) ?? (fd === 1 ? 'pipe' : 'ignore'),
  );

const links = 'for fd in "$@"; do readlink "/proc/self/fd/$fd"; done';

const spawned = async (backend: BackendName, stdio: Stdio[], ...fds: number[]): Promise<string[]> =>
  (await scripted(links, { backend, stdio }, ...fds.map(String))).trim().split('\n');

export const stdio: readonly Claim[] = [
  {
    title: 'stdio left out makes three pipes',
    run: async (t, backend) => {
      await withChild(await value(spawn('sh', ['-c', 'cat; echo wrong >&2'], { backend })), async (child) => {
        child.stdin?.end('right\n');
        const [out, err] = await Promise.all([everything(child.stdout), everything(child.stderr)]);
        t.strictSame([out.toString(), err.toString()], ['right\n', 'wrong\n']);
        t.strictSame([child.stdio[0], child.stdio[1], child.stdio[2]], [child.stdin, child.stdout, child.stderr]);
        t.equal(child.stdio.length, 3);
      });
    },
  },
  {
    title: 'stdio "inherit" gives the command the streams of the caller',
    run: async (t, backend) => {
      const program = start('inherit', [backend]);
      program.stdin?.end('from the caller');
      t.strictSame(await ended(program), { code: 0, signal: null, stdout: 'from the caller' });
    },
  },
  {
    title: 'stdio "ignore" is /dev/null for all three',
    run: async (t, backend) => {
      const path = join(scratch(t), 'links');
      const text =
        'links=$(for fd in 0 1 2; do readlink "/proc/$$/fd/$fd"; done); echo "$links" > "$1"; echo lost; cat';
      await withChild(
        await value(spawn('sh', ['-c', text, 'sh', path], { backend, stdio: 'ignore' })),
        async (child) => {
          t.strictSame(child.stdio, [null, null, null]);
          t.equal(ending(await value(child.exit)), 'exited 0', 'cat has read nothing, echo could write');
        },
      );
      t.equal(readFileSync(path, 'utf8'), '/dev/null\n/dev/null\n/dev/null\n');
    },
  },
  {
    title: 'stdio takes a word for each stream',
    run: async (t, backend) => {
      const spec: SpawnSpec = { backend, stdio: ['ignore', 'pipe', 'ignore'] };
      await withChild(await value(spawn('sh', ['-c', 'cat; echo out; echo err >&2'], spec)), async (child) => {
        t.equal(child.stdin, null);
        t.equal(child.stderr, null);
        t.equal((await everything(child.stdout)).toString(), 'out\n');
      });
    },
  },
  {
    title: 'stdio pipes can be opened anew by name',
    run: async (t, backend) =>
      t.equal(await sh('cat < /dev/stdin > /dev/stdout', { backend, stdin: 'named' }), 'named'),
  },
  {
    title: 'stdin is written to the command and closed, a string as UTF-8',
    run: async (t, backend) => t.equal(await said('cat', [], { backend, stdin: 'дом 家 🏠' }), 'дом 家 🏠'),
  },
  {
    title: 'stdin carries every byte',
    run: async (t, backend) =>
      t.strictSame((await finished('cat', [], { backend, stdin: everyByte })).stdout, everyByte),
  },
  {
    title: 'stdin may be larger than a pipe',
    run: async (t, backend) => {
      const stdin = Buffer.alloc(5 * 1024 * 1024, everyByte);
      const { stdout } = await finished('cat', [], { backend, stdin });
      t.ok(stdout.equals(stdin), `${stdout.length} bytes came back`);
    },
  },
  {
    title: 'stdin may be empty',
    run: async (t, backend) => t.equal(await said('cat', [], { backend, stdin: '' }), ''),
  },
  {
    title: 'stdin that the command does not read is no error',
    run: async (t, backend) => {
      const { status } = await finished('true', [], { backend, stdin: Buffer.alloc(5 * 1024 * 1024) });
      t.equal(ending(status), 'exited 0');
    },
  },
  {
    title: 'run() without stdin gives the command an empty one',
    run: async (t, backend) => t.equal(await said('cat', [], { backend }), ''),
  },
  {
    title: 'Child.stdin ends the input of the command when it is ended',
    run: async (t, backend) => {
      await whileRunning({ backend }, async (child) => {
        child.stdin?.write('one ');
        child.stdin?.end('two');
        t.equal((await everything(child.stdout)).toString(), 'one two');
        t.equal(ending(await value(child.exit)), 'exited 0');
      });
    },
  },
  {
    title: 'Child.stdin of one child is held open by no other child',
    run: async (t, backend) => {
      await whileRunning({ backend }, (first) =>
        whileRunning({ backend }, async () => {
          first.stdin?.end();
          t.equal(ending(await value(first.exit)), 'exited 0', 'it has seen the end of its input');
        }),
      );
    },
  },
  {
    title: 'run() keeps stdout and stderr apart and drops no byte of either',
    run: async (t, backend) => {
      const size = 8 * 1024 * 1024;
      const text = `head -c ${size} /dev/zero & head -c ${size + 1} /dev/zero >&2; wait`;
      const { stdout, stderr } = await finished('sh', ['-c', text], { backend });
      t.strictSame([stdout.length, stderr.length], [size, size + 1]);
    },
  },
  {
    title: 'stdio with an fd number makes the command write there',
    run: async (t, backend) => {
      const path = join(scratch(t), 'file');
      await withFiles([path], async ([fd = -1]) => {
        await scripted('echo out; echo err >&2', { backend, stdio: ['ignore', fd, fd] });
      });
      t.equal(readFileSync(path, 'utf8'), 'out\nerr\n');
    },
  },
  {
    title: 'stdio leaves an fd that it was given open in the caller',
    run: async (t, backend) => {
      const path = join(scratch(t), 'file');
      await withFiles([path], async ([fd = -1]) => {
        for (const word of ['one', 'two'])
          await scripted('echo "$1"', { backend, stdio: ['ignore', fd, 'ignore'] }, word);
        t.equal(readlinkSync(`/proc/self/fd/${fd}`), path);
      });
      t.equal(readFileSync(path, 'utf8'), 'one\ntwo\n');
    },
  },
  {
    title: 'stdio with a stream that has an fd stands for that fd',
    run: async (t, backend) => {
      const path = join(scratch(t), 'file');
      const file = await open(path, 'a');
      await scripted('echo out', { backend, stdio: ['ignore', file, process.stderr] });
      await file.close();
      t.equal(readFileSync(path, 'utf8'), 'out\n');
    },
  },
  {
    title: 'stdio entries above 2 are further fds of the command',
    run: async (t, backend) => {
      const paths = ['three', 'four'].map((name) => join(scratch(t), name));
      await withFiles(paths, async ([three = -1, four = -1]) => {
        const stdio: Stdio[] = ['ignore', 'pipe', 'ignore', three, four];
        t.strictSame(await spawned(backend, stdio, 3, 4), paths);
        t.strictSame(await spawned(backend, ['ignore', 'pipe', 'ignore', four, three], 3, 4), [...paths].reverse());
      });
    },
  },
  {
    title: 'stdio entries "pipe" above 2 are read from Child.stdio',
    run: async (t, backend) => {
      const text = 'for fd in 3 5 7; do eval "echo fd $fd >&$fd"; done';
      const stdio: Stdio[] = ['ignore', 'ignore', 'ignore', 'pipe', 'ignore', 'pipe', 'ignore', 'pipe'];
      await withChild(await value(spawn('sh', ['-c', text], { backend, stdio })), async (child) => {
        const pipes = [3, 5, 7].map((fd) => everything(child.stdio[fd] as Readable));
        t.strictSame((await Promise.all(pipes)).map(String), ['fd 3\n', 'fd 5\n', 'fd 7\n']);
        t.strictSame([child.stdio[4], child.stdio[6]], [null, null]);
      });
    },
  },
  {
    title: 'stdio takes fds that are each other’s targets',
    run: async (t, backend) => {
      const dir = scratch(t);
      const paths = ['a', 'b', 'c'].map((name) => join(dir, name));
      await withFiles(paths, async ([a = -1, b = -1, c = -1]) => {
        // Each goes to the number that the next one has: whoever copies in that order overwrites what comes later.
        const turned = listed(
          new Map([
            [a, b],
            [b, c],
            [c, a],
          ]),
        );
        t.strictSame(await spawned(backend, turned, a, b, c), [paths[1], paths[2], paths[0]]);
        const swapped = listed(
          new Map([
            [a, b],
            [b, a],
            [c, c],
          ]),
        );
        t.strictSame(await spawned(backend, swapped, a, b, c), [paths[1], paths[0], paths[2]]);
        const once = listed(
          new Map([
            [c, a],
            [a, a],
            [b, a],
          ]),
        );
        t.strictSame(await spawned(backend, once, a, b, c), [paths[0], paths[0], paths[0]]);
      });
    },
  },
  {
    title: 'stdio [1, 0, 2] swaps the first two streams of the caller',
    run: async (t, backend) => {
      const seen = await report<{ own: string[]; child: string[] }>('swapped', [backend]);
      t.strictSame(seen.child, [seen.own[1], seen.own[0], seen.own[2]]);
      t.not(seen.own[0], seen.own[1]);
    },
  },
  {
    title: 'stdio with an fd that is not open fails at the step stdio with EBADF',
    run: async (t, backend) => {
      const error = await failure(spawn('true', [], { backend, stdio: ['ignore', 999_999, 'ignore'] }), 'setup-failed');
      t.strictSame([error.step, error.errno], ['stdio', 'EBADF']);
    },
  },
  {
    title: 'spawn() leaves the command no fd but those of stdio',
    run: async (t, backend) => {
      // Through a child_process that leaves forty fds above a gap without close-on-exec in the program.
      const seen = await report<{ open: number; fds: string[] }>('forty-fds', [backend]);
      t.ok(seen.open >= 40, `${seen.open} fds of the caller are inheritable`);
      t.strictSame(seen.fds, ['0', '1', '2', '3']);
    },
  },
  {
    title: 'spawn() with namespaces leaves the command no fd but those of stdio',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const text = 'for fd in /proc/self/fd/*; do echo "$(basename "$fd") $(readlink "$fd")"; done';
      const namespaces = ['pid', 'mnt', 'uts', 'ipc', 'net'] as const;
      const spec = made(backend, namespaces, { mountProc: true, hostname: 'h' });
      const open = (await sh(text, spec)).split('\n').filter((line) => line.split(' ')[1] !== '');
      t.strictSame(
        open.map((line) => line.split(' ')[0]),
        ['0', '1', '2'],
      );
    },
  },
  {
    title: 'stdio works with namespaces as it does without',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const path = join(scratch(t), 'file');
      const stdin = Buffer.alloc(300_000, everyByte);
      const namespaces = ['pid', 'mnt', 'uts', 'ipc', 'net'] as const;
      const spec = made(backend, namespaces, { mountProc: true });
      t.ok((await finished('cat', [], { ...spec, stdin })).stdout.equals(stdin));
      await withFiles([path], async ([fd = -1]) => {
        await scripted('echo three >&3', { ...spec, stdio: ['ignore', 'ignore', 'ignore', fd] });
      });
      t.equal(readFileSync(path, 'utf8'), 'three\n');
    },
  },
];
