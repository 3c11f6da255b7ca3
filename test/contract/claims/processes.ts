import { getPriority } from 'node:os';
import { type RunSpec, spawn } from '../../../lib/index.ts';
import { made } from '../caller.ts';
import type { Claim } from '../claim.ts';
import { said, sh } from '../inside.ts';
import { failure } from '../outcome.ts';

/** BPF as the kernel takes it: one instruction. */
const instruction = (code: number, ifTrue: number, ifFalse: number, value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.set([ifTrue, ifFalse], 2);
  bytes.writeUInt32LE(value, 4);
  return bytes;
};

/** A filter by which chdir(2) fails with an errno, and everything else passes. */
const noChdir = (errno: number): Uint8Array => {
  const chdir = process.arch === 'arm64' ? 49 : 80;
  return Buffer.concat([
    instruction(0x20, 0, 0, 0),
    instruction(0x15, 0, 1, chdir),
    instruction(0x06, 0, 0, 0x00050000 | errno),
    instruction(0x06, 0, 0, 0x7fff0000),
  ]);
};

const noFilter = { shell: 'the tools that come after a filter are not the command' };

const limit = (name: string): string => `sed -n 's/^${name} *\\([^ ]*\\) *\\([^ ]*\\) .*/\\1 \\2/p' /proc/self/limits`;

export const processes: readonly Claim[] = [
  {
    title: 'rlimits are the limits of the command, soft and hard',
    run: async (t, backend) => {
      const spec: RunSpec = {
        backend,
        rlimits: {
          RLIMIT_NOFILE: { soft: 64, hard: 128 },
          RLIMIT_CORE: 0,
          RLIMIT_FSIZE: { soft: 4_096_000, hard: 8_192_000 },
        },
      };
      const lines = [limit('Max open files'), limit('Max core file size'), limit('Max file size')];
      t.equal(await sh(lines.join('; '), spec), '64 128\n0 0\n4096000 8192000');
    },
  },
  {
    title: 'rlimits of few open files do not end the set-up',
    needs: ['namespaces'],
    notOn: { shell: 'its last stage is a shell, which needs fds of its own' },
    run: async (t, backend) => {
      const spec = made(backend, ['pid', 'mnt', 'uts'], { hostname: 'few', mountProc: true, cwd: '/' });
      t.equal(await sh('ulimit -n', { ...spec, rlimits: { RLIMIT_NOFILE: 4 } }), '4');
    },
  },
  {
    title: 'rlimits above the hard limit fail at the step rlimits',
    needs: ['ordinary-user'],
    run: async (t, backend) => {
      const rlimits = { RLIMIT_NOFILE: { soft: 10, hard: 1_000_000_000 } };
      const error = await failure(spawn('true', [], { backend, rlimits }), 'setup-failed');
      t.strictSame([error.step, error.errno], ['rlimits', 'EPERM']);
    },
  },
  {
    title: 'umask is the mask of the command',
    run: async (t, backend) => {
      t.equal(await sh('umask', { backend, umask: 0o27 }), '0027');
      t.equal(await sh('umask', { backend, umask: 0 }), '0000');
      t.equal(await sh('umask', { backend, umask: 0o777, cwd: '/' }), '0777');
    },
  },
  {
    title: 'nice is the nice value of the command, not what is added to the own',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const nice = Math.max(getPriority(), 7);
      t.equal(await said('nice', [], { backend, nice }), String(nice));
      t.equal(await said('nice', [], made(backend, ['uts'], { nice: 19 })), '19');
    },
  },
  {
    title: 'nice below the own fails at the step nice for an ordinary user',
    needs: ['ordinary-user'],
    run: async (t, backend) => {
      const error = await failure(spawn('true', [], { backend, nice: -15 }), 'setup-failed');
      t.equal(error.step, 'nice');
      t.equal(error.errno, backend === 'ffi' ? 'EACCES' : error.errno);
    },
  },
  {
    title: 'oomScoreAdj is what the kernel reads of the command',
    run: async (t, backend) => {
      const spec = made(backend, ['pid', 'mnt'], { mountProc: true, oomScoreAdj: 789 });
      t.equal(await said('cat', ['/proc/self/oom_score_adj'], { backend, oomScoreAdj: 567 }), '567');
      t.equal(await said('cat', ['/proc/self/oom_score_adj'], spec), '789');
    },
    needs: ['namespaces'],
  },
  {
    title: 'oomScoreAdj below the own fails at the step oom-score for an ordinary user',
    needs: ['ordinary-user'],
    run: async (t, backend) => {
      const error = await failure(spawn('true', [], { backend, oomScoreAdj: -900 }), 'setup-failed');
      t.equal(error.step, 'oom-score');
      // dash knows of no reason but "I/O error".
      t.equal(error.errno, backend === 'ffi' ? 'EACCES' : error.errno);
    },
  },
  {
    title: 'seccomp filters the command, and nothing that sets it up',
    unsupportedOn: noFilter,
    run: async (t, backend) => {
      const spec: RunSpec = { backend, seccomp: noChdir(13), cwd: '/usr' };
      const seen = await sh(
        'pwd; cd / 2>/dev/null && echo moved || echo kept; grep -e NoNewPrivs -e Seccomp: /proc/self/status',
        spec,
      );
      t.equal(seen, '/usr\nkept\nNoNewPrivs:\t1\nSeccomp:\t2');
    },
  },
  {
    title: 'seccomp goes with namespaces and ids, of an ordinary user too',
    needs: ['namespaces'],
    unsupportedOn: noFilter,
    run: async (t, backend) => {
      const spec = made(backend, ['pid', 'mnt', 'uts'], { seccomp: noChdir(1), mountProc: true, hostname: 'filtered' });
      t.equal(await sh('hostname; echo $$; cd / 2>/dev/null || echo kept', spec), 'filtered\n1\nkept');
    },
  },
  {
    title: 'seccomp of instructions that are none fails at the step seccomp',
    unsupportedOn: noFilter,
    run: async (t, backend) => {
      const error = await failure(spawn('true', [], { backend, seccomp: Buffer.alloc(8, 0xff) }), 'setup-failed');
      t.strictSame([error.step, error.errno], ['seccomp', 'EINVAL']);
    },
  },
  {
    title: 'seccomp without noNewPrivs takes CAP_SYS_ADMIN',
    needs: ['ordinary-user'],
    unsupportedOn: noFilter,
    run: async (t, backend) => {
      const spec: RunSpec = { backend, seccomp: noChdir(1), noNewPrivs: false };
      const error = await failure(spawn('true', [], spec), 'setup-failed');
      t.strictSame([error.step, error.errno], ['seccomp', 'EACCES']);
    },
  },
];
