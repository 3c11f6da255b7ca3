import { spawn as plainSpawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ExitStatus, run, type SignalName, spawn } from '../../../lib/index.ts';
import { made } from '../caller.ts';
import type { Claim } from '../claim.ts';
import { ending, everything, finished, sh, whileRunning, withChild } from '../inside.ts';
import { value } from '../outcome.ts';
import { scratch } from '../scratch.ts';

/** Signals that end a process, and whether they dump core where that is allowed. */
const DEADLY = {
  SIGHUP: false,
  SIGINT: false,
  SIGQUIT: true,
  SIGILL: true,
  SIGTRAP: true,
  SIGABRT: true,
  SIGBUS: true,
  SIGFPE: true,
  SIGKILL: false,
  SIGUSR1: false,
  SIGSEGV: true,
  SIGUSR2: false,
  SIGPIPE: false,
  SIGALRM: false,
  SIGTERM: false,
  SIGXCPU: true,
  SIGXFSZ: true,
  SIGVTALRM: false,
  SIGSYS: true,
} as const satisfies Partial<Record<SignalName, boolean>>;

const killed = (status: ExitStatus): (ExitStatus & { type: 'killed' }) | null =>
  status.type === 'killed' ? status : null;

export const exitStatuses: readonly Claim[] = [
  {
    title: 'ExitStatus of a command that exits is its code, from 0 to 255',
    run: async (t, backend) => {
      for (const code of [0, 1, 2, 42, 124, 125, 126, 127, 128, 129, 137, 143, 200, 254, 255]) {
        t.equal(ending((await finished('sh', ['-c', `exit ${code}`], { backend })).status), `exited ${code}`);
      }
    },
  },
  {
    title: 'ExitStatus of a command in a pid namespace is its code, from 0 to 255',
    needs: ['namespaces'],
    run: async (t, backend) => {
      for (const code of [0, 1, 42, 126, 127, 128, 137, 255]) {
        t.equal(
          ending((await finished('sh', ['-c', `exit ${code}`], made(backend, ['pid']))).status),
          `exited ${code}`,
        );
      }
    },
  },
  {
    title: 'ExitStatus of a command that a signal killed is that signal, never a code',
    run: async (t, backend) => {
      for (const [signal, dumps] of Object.entries(DEADLY)) {
        // The limit keeps the machine clean of core files.
        const text = `ulimit -c 0; kill -${signal.slice(3)} $$`;
        const { status } = await finished('sh', ['-c', text], { backend });
        t.equal(ending(status), signal);
        t.type(killed(status)?.coreDumped, 'boolean');
        if (!dumps) t.equal(killed(status)?.coreDumped, false, `${signal} dumps no core`);
      }
    },
  },
  {
    title: 'ExitStatus of a command that a real-time signal killed names its number',
    notOn: { shell: 'child_process has no name for a real-time signal, and tells of an exit with 0' },
    run: async (t, backend) => {
      const { status } = await finished('sh', ['-c', 'kill -40 $$'], { backend });
      t.equal(ending(status), 'SIG40');
    },
  },
  {
    title: 'ExitStatus of a command in new namespaces that a signal killed is that signal',
    needs: ['namespaces'],
    run: async (t, backend) => {
      await whileRunning(made(backend, ['pid', 'mnt', 'uts']), async (child) => {
        await value(child.kill('SIGKILL'));
        t.equal(ending(await value(child.exit)), 'SIGKILL');
      });
      for (const signal of ['SIGTERM', 'SIGSEGV', 'SIGHUP']) {
        const text = `ulimit -c 0; kill -${signal.slice(3)} $$`;
        const { status } = await finished('sh', ['-c', text], made(backend, ['mnt', 'uts', 'net']));
        t.equal(ending(status), signal);
      }
    },
  },
  {
    title: 'ExitStatus.usage tells what the command used',
    run: async (t, backend) => {
      const text = 'i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done';
      const { status } = await finished('sh', ['-c', text], { backend });
      if (backend === 'shell') {
        t.equal(status.usage, null, 'the shell backend waits through Node, which does not tell');
        return;
      }
      const { userUs = -1, systemUs = -1, maxRssBytes = -1 } = status.usage ?? {};
      t.ok(userUs > 0 && userUs < 60_000_000, `${userUs} us in user mode`);
      t.ok(systemUs >= 0 && systemUs < 60_000_000, `${systemUs} us in the kernel`);
      t.ok(maxRssBytes > 100_000 && maxRssBytes < 2 ** 40, `${maxRssBytes} bytes resident`);
    },
  },
  {
    title: 'Child.exit can be awaited by many, and after the end',
    run: async (t, backend) => {
      const child = await value(spawn('sh', ['-c', 'exit 3'], { backend, stdio: 'ignore' }));
      const all = await Promise.all([value(child.exit), value(child.exit)]);
      t.strictSame([...all, await value(child.exit)].map(ending), ['exited 3', 'exited 3', 'exited 3']);
    },
  },
  {
    title: 'Child.exit does not wait for streams that others hold open',
    run: async (t, backend) => {
      const sign = join(scratch(t), 'sign');
      const text = '(until test -e "$1"; do sleep 0.01; done; echo late) & exit 5';
      const child = await value(spawn('sh', ['-c', text, 'sh', sign], { backend }));
      await withChild(child, async () => {
        t.equal(ending(await value(child.exit)), 'exited 5');
        writeFileSync(sign, '');
        t.equal((await everything(child.stdout)).toString(), 'late\n');
      });
    },
  },
  {
    title: 'run() gives a command that fails as a success with its status and what it wrote',
    run: async (t, backend) => {
      const result = await value(run('sh', ['-c', 'echo out; echo err >&2; exit 9'], { backend }));
      t.strictSame([ending(result.status), `${result.stdout}`, `${result.stderr}`], ['exited 9', 'out\n', 'err\n']);
    },
  },
  {
    title: 'fifty children at once each get their own status and output',
    run: async (t, backend) => {
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, n) => finished('sh', ['-c', 'echo "$1"; exit "$1"', 'sh', `${n}`], { backend })),
      );
      t.strictSame(
        results.map(({ status, stdout }) => `${ending(status)} ${stdout.toString().trim()}`),
        results.map((_, n) => `exited ${n} ${n}`),
      );
    },
  },
  {
    title: 'fifty children at once in new namespaces each get their own',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const names = await Promise.all(
        Array.from({ length: 50 }, (_, n) =>
          sh(
            'echo "$$ $(cat /proc/sys/kernel/hostname)"',
            made(backend, ['pid', 'mnt', 'uts', 'ipc'], { hostname: `host-${n}`, mountProc: true }),
          ),
        ),
      );
      t.strictSame(
        names,
        names.map((_, n) => `1 host-${n}`),
      );
    },
  },
  {
    title: 'children of child_process in the same program keep their own statuses',
    run: async (t, backend) => {
      const codes = Array.from({ length: 10 }, (_, n) => n + 20);
      const [theirs, ours] = await Promise.all([
        Promise.all(codes.map(async (code) => (await once(plainSpawn('sh', ['-c', `exit ${code}`]), 'exit'))[0])),
        Promise.all(
          codes.map(async (code) => ending((await finished('sh', ['-c', `exit ${code}`], { backend })).status)),
        ),
      ]);
      t.strictSame(theirs, codes);
      t.strictSame(
        ours,
        codes.map((code) => `exited ${code}`),
      );
    },
  },
];
