import { closeSync, openSync } from 'node:fs';
import t, { type Test } from 'tap';
import { host } from '../../backends/ffi/host.ts';
import { num } from '../../backends/ffi/program/argument.ts';
import { enter, type MountSpec, run, type SpawnSpec, spawn } from '../../lib/index.ts';
import { unmet } from '../contract/caller.ts';
import { PROGRAMS, PROGRAMS_ENV } from '../contract/sandbox.ts';
import { watchLeaks } from '../leaks.ts';

// A tree of somebody else's may hold links to /proc/self, which is a half-made child for as long as the command does not run.

watchLeaks(t);

const skip = unmet('user-namespaces') ?? false;
const F_SETFD = 2;

const rooted = (...mounts: readonly MountSpec[]): SpawnSpec => ({
  backend: 'ffi',
  namespaces: ['user', 'pid', 'mnt'],
  mapRootUser: true,
  root: { type: 'tmpfs' },
  mountProc: true,
  env: PROGRAMS_ENV,
  mounts: [...PROGRAMS, ...mounts],
});

const toFd = (fd: number): MountSpec => ({ type: 'symlink', target: `/fd${fd}`, to: `/proc/self/fd/${fd}` });

/** A directory of this machine that this process has open. */
const openRoot = (t: Test): number => {
  const directory = openSync('/', 'r');
  t.teardown(() => closeSync(directory));
  return directory;
};

const NO_DIRECTORY = { type: 'setup-failed', step: 'cwd' } as const;

t.test('no link and no script in a root executes the program of this process', { skip }, async (t) => {
  const spec = rooted(
    { type: 'symlink', target: '/program', to: '/proc/self/exe' },
    { type: 'file', target: '/script', content: '#!/proc/self/exe\nconsole.log("reached")\n', mode: 0o755 },
  );
  for (const [command, ...args] of [['/program', '-e', 'console.log("reached")'], ['/script']] as const) {
    const ran = await run(command, args, spec);
    t.notMatch(ran.isOk() ? String(ran.value.stdout) : ran.error.message, 'reached', command);
  }
});

t.test('no link in a root leads to a directory that this process has open', { skip }, async (t) => {
  const directory = openRoot(t);
  for (const more of [{}, { umask: 0o22 }] satisfies SpawnSpec[]) {
    const entered = await run('ls', [], { ...rooted(toFd(directory)), cwd: `/fd${directory}`, ...more });
    t.match(entered.isErr() ? entered.error : String(entered.value.stdout), NO_DIRECTORY);
  }
});

t.test('nor to one that it was given by its own parent, and passes on to whoever it executes', { skip }, async (t) => {
  const directory = openRoot(t);
  const passed = host()
    ._unsafeUnwrap()
    .runCalls((program) => program.op('fcntl', [num(directory), num(F_SETFD), num(0)], { onError: 'next' }));
  t.equal(passed._unsafeUnwrap().result(0), 0);
  const entered = await run('ls', [], { ...rooted(toFd(directory)), cwd: `/fd${directory}`, umask: 0o22 });
  t.match(entered.isErr() ? entered.error : String(entered.value.stdout), NO_DIRECTORY);
});

t.test("no link in what is entered leads to the caller's /proc", { skip }, async (t) => {
  const fds = Array.from({ length: 12 }, (_, fd) => fd);
  const target = (await spawn('sleep', ['1000'], { ...rooted(...fds.map(toFd)), stdio: 'ignore' }))._unsafeUnwrap();
  t.teardown(() => target[Symbol.asyncDispose]());
  for (const fd of fds) {
    const entered = await enter(target, 'true', [], {
      backend: 'ffi',
      namespaces: ['pid'],
      env: PROGRAMS_ENV,
      stdio: [{ fd: 0 }, { fd: 1 }, { fd: 2 }],
      cwd: `/fd${fd}`,
    });
    t.match(entered.isErr() ? entered.error : 'entered', NO_DIRECTORY, `fd ${fd}`);
    if (entered.isOk()) (await entered.value.exit)._unsafeUnwrap();
  }
});
