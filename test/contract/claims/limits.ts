import { run, spawn } from '../../../lib/index.ts';
import { made } from '../caller.ts';
import type { Claim } from '../claim.ts';
import { ending, finished, withChild } from '../inside.ts';
import { failure, value } from '../outcome.ts';

const bytes = (count: number, stream = ''): string => `head -c ${count} /dev/zero ${stream}`;

export const limits: readonly Claim[] = [
  {
    title: 'maxOutputBytes lets a command write just so many bytes to each stream',
    run: async (t, backend) => {
      const text = `${bytes(70_000)}; ${bytes(70_000, '>&2')}`;
      const { status, stdout, stderr } = await finished('sh', ['-c', text], { backend, maxOutputBytes: 70_000 });
      t.strictSame([ending(status), stdout.length, stderr.length], ['exited 0', 70_000, 70_000]);
    },
  },
  {
    title: 'maxOutputBytes of one byte less is output-limit',
    run: async (t, backend) => {
      const error = await failure(
        run('sh', ['-c', bytes(70_000)], { backend, maxOutputBytes: 69_999 }),
        'output-limit',
      );
      t.strictSame([error.stream, error.maxOutputBytes], ['stdout', 69_999]);
    },
  },
  {
    title: 'maxOutputBytes kills a command that writes to stdout without an end',
    run: async (t, backend) => {
      const error = await failure(run('cat', ['/dev/zero'], { backend, maxOutputBytes: 100_000 }), 'output-limit');
      t.strictSame([error.stream, ending(error.status)], ['stdout', 'SIGKILL']);
    },
  },
  {
    title: 'maxOutputBytes kills a command that writes to stderr without an end',
    run: async (t, backend) => {
      const error = await failure(
        run('sh', ['-c', 'exec cat /dev/zero >&2'], { backend, maxOutputBytes: 100_000 }),
        'output-limit',
      );
      t.strictSame([error.stream, ending(error.status)], ['stderr', 'SIGKILL']);
    },
  },
  {
    title: 'maxOutputBytes kills a command that is pid 1 of its namespace',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const spec = made(backend, ['pid', 'mnt'], { maxOutputBytes: 100_000, mountProc: true });
      const error = await failure(run('cat', ['/dev/zero'], spec), 'output-limit');
      t.equal(ending(error.status), 'SIGKILL');
    },
  },
  {
    title: 'maxOutputBytes 0 takes a command that writes nothing, and no other',
    run: async (t, backend) => {
      t.equal(ending((await finished('true', [], { backend, maxOutputBytes: 0 })).status), 'exited 0');
      const error = await failure(run('sh', ['-c', 'echo; cat'], { backend, maxOutputBytes: 0 }), 'output-limit');
      t.equal(error.maxOutputBytes, 0);
    },
  },
  {
    title: 'Child.stdout that is destroyed lets the command end by SIGPIPE',
    run: async (t, backend) => {
      await withChild(await value(spawn('cat', ['/dev/zero'], { backend })), async (child) => {
        child.stdout?.destroy();
        t.equal(ending(await value(child.exit)), 'SIGPIPE');
      });
    },
  },
];
