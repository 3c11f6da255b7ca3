import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunSpec, spawn } from '../../../lib/index.ts';
import { made, PRIVILEGED } from '../caller.ts';
import type { BackendName, Claim } from '../claim.ts';
import { finished, said, sh } from '../inside.ts';
import { failure } from '../outcome.ts';
import { scratch, script } from '../scratch.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The environment that the command was started with, as the kernel keeps it; the order of an environment means nothing. */
const environ = async (env: Environment, more: RunSpec): Promise<string[]> => {
  const { stdout } = await finished('/bin/cat', ['/proc/self/environ'], { ...more, env });
  return stdout.toString().split('\0').slice(0, -1).sort();
};

const says = (word: string): string => `#!/bin/sh\necho ${word}\n`;

const withPath = (backend: BackendName, path: string, more: RunSpec = {}): RunSpec => ({
  backend,
  env: { PATH: path },
  ...more,
});

export const environment: readonly Claim[] = [
  {
    title: 'env is the whole environment',
    run: async (t, backend) =>
      t.strictSame(await environ({ ZION: 'last city', A: '1', B: '' }, { backend }), ['A=1', 'B=', 'ZION=last city']),
  },
  {
    title: 'env {} leaves nothing in the environment',
    run: async (t, backend) => t.strictSame(await environ({}, { backend }), []),
  },
  {
    title: 'env left out is the environment of the caller',
    run: async (t, backend) => {
      process.env['NS_CONTRACT_WORD'] = 'of the caller';
      try {
        const { stdout } = await finished('/bin/cat', ['/proc/self/environ'], { backend });
        const own = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
        t.strictSame(stdout.toString().split('\0').slice(0, -1).sort(), own.sort());
        t.ok(own.includes('NS_CONTRACT_WORD=of the caller'));
      } finally {
        delete process.env['NS_CONTRACT_WORD'];
      }
    },
  },
  {
    title: 'env leaves out what is undefined',
    run: async (t, backend) => t.strictSame(await environ({ A: undefined, B: '2' }, { backend }), ['B=2']),
  },
  {
    title: 'env carries newlines, "=", quotes and letters of any alphabet',
    run: async (t, backend) => {
      const env = { LINES: 'one\ntwo\n', SUM: 'a=b=c', QUOTES: `'"\`$HOME\\`, ЖУК: '家 🏠', TAB: '\t\x01\x7f' };
      t.strictSame(
        await environ(env, { backend }),
        Object.entries(env)
          .map((pair) => pair.join('='))
          .sort(),
      );
    },
  },
  {
    title: 'env carries names that no shell could hold',
    run: async (t, backend) => {
      const env = { 'a.b': '1', 'c-d': '2', '3': '3', ' ': '4', 'BASH_FUNC_x%%': '() { echo x; }' };
      t.strictSame(
        await environ(env, { backend }),
        Object.entries(env)
          .map((pair) => pair.join('='))
          .sort(),
      );
    },
  },
  {
    title: 'env carries the names that shells and loaders use for themselves',
    run: async (t, backend) => {
      const env = {
        PATH: '/bin:/nowhere',
        PWD: '/nowhere',
        OLDPWD: '/never',
        SHLVL: '7',
        _: 'underscore',
        IFS: 'abc',
        PS4: '$(exit)',
        OPTIND: '3',
        PPID: '1',
        ENV: '/nowhere/env',
        BASH_ENV: '/nowhere/bash',
        POSIXLY_CORRECT: '1',
        NODE_OPTIONS: '--no-such-option',
        LC_ALL: 'xx_XX',
      };
      const wanted = Object.entries(env)
        .map((pair) => pair.join('='))
        .sort();
      t.strictSame(await environ(env, { backend }), wanted);
    },
  },
  {
    title: 'env carries five thousand variables',
    run: async (t, backend) => {
      const env = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`NAME_${n}`, `value ${n}`]));
      t.strictSame(
        await environ(env, { backend }),
        Object.entries(env)
          .map((pair) => pair.join('='))
          .sort(),
      );
    },
  },
  {
    title: 'env is exact with namespaces, too',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const spec = made(backend, ['pid', 'mnt', 'uts', 'ipc'], { mountProc: true, hostname: 'h' });
      t.strictSame(await environ({ A: '1', PWD: '/nowhere' }, spec), ['A=1', 'PWD=/nowhere']);
      t.strictSame(await environ({}, spec), []);
    },
  },
  {
    title: 'PATH of env is where the command is searched',
    run: async (t, backend) => {
      const dir = scratch(t);
      script(dir, 'ns-contract-tool', says('found'));
      t.equal(await said('ns-contract-tool', [], withPath(backend, `/nowhere:${dir}`)), 'found');
      const error = await failure(spawn('ns-contract-tool', [], withPath(backend, '/nowhere')), 'exec-failed');
      t.equal(error.errno, 'ENOENT');
    },
  },
  {
    title: 'PATH of the caller is where the command is searched without env',
    run: async (t, backend) => {
      const dir = scratch(t);
      script(dir, 'ns-contract-tool', says('found'));
      const path = process.env['PATH'];
      process.env['PATH'] = `${dir}:${path}`;
      try {
        t.equal(await said('ns-contract-tool', [], { backend }), 'found');
      } finally {
        process.env['PATH'] = path;
      }
    },
  },
  {
    title: 'an env without PATH has the command searched in /bin and /usr/bin',
    run: async (t, backend) => t.equal(await said('cat', [], { backend, env: {}, stdin: 'here' }), 'here'),
  },
  {
    title: 'the first directory of PATH that has the command wins',
    run: async (t, backend) => {
      const [first, second] = [scratch(t), scratch(t)];
      script(first, 'tool', says('first'));
      script(second, 'tool', says('second'));
      t.equal(await said('tool', [], withPath(backend, `${first}:${second}`)), 'first');
    },
  },
  {
    title: 'an empty entry of PATH is the working directory',
    run: async (t, backend) => {
      const cwd = scratch(t);
      script(cwd, 'tool', says('here'));
      for (const path of ['', ':/nowhere', '/nowhere:', '/nowhere::/never']) {
        t.equal(await said('tool', [], withPath(backend, path, { cwd })), 'here', JSON.stringify(path));
      }
    },
  },
  {
    title: 'a relative entry of PATH is below the working directory',
    run: async (t, backend) => {
      const cwd = scratch(t);
      mkdirSync(join(cwd, 'bin'));
      script(join(cwd, 'bin'), 'tool', says('below'));
      t.equal(await said('tool', [], withPath(backend, 'bin', { cwd })), 'below');
    },
  },
  {
    title: 'the search in PATH goes on after a file that may not be executed',
    run: async (t, backend) => {
      const [first, second] = [scratch(t), scratch(t)];
      script(first, 'tool', says('no'), 0o644);
      script(second, 'tool', says('second'));
      t.equal(await said('tool', [], withPath(backend, `${first}:${second}`)), 'second');
    },
  },
  {
    title: 'the search in PATH goes on after what is not a directory or does not exist',
    run: async (t, backend) => {
      const dir = scratch(t);
      writeFileSync(join(dir, 'file'), '');
      mkdirSync(join(dir, 'bin'));
      script(join(dir, 'bin'), 'tool', says('found'));
      const path = [`${dir}/file`, `${dir}/missing`, `${dir}/bin`].join(':');
      t.equal(await said('tool', [], withPath(backend, path)), 'found');
    },
  },
  {
    title: 'the search in PATH says EACCES when all that it found may not be executed',
    run: async (t, backend) => {
      const dir = scratch(t);
      script(dir, 'tool', says('no'), 0o644);
      const error = await failure(spawn('tool', [], withPath(backend, `${dir}:/nowhere`)), 'exec-failed');
      t.strictSame([error.errno, error.reason, error.command], ['EACCES', 'not-executable', 'tool']);
    },
  },
  {
    title: 'a command with a slash is not searched, and is below the working directory',
    run: async (t, backend) => {
      const cwd = scratch(t);
      mkdirSync(join(cwd, 'bin'));
      script(join(cwd, 'bin'), 'tool', says('below'));
      t.equal(await said('bin/tool', [], { backend, cwd, env: {} }), 'below');
      t.equal(await said('./bin/tool', [], { backend, cwd, env: {} }), 'below');
    },
  },
  {
    title: 'a command may have any name',
    run: async (t, backend) => {
      const dir = scratch(t);
      for (const name of ['-x', '--mount', 'a b', `it's`, '$HOME', 'ж"', 'a\nb', 'x=y', '!', '*']) {
        script(dir, name, '#!/bin/sh\necho "got $*"\n');
        t.equal(await said(name, ['-y', '--'], withPath(backend, `${dir}:/bin`)), 'got -y --', JSON.stringify(name));
      }
    },
  },
  {
    title: 'cwd is the working directory of the command',
    run: async (t, backend) => {
      const cwd = scratch(t);
      t.equal(await sh('pwd -P', { backend, cwd }), cwd);
      t.equal(await said('readlink', ['/proc/self/cwd'], { backend, cwd, env: {} }), cwd);
    },
  },
  {
    title: 'cwd left out is that of the caller',
    run: async (t, backend) => t.equal(await said('readlink', ['/proc/self/cwd'], { backend }), process.cwd()),
  },
  {
    title: 'cwd may have any name, and may be relative',
    run: async (t, backend) => {
      const dir = scratch(t);
      for (const name of ['a b', '-P', `it's "ж"`, '$HOME', '~', 'a\nb']) {
        mkdirSync(join(dir, name));
        script(join(dir, name), 'tool', says('there'));
        t.equal(await said('./tool', [], { backend, cwd: join(dir, name) }), 'there', JSON.stringify(name));
      }
      const up = '../'.repeat(process.cwd().split('/').length);
      t.equal(await said('readlink', ['/proc/self/cwd'], { backend, cwd: `${up}${dir.slice(1)}` }), dir);
    },
  },
  {
    title: 'cwd that is not there fails at the step cwd with ENOENT and the path',
    run: async (t, backend) => {
      const cwd = join(scratch(t), 'missing');
      const error = await failure(spawn('true', [], { backend, cwd }), 'setup-failed');
      t.strictSame([error.step, error.errno, error.path], ['cwd', 'ENOENT', cwd]);
    },
  },
  {
    title: 'cwd that is no directory fails at the step cwd with ENOTDIR',
    run: async (t, backend) => {
      const cwd = join(scratch(t), 'file');
      writeFileSync(cwd, '');
      const error = await failure(spawn('true', [], { backend, cwd }), 'setup-failed');
      t.strictSame([error.step, error.errno, error.path], ['cwd', 'ENOTDIR', cwd]);
    },
  },
  {
    title: 'cwd that may not be entered fails at the step cwd with EACCES',
    needs: PRIVILEGED ? ['id-ranges', 'user-namespaces'] : [],
    unsupportedOn: PRIVILEGED ? { 'ffi:straight': 'root takes an id map for this that the child cannot write' } : {},
    run: async (t, backend) => {
      const cwd = join(scratch(t), 'closed');
      mkdirSync(cwd, { mode: 0 });
      // Root may enter everything, unless it is uid 100,000 outside.
      const range = { inside: 0, outside: 100_000, count: 65_536 };
      const spec: RunSpec = PRIVILEGED ? { namespaces: ['user'], uidMap: range, gidMap: range } : {};
      const error = await failure(spawn('true', [], { backend, cwd, ...spec }), 'setup-failed');
      t.strictSame([error.step, error.errno, error.path], ['cwd', 'EACCES', cwd]);
      // What may not be read is not removed by every release of Node.js.
      chmodSync(cwd, 0o700);
    },
  },
  {
    title: 'spawn() keeps the umask of the caller',
    run: async (t, backend) => {
      const before = process.umask(0o057);
      try {
        t.equal(Number.parseInt(await sh('umask', { backend }), 8), 0o057);
      } finally {
        process.umask(before);
      }
    },
  },
];
