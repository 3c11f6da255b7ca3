import { spawn } from '../../../lib/index.ts';
import { made } from '../caller.ts';
import type { BackendName, Claim } from '../claim.ts';
import { ending, finished, said } from '../inside.ts';
import { failure } from '../outcome.ts';

/** The arguments as the kernel keeps them, of a command that leaves them alone. */
const cmdline = async (args: readonly string[], spec: { backend: BackendName }): Promise<string[]> => {
  const { status, stdout, stderr } = await finished('sh', ['-c', 'cat "/proc/$$/cmdline"; :', ...args], spec);
  if (ending(status) !== 'exited 0') throw new Error(`sh ended with ${ending(status)}: ${stderr}`);
  return stdout.toString().split('\0').slice(3, -1);
};

const KIB = 1024;

export const argumentLists: readonly Claim[] = [
  {
    title: 'args reach the command as they are, whatever is in them',
    run: async (t, backend) => {
      const args = [
        '',
        ' ',
        `it's`,
        '"',
        '$HOME',
        '`id`',
        '\\',
        '*',
        '~',
        'a\nb',
        '\t\x01\x7f',
        'дом 家 🏠',
        '{}',
        ';',
        '&&',
      ];
      t.strictSame(await cmdline(args, { backend }), args);
    },
  },
  {
    title: 'args that look like options of unshare(1) or sh(1) are those of the command',
    run: async (t, backend) => {
      const args = ['--', '-m', '--mount', '--help', '-c', '--version', '-', '+x', '-e', 'A=b'];
      t.strictSame(await cmdline(args, { backend }), args);
    },
  },
  {
    title: 'args may be none, and argv[0] is the command as it was given',
    run: async (t, backend) => {
      const { stdout } = await finished('cat', [], { backend, stdin: '' });
      t.equal(stdout.length, 0);
      t.strictSame(
        (await finished('sh', ['-c', 'cat "/proc/$$/cmdline"; :'], { backend })).stdout.toString().split('\0')[0],
        'sh',
      );
    },
  },
  {
    title: 'argv0 is what the command finds as its own name',
    run: async (t, backend) => {
      const spec = { backend, env: {} };
      for (const argv0 of ['zaphod', '-login', 'a b', '']) {
        const text = await said(process.execPath, ['-p', 'JSON.stringify(process.argv0)'], { ...spec, argv0 });
        t.equal(text, JSON.stringify(argv0));
      }
    },
  },
  {
    title: 'argv0 goes together with namespaces',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const spec = made(backend, ['pid', 'mnt', 'uts'], { argv0: 'zaphod', env: {}, mountProc: true });
      t.equal(await said(process.execPath, ['-p', 'process.argv0'], spec), 'zaphod');
    },
  },
  {
    title: 'args take from 1 byte to 120 KiB each, and 1.5 MB together',
    needs: ['big-arguments'],
    run: async (t, backend) => {
      const sizes = [1, 2, 100, 4 * KIB, 64 * KIB, ...Array.from({ length: 12 }, () => 120 * KIB)];
      const args = sizes.map((size, at) => String.fromCharCode(97 + (at % 26)).repeat(size));
      t.ok(args.join('').length >= 1_500_000);
      const got = await cmdline(args, { backend });
      t.ok(
        got.length === args.length && got.every((arg, at) => arg === args[at]),
        `${got.length} arguments of ${got.map((arg) => arg.length)} bytes`,
      );
    },
  },
  {
    title: 'args take 20,000 small ones',
    needs: ['big-arguments'],
    run: async (t, backend) => {
      const args = Array.from({ length: 20_000 }, (_, n) => `${n}`);
      t.equal((await cmdline(args, { backend })).join(' '), args.join(' '));
    },
  },
  {
    title: 'args take a size at the edge of every page',
    run: async (t, backend) => {
      for (const size of [4094, 4095, 4096, 4097, 8191, 8192, 8193, 65_535, 65_536, 65_537]) {
        const arg = 'x'.repeat(size);
        t.ok((await cmdline([arg, 'end'], { backend })).join() === `${arg},end`, `${size} bytes`);
      }
    },
  },
  {
    title: 'an argument beyond what the kernel takes is exec-failed with E2BIG',
    run: async (t, backend) => {
      const error = await failure(spawn('true', ['x'.repeat(200 * KIB)], { backend }), 'exec-failed');
      t.strictSame([error.errno, error.reason, error.command], ['E2BIG', 'too-long', 'true']);
    },
  },
  {
    title: 'arguments beyond what the kernel takes together are exec-failed with E2BIG',
    run: async (t, backend) => {
      // 6 MiB is the most whatever the limit of the stack is.
      const args = Array.from({ length: 80 }, () => 'x'.repeat(100 * KIB));
      const error = await failure(spawn('true', args, { backend }), 'exec-failed');
      t.strictSame([error.errno, error.reason], ['E2BIG', 'too-long']);
    },
  },
  {
    title: 'an environment beyond what the kernel takes is exec-failed with E2BIG',
    run: async (t, backend) => {
      const error = await failure(spawn('true', [], { backend, env: { BIG: 'x'.repeat(200 * KIB) } }), 'exec-failed');
      t.strictSame([error.errno, error.reason], ['E2BIG', 'too-long']);
    },
  },
  {
    title: 'an argument beyond what the kernel takes is exec-failed with namespaces, too',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const spec = made(backend, ['pid', 'mnt', 'uts'], { mountProc: true });
      const error = await failure(spawn('true', ['x'.repeat(200 * KIB)], spec), 'exec-failed');
      t.equal(error.errno, 'E2BIG');
    },
  },
];
