import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Backend,
  type BackendChoice,
  explain,
  openBackend,
  type RunSpec,
  run,
  type SpawnSpec,
  spawn,
} from '../../../lib/index.ts';
import type { Claim } from '../claim.ts';
import { ending } from '../inside.ts';
import { failure, value } from '../outcome.ts';
import { report } from '../program.ts';
import { scratch } from '../scratch.ts';

/** Specs that cannot be meant, by the option that the error must name. */
const WRONG: readonly (readonly [option: string, spec: unknown])[] = [
  ['namespaces', { namespaces: 'pid' }],
  ['namespaces[1]', { namespaces: ['pid', 'nett'] }],
  ['namespaces[0]', { namespaces: ['toString'] }],
  ['hostname', { hostname: 'matrix' }],
  ['hostname', { namespaces: ['uts'], hostname: 'x'.repeat(65) }],
  ['hostname', { namespaces: ['uts'], hostname: 'ж'.repeat(33) }],
  ['hostname', { namespaces: ['uts'], hostname: 'a\0b' }],
  ['hostname', { namespaces: ['uts'], hostname: 5 }],
  ['domainname', { domainname: 'zion' }],
  ['propagation', { propagation: 'private' }],
  ['propagation', { namespaces: ['mnt'], propagation: 'rshared' }],
  ['mountProc', { mountProc: true }],
  ['mountProc', { namespaces: ['mnt'], mountProc: '' }],
  ['mountProc', { namespaces: ['mnt'], mountProc: 'a\0b' }],
  ['mapRootUser', { mapRootUser: true }],
  ['mapRootUser', { namespaces: ['user'], mapRootUser: 1 }],
  ['mapCurrentUser', { namespaces: ['user'], mapRootUser: true, mapCurrentUser: true }],
  ['uidMap', { uidMap: { inside: 0, outside: 0 } }],
  ['uidMap', { namespaces: ['user'], mapRootUser: true, uidMap: { inside: 0, outside: 0 } }],
  ['uidMap', { namespaces: ['user'], uidMap: [] }],
  ['uidMap', { namespaces: ['user'], uidMap: { inside: -1, outside: 0 } }],
  ['uidMap', { namespaces: ['user'], uidMap: { inside: 0, outside: 1.5 } }],
  ['uidMap', { namespaces: ['user'], uidMap: { inside: 0, outside: 4_294_967_295 } }],
  ['gidMap', { namespaces: ['user'], gidMap: { inside: 0, outside: 0, count: 0 } }],
  [
    'gidMap',
    {
      namespaces: ['user'],
      gidMap: [
        { inside: 0, outside: 0, count: 5 },
        { inside: 4, outside: 9 },
      ],
    },
  ],
  ['setgroups', { setgroups: 'deny' }],
  ['setgroups', { namespaces: ['user'], setgroups: 'maybe' }],
  ['cwd', { cwd: '' }],
  ['cwd', { cwd: 'a\0b' }],
  ['cwd', { cwd: 5 }],
  ['env', { env: ['A=1'] }],
  ['env', { env: { 'A=B': '1' } }],
  ['env', { env: { '': '1' } }],
  ['env.A', { env: { A: 'a\0b' } }],
  ['env.A', { env: { A: 1 } }],
  ['argv0', { argv0: 'a\0b' }],
  ['stdio', { stdio: 'both' }],
  ['stdio', { stdio: Array.from({ length: 300 }, () => 'ignore') }],
  ['stdio[1]', { stdio: ['ignore', -1] }],
  ['stdio[0]', { stdio: ['terminal'] }],
  ['stdio[2]', { stdio: ['ignore', 'ignore', { fd: null }] }],
  ['stdin', { stdin: 'text', stdio: 'ignore' }],
  ['stdin', { stdin: 5 }],
  ['signal', { signal: {} }],
  ['timeoutMs', { timeoutMs: 0 }],
  ['timeoutMs', { timeoutMs: Number.NaN }],
  ['timeoutMs', { timeoutMs: 2 ** 31 }],
  ['killSignal', { killSignal: 'TERM' }],
  ['detached', { detached: 'yes' }],
  ['parentDeathSignal', { parentDeathSignal: 9 }],
];

export const options: readonly Claim[] = [
  {
    title: 'spawn() refuses an option that cannot be meant, by its name, and creates nothing',
    run: async (t, backend) => {
      const path = join(scratch(t), 'ran');
      for (const [option, spec] of WRONG) {
        const wrong = { ...(spec as SpawnSpec), backend };
        const error = await failure(spawn('touch', [path], wrong), 'invalid-option');
        t.equal(error.option, option, JSON.stringify(spec).slice(0, 80));
        t.ok(error.wanted.length > 0 && error.message.startsWith(`Option "${option}" is `), error.message);
        t.equal((await failure(explain('touch', [path], wrong), 'invalid-option')).option, option);
      }
      t.notOk(existsSync(path));
    },
  },
  {
    title: 'spawn() refuses a command and arguments that cannot be meant',
    run: async (t, backend) => {
      for (const command of ['', 'a\0b', 5, null] as string[]) {
        t.equal((await failure(spawn(command, [], { backend }), 'invalid-option')).option, 'command');
      }
      for (const [option, args] of [
        ['args[1]', ['a', 'b\0']],
        ['args[0]', [7]],
        ['args', 'text'],
      ] as const) {
        t.equal(
          (await failure(spawn('true', args as unknown as string[], { backend }), 'invalid-option')).option,
          option,
        );
      }
      t.equal((await failure(spawn('true', [], null as unknown as SpawnSpec), 'invalid-option')).option, 'spec');
    },
  },
  {
    title: 'run() refuses limits that cannot be meant',
    run: async (t, backend) => {
      for (const maxOutputBytes of [-1, 1.5, Number.NaN, '5', null]) {
        const spec = { backend, maxOutputBytes } as RunSpec;
        t.equal((await failure(run('true', [], spec), 'invalid-option')).option, 'maxOutputBytes');
      }
    },
  },
  {
    title: 'explain() tells what would be done and does none of it',
    needs: ['ns:cgroup'],
    run: async (t, backend) => {
      const path = join(scratch(t), 'ran');
      const text = await value(
        explain('touch', [path], {
          backend,
          namespaces: ['user', 'pid', 'mnt', 'uts', 'ipc', 'net', 'cgroup'],
          mapRootUser: true,
          hostname: 'matrix',
          mountProc: true,
          cwd: '/usr',
        }),
      );
      t.notOk(existsSync(path));
      const words =
        backend === 'shell'
          ? [
              'unshare',
              '--user',
              '--pid',
              '--mount',
              '--uts',
              '--ipc',
              '--net',
              '--cgroup',
              'matrix',
              '/proc',
              'touch',
              path,
            ]
          : [
              'CLONE_NEWUSER',
              'CLONE_NEWPID',
              'CLONE_NEWNS',
              'CLONE_NEWUTS',
              'CLONE_NEWIPC',
              'CLONE_NEWNET',
              'CLONE_NEWCGROUP',
              'sethostname("matrix", 6)',
              'mount("proc", "/proc", "proc"',
              'chdir("/usr")',
              'execve(',
              path,
            ];
      for (const word of words) t.ok(text.includes(word), `${word} is told`);
    },
  },
  {
    title: 'explain() of a command that does not exist is no error: nothing is looked up',
    run: async (t, backend) =>
      t.ok((await value(explain('/nowhere/command', [], { backend }))).includes('/nowhere/command')),
  },
  {
    title: 'backend picks by name, and Child.backend tells it',
    run: async (t, backend) => {
      const child = await value(spawn('true', [], { backend, stdio: 'ignore' }));
      t.equal(child.backend, backend);
      t.equal(ending(await value(child.exit)), 'exited 0');
    },
  },
  {
    title: 'backend takes an object that is one',
    run: async (t, backend) => {
      const { backend: opened } = await value(openBackend(backend));
      let launches = 0;
      const counting: Backend = {
        ...opened,
        name: 'counting',
        launch: (plan) => {
          launches += 1;
          return opened.launch(plan);
        },
      };
      const child = await value(spawn('true', [], { backend: counting, stdio: 'ignore' }));
      await value(child.exit);
      t.strictSame([child.backend, launches], ['counting', 1]);
    },
  },
  {
    title: 'backend with an unknown name is invalid-option, and never another backend',
    run: async (t) => {
      for (const backend of ['docker', 'toString', 5] as unknown as BackendChoice[]) {
        t.equal((await failure(spawn('true', [], { backend }), 'invalid-option')).option, 'backend');
      }
    },
  },
  {
    title: 'openBackend() tells how the backend works here',
    run: async (t, backend) => {
      const { backend: opened, passedOver } = await value(openBackend(backend));
      t.equal(opened.name, backend);
      t.strictSame(passedOver, []);
      t.ok((await value(opened.available())).length > 0);
    },
  },
  {
    title: 'NS_BACKEND names the backend where the spec does not',
    run: async (t, backend) => {
      const seen = await report<Record<string, string>>('backend-choice', [], ['env', `NS_BACKEND=${backend}`]);
      t.strictSame(seen, { left: backend, auto: backend, ffi: 'ffi', nonsense: 'invalid-option NS_BACKEND' });
    },
  },
];
