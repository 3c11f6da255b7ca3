import { mkdirSync, mkdtempSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Child,
  type EnterSpec,
  type EnterTarget,
  enter,
  NAMESPACE_TYPES,
  type NamespaceIds,
  openNamespace,
  openProcess,
  type SpawnSpec,
  spawn,
} from '../../../lib/index.ts';
import type { BackendName, Claim } from '../claim.ts';
import { ending, insideTarget as inside, nameOfEchoing, whileRunning, withChild } from '../inside.ts';
import { failure, value } from '../outcome.ts';

const CONTAINER = ['user', 'pid', 'mnt', 'uts', 'ipc', 'net'] as const;

/** A target with everything of its own, for as long as `use` takes; whoever the caller is. */
const whileContained = (
  backend: BackendName,
  use: (target: Child) => Promise<unknown>,
  more: SpawnSpec = {},
): Promise<unknown> =>
  whileRunning({ backend, namespaces: CONTAINER, mapRootUser: true, mountProc: true, hostname: 'zion', ...more }, use);

const idsOf = (pid: number | 'self'): NamespaceIds =>
  Object.fromEntries(NAMESPACE_TYPES.map((type) => [type, readLink(`/proc/${pid}/ns/${type}`)]));

const readLink = (path: string): number => Number(/\d+/.exec(readlinkSync(path).replace(/^\w+/, ''))?.[0]);

const NO_USER_STRAIGHT = { 'ffi:straight': 'a user namespace is never entered in memory that is shared with Node.js' };

export const entering: readonly Claim[] = [
  {
    title: 'enter() puts the command into every namespace of the target that the caller is not in',
    needs: ['user-namespaces'],
    unsupportedOn: NO_USER_STRAIGHT,
    run: (t, backend) =>
      whileContained(backend, async (target) => {
        const script =
          'hostname 2>/dev/null || cat /proc/sys/kernel/hostname; id -u; id -g; ls /proc/self/ns >/dev/null; readlink /proc/self/ns/net';
        const net = readlinkSync(`/proc/${target.pid}/ns/net`);
        t.equal(await inside(target, script, { backend }), `zion\n0\n0\n${net}`);
        await withChild(
          await value(enter(target, 'cat', [], { backend, stdio: ['pipe', 'ignore', 'ignore'] })),
          (child) => t.strictSame(idsOf(child.pid), idsOf(target.pid)),
        );
      }),
  },
  {
    title: 'enter() reports the pid of the command as the caller sees it, with a joined pid namespace',
    needs: ['user-namespaces'],
    unsupportedOn: NO_USER_STRAIGHT,
    run: (t, backend) =>
      whileContained(backend, async (target) =>
        withChild(
          await value(enter(target.pid, 'cat', [], { backend, stdio: ['pipe', 'pipe', 'ignore'] })),
          async (child) => {
            t.equal(await nameOfEchoing(child), 'cat');
            t.ok(child.kill('SIGTERM').isOk());
            const exit = await child.exit;
            t.equal(exit.isOk() && ending(exit.value), 'SIGTERM');
          },
        ),
      ),
  },
  {
    title: 'enter() with types enters those and no others',
    needs: ['root'],
    run: (t, backend) =>
      whileRunning({ backend, namespaces: ['uts', 'ipc', 'net'], hostname: 'zion' }, async (target) => {
        await withChild(
          await value(enter(target, 'cat', [], { backend, types: ['uts'], stdio: ['pipe', 'ignore', 'ignore'] })),
          (child) => t.strictSame(idsOf(child.pid), { ...idsOf('self'), uts: idsOf(target.pid).uts }),
        );
      }),
  },
  {
    title: 'enter() with no types at all runs the command where the caller is',
    run: (t, backend) =>
      whileRunning({ backend }, async (target) => {
        await withChild(
          await value(enter(target, 'cat', [], { backend, types: [], stdio: ['pipe', 'ignore', 'ignore'] })),
          (child) => t.strictSame(idsOf(child.pid), idsOf('self')),
        );
      }),
  },
  {
    title: 'enter() joins a network namespace and makes new pid and mnt beside it',
    needs: ['root'],
    unsupportedOn: { 'ffi:straight': 'a new pid namespace beside joined ones takes a clone with memory of its own' },
    run: (t, backend) =>
      whileRunning({ backend, namespaces: ['net'] }, async (target) => {
        const spec: EnterSpec = { backend, types: ['net'], namespaces: ['pid', 'mnt'], mountProc: true };
        const script = 'echo $$; readlink /proc/self/ns/net; readlink /proc/self';
        const said = await inside(target, script, spec);
        t.match(said, new RegExp(`^1\\nnet:\\[${idsOf(target.pid).net}\\]\\n\\d+$`));
      }),
  },
  {
    title: 'enter() in turns, and at once, runs each command where it was asked to',
    needs: ['user-namespaces'],
    unsupportedOn: NO_USER_STRAIGHT,
    run: (t, backend) =>
      whileContained(backend, (zion) =>
        whileContained(
          backend,
          async (matrix) => {
            const names = { zion, matrix };
            const ask = async (name: keyof typeof names): Promise<boolean> =>
              (await inside(names[name], 'uname -n', { backend })) === name;
            for (let turn = 0; turn < 3; turn += 1) t.ok((await ask('zion')) && (await ask('matrix')));
            const order = ['zion', 'matrix', 'matrix', 'zion'] as const;
            t.strictSame(await Promise.all(order.map(ask)), [true, true, true, true]);
          },
          { hostname: 'matrix' },
        ),
      ),
  },
  {
    title: 'enter() takes handles of namespaces, also when their processes are gone',
    needs: ['root'],
    run: async (t, backend) => {
      const target = await value(spawn('cat', [], { backend, namespaces: ['uts', 'ipc'], hostname: 'zion' }));
      const [uts, ipc] = await withChild(target, async () => [
        await value(openNamespace({ process: target, type: 'uts' })),
        await value(openNamespace({ path: `/proc/${target.pid}/ns/ipc` })),
      ]);
      try {
        t.equal(await inside([uts, ipc], 'uname -n', { backend }), 'zion');
        t.equal(await inside([process.pid, uts], 'uname -n', { backend, types: [] }), 'zion');
        const again = await inside(ipc, 'readlink /proc/self/ns/ipc', { backend });
        t.equal(again, `${ipc}`);
      } finally {
        uts.close();
        ipc.close();
      }
    },
  },
  {
    title: 'enter() never takes somebody else for a process that has ended',
    run: async (t, backend) => {
      const target = await value(spawn('cat', [], { backend, stdio: ['pipe', 'ignore', 'ignore'] }));
      const held = await value(openProcess(target));
      try {
        await target[Symbol.asyncDispose]();
        t.equal((await failure(enter(held, 'true', [], { backend }), 'process-gone')).pid, target.pid);
        t.equal((await failure(enter(target, 'true', [], { backend }), 'process-gone')).pid, target.pid);
        await failure(openProcess(target), 'process-gone');
        t.equal(held.exists, false);
      } finally {
        held.close();
      }
    },
  },
  {
    title: 'targetRoot and targetCwd are directories of the target, or as the caller sees them',
    needs: ['root'],
    run: async (t, backend) => {
      const dir = mkdtempSync(join(tmpdir(), 'ns-enter-'));
      mkdirSync(join(dir, 'deep'));
      try {
        await whileRunning({ backend, cwd: dir }, async (target) => {
          t.equal(await inside(target, 'pwd -P', { backend, targetCwd: true }), dir);
          t.equal(await inside(target, 'pwd -P', { backend, targetCwd: join(dir, 'deep') }), join(dir, 'deep'));
          t.equal(await inside(target, 'pwd -P', { backend, targetCwd: true, cwd: 'deep' }), join(dir, 'deep'));
          t.equal(await inside(target, 'pwd -P', { backend, targetRoot: true, targetCwd: true }), dir);
          t.equal(await inside(target, 'pwd -P', { backend, targetRoot: '/' }), '/', 'never outside of the new root');
          const empty = enter(target, 'sh', [], { backend, targetRoot: dir });
          // The shell backend's own tools have to be there as well.
          const error = await failure(empty, backend === 'ffi' ? 'exec-failed' : 'setup-failed');
          t.equal(error.errno, 'ENOENT');
        });
      } finally {
        rmSync(dir, { recursive: true });
      }
    },
  },
  {
    title: 'targetEnv is what the target was started with',
    run: (t, backend) =>
      whileRunning({ backend, env: { PATH: process.env['PATH'], RABBIT: 'white = 1' } }, async (target) => {
        t.equal(await inside(target, 'echo "$RABBIT$HOME"', { backend, types: [], targetEnv: true }), 'white = 1');
        const spec: EnterSpec = { backend, targetEnv: true, env: {} };
        t.equal((await failure(enter(target, 'true', [], spec), 'invalid-option')).option, 'targetEnv');
      }),
  },
  {
    title: 'uid and gid are those of the command, without supplementary groups',
    needs: ['root'],
    unsupportedOn: { 'ffi:straight': 'credentials are never changed in memory that is shared with Node.js' },
    run: (t, backend) =>
      whileRunning({ backend, namespaces: ['uts'] }, async (target) => {
        const spec: EnterSpec = { backend, types: ['uts'], uid: 1234, gid: 2345 };
        t.equal(await inside(target, 'id -u; id -g; id -G', spec), '1234\n2345\n2345');
      }),
  },
  {
    title: 'preserveCredentials keeps the ids in an entered user namespace',
    needs: ['user-namespaces'],
    unsupportedOn: NO_USER_STRAIGHT,
    run: (t, backend) =>
      whileRunning(
        { backend, namespaces: ['user'], uidMap: { inside: 7, outside: process.geteuid?.() ?? 0 } },
        async (target) => {
          t.equal(await inside(target, 'id -u', { backend, preserveCredentials: true }), '7');
          const error = await failure(enter(target, 'true', [], { backend }), 'setup-failed');
          t.equal(error.step, 'credentials');
        },
      ),
  },
  {
    title: 'enter() tells what it may not join',
    needs: ['ordinary-user'],
    run: async (t, backend) => {
      const spec: EnterSpec = { backend, types: ['uts'] };
      const error = await failure(enter(process.pid, 'true', [], spec), 'setup-failed');
      t.match(error, { step: 'join', errno: 'EPERM' });
      t.equal((await failure(enter(1, 'true', [], spec), 'namespace-unavailable')).errno, 'EACCES');
    },
  },
  {
    title: 'enter() refuses what cannot be meant, before anything is created',
    run: async (t, backend) => {
      const refused: readonly (readonly [string, unknown, unknown])[] = [
        ['target', 0, {}],
        ['target', 'self', {}],
        ['target', [], {}],
        ['target', [process.pid, process.pid], {}],
        ['pidfd', { pidfd: 0x7fffffff }, {}],
        ['types', process.pid, { types: 'net' }],
        ['types[0]', process.pid, { types: ['network'] }],
        ['targetRoot', process.pid, { targetRoot: '' }],
        ['targetCwd', process.pid, { targetCwd: 3 }],
        ['joinCgroup', process.pid, { joinCgroup: 'yes' }],
        ['uid', process.pid, { uid: -1 }],
        ['gid', process.pid, { gid: 2 ** 32 - 1 }],
        ['userParent', process.pid, { types: [], userParent: true }],
        ['spec', process.pid, null],
      ];
      for (const [option, target, spec] of refused) {
        const full = spec === null ? null : { backend, ...(spec as object) };
        const error = await failure(enter(target as EnterTarget, 'true', [], full as EnterSpec), 'invalid-option');
        t.equal(error.option, option, error.message);
      }
    },
  },
];
