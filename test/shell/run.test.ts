import { spawnSync } from 'node:child_process';
import { chmodSync, closeSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { parentOf } from '../../backends/shell/proc.ts';
import type { ShellKind } from '../../backends/shell/shells.ts';
import { type Backend, type ExitStatus, explain, run, type SpawnSpec, spawn } from '../../lib/index.ts';
import { planSpawn } from '../../lib/plan-spawn.ts';
import { unmet } from '../contract/caller.ts';
import { failure, value } from '../contract/outcome.ts';
import { scratch } from '../contract/scratch.ts';
import { watchLeaks } from '../leaks.ts';
import { backendIn, backendWith, made, output, SHELLS_HERE, UNAVAILABLE } from './machine.ts';
import { without } from './tools.ts';

watchLeaks(t);

const NAMESPACES_HERE = UNAVAILABLE || (unmet('namespaces') ?? false);

const ending = (status: ExitStatus): string => (status.type === 'exited' ? `exited ${status.code}` : status.signal);

const ends = async (command: string, args: readonly string[], spec: SpawnSpec): Promise<string> =>
  ending(await value((await value(spawn(command, args, { stdio: 'ignore', ...spec }))).exit));

/** Runs a test with every shell of this machine, in which the last stage can be. */
const inEveryShell = (
  title: string,
  skip: string | false,
  check: (t: Test, backend: Backend, kind: ShellKind) => unknown,
): void => {
  for (const kind of SHELLS_HERE) {
    t.test(`${title} (${kind})`, { skip }, async (t) => {
      await check(t, backendIn(kind), kind);
    });
  }
};

/** A file that takes what a command writes on fd 2, without anybody reading it. */
const sink = (t: Test): { readonly fd: number; readonly text: () => string } => {
  const path = join(scratch(t), 'stderr');
  const fd = openSync(path, 'a');
  t.teardown(() => closeSync(fd));
  return { fd, text: () => readFileSync(path, 'utf8') };
};

const program = (dir: string, name: string, text: string | Buffer, mode = 0o755): string => {
  const path = join(dir, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
};

const VARIABLES: Readonly<Record<string, string>> = {
  PLAIN: 'value',
  EMPTY: '',
  LINES: 'one\ntwo\n',
  BYTES: 'Ё жук 家 \x01\x7f',
  PATH: '/nowhere:/bin',
  PWD: '/nowhere',
  OLDPWD: '/never',
  SHLVL: '7',
  _: 'under score',
  IFS: 'abc',
  PS4: '$(exit)',
  OPTIND: '3',
  ENV: '/nowhere/env',
  BASH_ENV: '/nowhere/bash',
  LD_LIBRARY_PATH: '/nowhere/lib',
  LD_PRELOAD: '',
  LC_ALL: 'C',
  LANG: 'xx_XX',
  TMOUT: '1',
  NODE_V8_COVERAGE: '',
  HOME: '/nowhere',
  CDPATH: '/',
};

/** What cat(1) finds in its environment; tap, when it runs this, adds to whatever child_process spawns. */
const environ = (stdout: Buffer): string[] =>
  stdout
    .toString()
    .split('\0')
    .slice(0, -1)
    .filter((line) => !/^(_TAPJS_PROCESSINFO_|NODE_OPTIONS=.*@tapjs\/processinfo)/.test(line))
    .sort();

inEveryShell('the environment arrives as it was given, name by name', UNAVAILABLE, async (t, backend, kind) => {
  for (const [name, text] of [
    ...Object.entries(VARIABLES),
    ['UID', '7'],
    ['PPID', '1'],
    ['a.b', 'odd'],
    ['BASH_FUNC_x%%', '() { :; }'],
  ]) {
    const env = { [`${name}`]: text };
    const result = await run('/bin/cat', ['/proc/self/environ'], { backend, env });
    const refused =
      (kind === 'bash' && /^(UID|PPID|OPTIND)$/.test(`${name}`)) || (kind !== 'bash' && /[.%]/.test(`${name}`));
    if (refused) {
      t.match(result._unsafeUnwrapErr(), { type: 'unsupported', what: `the environment variable "${name}"` });
    } else {
      t.strictSame(environ(result._unsafeUnwrap().stdout), [`${name}=${text}`]);
    }
  }
});

inEveryShell('the environment arrives whole, and nothing with it', UNAVAILABLE, async (t, backend, kind) => {
  const env = kind === 'bash' ? { ...VARIABLES, OPTIND: undefined, 'a.b': 'odd', ЖУК: '家' } : VARIABLES;
  const wanted = Object.entries(env).flatMap(([name, text]) => (text === undefined ? [] : [`${name}=${text}`]));
  const { stdout } = await value(run('/bin/cat', ['/proc/self/environ'], { backend, env }));
  t.strictSame(environ(stdout), wanted.sort());
});

inEveryShell('arguments arrive as they were given', UNAVAILABLE, async (t, backend) => {
  const args = ['', ' ', '--', '-x', `it's "Ё" $HOME \`id\` \\`, 'a\nb\n', '*', '\x01\x81'];
  t.strictSame((await output('/usr/bin/printf', ['%s\\0', ...args], { backend })).split('\0').slice(0, -1), args);
});

inEveryShell('the command has the fds of its plan, and no other', UNAVAILABLE, async (t, backend, kind) => {
  // In the order of their numbers; the last one is the directory that is being read.
  const fds = async (spec: SpawnSpec): Promise<string> => {
    const { stdout } = await value(
      run('/bin/sh', ['-c', 'echo $(ls /proc/self/fd)'], { ...spec, env: { PATH: '/bin:/usr/bin' } }),
    );
    return stdout.toString().trim();
  };
  t.equal(await fds({ backend }), '0 1 2 3');
  if (NAMESPACES_HERE === false) {
    t.equal(await fds(made(backend, ['pid', 'mnt'], { mountProc: true })), '0 1 2 3');
  }
  const stdio = ['ignore', 'pipe', 'pipe', ...Array.from({ length: 17 }, () => 'ignore' as const)] as const;
  const spawned = spawn('/bin/ls', ['/proc/self/fd'], { backend, stdio });
  if (kind === 'dash') {
    t.match(await failure(spawned, 'unsupported'), { what: 'file descriptors above 9' });
    return;
  }
  const child = await value(spawned);
  let text = '';
  for await (const chunk of child.stdout ?? []) text += chunk;
  (await child.exit)._unsafeUnwrap();
  t.equal(text.trim().split('\n').length, 21);
  child.stderr?.destroy();
});

inEveryShell('pipes above fd 2 come from the command', UNAVAILABLE, async (t, backend, kind) => {
  const many = kind === 'dash' ? 7 : 30;
  const stdio = Array.from({ length: many + 1 }, (_, fd) =>
    fd === 3 || fd === many ? ('pipe' as const) : ('ignore' as const),
  );
  // A shell of the command itself may know one digit only.
  const script = `require("fs").writeSync(3, "three"); require("fs").writeSync(${many}, "last")`;
  const child = await value(spawn(process.execPath, ['-e', script], { backend, stdio }));
  const read = async (fd: number): Promise<string> => {
    let text = '';
    for await (const chunk of child.stdio[fd] as NodeJS.ReadableStream) text += chunk;
    return text;
  };
  t.strictSame(await Promise.all([read(3), read(many)]), ['three', 'last']);
  (await child.exit)._unsafeUnwrap();
});

const STATUSES = [
  'exited 0',
  'exited 1',
  'exited 2',
  'exited 125',
  'exited 126',
  'exited 127',
  'exited 137',
  'exited 143',
  'exited 255',
];
const SIGNALS = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGSEGV', 'SIGPIPE', 'SIGHUP', 'SIGUSR1'];

inEveryShell(
  'an exit code is a code and a signal is a signal, also behind unshare --fork',
  UNAVAILABLE,
  async (t, backend) => {
    const specs: SpawnSpec[] = [{ backend }];
    // A pid 1 has no signal but SIGKILL and SIGSTOP that could end it; in a time namespace unshare waits all the same.
    const timed = unmet('ns:time') === null && NAMESPACES_HERE === false ? made(backend, ['time']) : null;
    if (timed !== null) specs.push(timed);
    for (const spec of specs) {
      const all = STATUSES.map((status) => ends('/bin/sh', ['-c', `exit ${status.slice(7)}`], spec));
      t.strictSame(await Promise.all(all), STATUSES);
      // No core dumps: those of unshare, too, would lie about.
      const kills = SIGNALS.map((name) => ends('/bin/sh', ['-c', `ulimit -c 0; kill -${name.slice(3)} $$`], spec));
      t.strictSame(await Promise.all(kills), SIGNALS);
    }
  },
);

t.test('a pid 1 that is killed from outside is killed by SIGKILL', { skip: NAMESPACES_HERE }, async (t) => {
  for (const kind of SHELLS_HERE) {
    const child = await value(spawn('/bin/sleep', ['100000'], { ...made(backendIn(kind), ['pid']), stdio: 'ignore' }));
    t.not(parentOf(child.pid), process.pid, 'unshare is between');
    t.match(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8'), /sleep/);
    t.ok(child.kill('SIGKILL').isOk());
    t.equal(ending(await value(child.exit)), 'SIGKILL');
    t.match(child.kill('SIGKILL')._unsafeUnwrapErr(), { type: 'signal-failed', errno: 'ESRCH' });
  }
});

inEveryShell(
  'an exec that fails says why, and nothing on the stderr of the command',
  UNAVAILABLE,
  async (t, backend) => {
    const dir = scratch(t);
    const big = 'x'.repeat(131_072);
    const attempts: readonly (readonly [errno: string, command: string, args?: readonly string[]])[] = [
      ['ENOENT', '/nowhere/command'],
      ['ENOENT', 'ns-no-such-command'],
      ['ENOTDIR', '/etc/passwd/command'],
      ['EACCES', program(dir, 'closed', '#!/bin/sh\n', 0o644)],
      ['EACCES', dir],
      ['ENOEXEC', program(dir, 'text', 'echo ran\n')],
      ['ENOEXEC', program(dir, 'empty', '')],
      ['ENOENT', program(dir, 'interpreterless', '#!/nowhere/sh\n')],
      ['EACCES', program(dir, 'interpreted', `#!${dir}/closed\n`)],
      ['ENOEXEC', program(dir, 'twice', `#!${dir}/text\n`)],
      ['ELOOP', program(dir, 'loop', '')],
      ['E2BIG', '/bin/true', [big]],
    ];
    spawnSync('ln', ['-sf', 'loop', join(dir, 'loop')]);
    const specs = [{ backend }, ...(NAMESPACES_HERE === false ? [made(backend, ['pid', 'mnt'])] : [])];
    for (const spec of specs) {
      for (const [errno, command, args = []] of attempts) {
        const stderr = sink(t);
        const error = await failure(
          spawn(command, args, { ...spec, env: { PATH: '/bin:/usr/bin' }, stdio: ['ignore', 'ignore', stderr.fd] }),
          'exec-failed',
        );
        t.equal(error.errno, errno, command);
        t.equal(stderr.text(), '');
      }
    }
  },
);

inEveryShell('an exec that only the kernel refuses says why through a pipe', UNAVAILABLE, async (t, backend) => {
  const path = program(scratch(t), 'busy', readFileSync('/bin/true'));
  const fd = openSync(path, 'r+');
  t.teardown(() => closeSync(fd));
  t.equal((await failure(run(path, [], { backend }), 'exec-failed')).errno, 'ETXTBSY');
  // Where nobody can read what the shell says, its code is all there is.
  t.equal((await failure(spawn(path, [], { backend, stdio: 'ignore' }), 'exec-failed')).errno, 'EACCES');
});

inEveryShell(
  'a set-up that fails has what the tool said, and the stderr of the command has not',
  NAMESPACES_HERE,
  async (t, backend) => {
    const dir = scratch(t);
    const cases = [
      {
        spec: { mountProc: `${dir}/missing` },
        step: 'mount-proc',
        errno: 'ENOENT',
        call: /^(unshare|mount)\(.\): .*missing/,
      },
      { spec: { cwd: `${dir}/missing` }, step: 'cwd', errno: 'ENOENT', call: /^cd\(1\) .*missing$/ },
      { spec: { cwd: '/etc/passwd' }, step: 'cwd', errno: 'ENOTDIR', call: /^cd\(1\)/ },
    ] as const;
    for (const { spec, step, errno, call } of cases) {
      const stderr = sink(t);
      const whole = made(backend, ['pid', 'mnt'], { ...spec, stdio: ['ignore', 'ignore', stderr.fd] });
      const error = await failure(spawn('/bin/true', [], whole), 'setup-failed');
      t.match(error, { step, errno, call, backend: 'shell' });
      t.equal(stderr.text(), '');
    }
  },
);

inEveryShell('what the tools say of a set-up that works is nowhere', NAMESPACES_HERE, async (t, backend) => {
  // A locale that is not there makes bash complain.
  const stderr = sink(t);
  const spec = made(backend, ['pid', 'uts'], {
    hostname: 'h',
    env: { LC_ALL: 'xx_XX' },
    stdio: ['ignore', 'ignore', stderr.fd],
  });
  t.equal(await ends('/bin/true', [], spec), 'exited 0');
  t.equal(stderr.text(), '');
});

t.test('a stage that cannot be started is setup-failed, and leaves nothing', { skip: UNAVAILABLE }, async (t) => {
  const backend = backendWith((tools) => ({ ...tools, shells: [{ kind: 'dash', path: '/nowhere/dash' }] }));
  const spec: SpawnSpec = { backend, stdio: 'ignore' };
  const error = await failure(spawn('/bin/true', [], spec), 'setup-failed');
  t.match(error, { step: 'prepare', errno: 'ENOENT', path: '/nowhere/dash' });
  const piped = await failure(spawn('/bin/true', [], { backend }), 'setup-failed');
  t.match(piped, { step: 'stdio', errno: 'ENOENT', path: '/nowhere/dash' });
  const bad = await failure(
    spawn('/bin/true', [], { backend: backendIn(SHELLS_HERE[0] ?? 'dash'), stdio: [0, 1, 1_000_000] }),
    'setup-failed',
  );
  t.match(bad, { step: 'stdio', errno: 'EBADF' });
});

t.test('a tool that fails in the middle of the chain is setup-failed', { skip: NAMESPACES_HERE }, async (t) => {
  const backend = backendWith((tools) => ({ ...tools, hostname: '/bin/false', busybox: null }));
  const error = await failure(spawn('/bin/true', [], made(backend, ['uts'], { hostname: 'h' })), 'setup-failed');
  t.match(error, { step: 'hostname', errno: null });
  const dead = backendWith((tools) => ({
    ...tools,
    setpriv: { path: '/nowhere/setpriv', options: tools.setpriv?.options ?? new Set() },
  }));
  const lost = await failure(
    spawn('/bin/true', [], made(dead, ['uts'], { parentDeathSignal: 'SIGTERM' })),
    'setup-failed',
  );
  t.match(lost, { errno: 'ENOENT', call: /setpriv/ });
});

/** Processes that were started by this one or by what it started, and still run or wait to be reaped. */
const ours = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => parentOf(pid) === process.pid);

inEveryShell(
  'a chain that is killed at any moment of its set-up leaves nothing',
  NAMESPACES_HERE,
  async (t, backend) => {
    const spec = made(backend, ['pid', 'mnt', 'uts'], {
      hostname: 'h',
      mountProc: true,
      env: { NS_TEST_FILE: process.env['NS_TEST_FILE'] },
    });
    const plan = planSpawn('/bin/sleep', ['100000'], spec)._unsafeUnwrap();
    for (let delay = -1; delay < 24; delay += 1) {
      const launched = backend.launch(plan)._unsafeUnwrap();
      if (delay >= 0) await sleep(delay);
      launched.kill(9).unwrapOr(undefined);
      const started = await launched.started;
      if (started.isOk()) t.match((await launched.exit)._unsafeUnwrap(), { type: 'killed', signal: 'SIGKILL' });
      else t.match(started.error, { type: 'setup-failed', errno: null });
      for (const stream of launched.stdio) stream?.destroy();
    }
    t.strictSame(ours(), []);
  },
);

t.test('a command ends with the unshare that waits for it', { skip: NAMESPACES_HERE }, async (t) => {
  const backend = backendIn(SHELLS_HERE[0] ?? 'dash');
  const child = await value(spawn('/bin/sleep', ['100000'], { ...made(backend, ['pid']), stdio: 'ignore' }));
  process.kill(parentOf(child.pid) ?? child.pid, 'SIGKILL');
  t.equal(ending(await value(child.exit)), 'SIGKILL');
  for (let waited = 0; parentOf(child.pid) !== null && waited < 5000; waited += 20) await sleep(20);
  t.equal(parentOf(child.pid), null, 'it has gone with it');
});

/** The session of a process: the sixth field of its stat. */
const sessionOf = (pid: number): number => {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[3]);
};

inEveryShell(
  'detached gives the command a session, behind unshare --fork as well',
  NAMESPACES_HERE,
  async (t, backend) => {
    for (const [detached, types] of [
      [true, []],
      [true, ['pid']],
      [false, []],
      [false, ['pid']],
    ] as const) {
      const spec = { ...(types.length > 0 ? made(backend, types) : { backend }), detached, stdio: 'ignore' as const };
      const child = await value(spawn('/bin/sleep', ['100000'], spec));
      const wanted = detached ? child.pid : sessionOf(process.pid);
      t.equal(sessionOf(child.pid), wanted, `detached ${detached} in ${types.join()}`);
      child.kill('SIGKILL')._unsafeUnwrap();
      (await child.exit)._unsafeUnwrap();
    }
  },
);

t.test('"ignore" above fd 2 is /dev/null, too', { skip: UNAVAILABLE }, async (t) => {
  const backend = backendIn(SHELLS_HERE[0] ?? 'dash');
  const spec: SpawnSpec = { backend, stdio: ['ignore', 'pipe', 'inherit', 'ignore'] };
  t.equal(await output('/bin/sh', ['-c', 'readlink /proc/$$/fd/3'], spec), '/dev/null\n');
});

t.test('argv[0] is what the plan says, by the shells that can', { skip: UNAVAILABLE }, async (t) => {
  for (const kind of SHELLS_HERE) {
    for (const command of ['/bin/cat', 'cat']) {
      const result = await run(command, ['/proc/self/cmdline'], { backend: backendIn(kind), argv0: '-z ed' });
      if (kind === 'dash') t.match(result._unsafeUnwrapErr(), { type: 'unsupported', what: /argv\[0\]/ });
      else t.equal(result._unsafeUnwrap().stdout.toString(), '-z ed\0/proc/self/cmdline\0');
    }
  }
});

t.test(
  'an unshare without an option makes the spawn unsupported, and starts nothing',
  { skip: UNAVAILABLE },
  async (t) => {
    const backend = backendWith((tools) => ({ ...without('unshare', ['--time'], tools), version: '2.34' }));
    const error = await failure(spawn('/bin/true', [], { backend, namespaces: ['time'] }), 'unsupported');
    t.match(error.message, /"unshare --time".*util-linux 2\.36 or newer \(2\.34 is installed\)/);
    t.match(explain('/bin/true', [], { backend, namespaces: ['time'] })._unsafeUnwrapErr(), { type: 'unsupported' });
  },
);

t.test('explain() prints what sh(1) can read', { skip: UNAVAILABLE }, async (t) => {
  for (const kind of SHELLS_HERE) {
    const spec: SpawnSpec = {
      backend: backendIn(kind),
      namespaces: ['user', 'pid', 'mnt', 'uts'],
      mapRootUser: true,
      hostname: `it's`,
      cwd: '/a b',
      env: { PATH: '/bin', A: '1' },
    };
    const text = explain('sh', ['-c', `echo "it's"`], spec)._unsafeUnwrap();
    const { status, stderr } = spawnSync('sh', ['-n', '-c', text], { encoding: 'utf8' });
    t.equal(status, 0, stderr);
    // The scripts of the stages are words in it: each must be a script, too.
    const scripts = spawnSync('sh', ['-c', text.replace(/^(?!#)\S+/m, 'printf "%s\\0"')], { encoding: 'utf8' }).stdout;
    for (const script of scripts.split('\0').filter((word) => word.includes('\n'))) {
      t.equal(spawnSync('sh', ['-n', '-c', script], { encoding: 'utf8' }).status, 0, script);
    }
  }
});

t.test('available() names the release and the shells; measure() is unsupported', { skip: UNAVAILABLE }, async (t) => {
  const backend = backendIn(SHELLS_HERE[0] ?? 'dash');
  t.match(backend.available()._unsafeUnwrap(), /^unshare from util-linux \d+\.\d+.*, (dash|bash|busybox)$/);
  const plan = planSpawn('/bin/true', [], {})._unsafeUnwrap();
  t.match(backend.measure(plan)._unsafeUnwrapErr(), { type: 'unsupported', backend: 'shell' });
});
