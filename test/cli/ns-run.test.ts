import { setImmediate } from 'node:timers/promises';
import { errAsync, ok, okAsync } from 'neverthrow';
import t from 'tap';
import type { Io } from '../../cli/ns-run/io.ts';
import { main } from '../../cli/ns-run/main.ts';
import { type Backend, type ExitStatus, type LaunchError, NAMESPACES, type SpawnPlan } from '../../lib/index.ts';

interface Said {
  code: number;
  stdout: string;
  stderr: string;
  died: string | null;
  plan: SpawnPlan | null;
}

/** A backend that creates nothing and says what it is told to say. */
const actor = (
  said: Said,
  end:
    | { readonly status: ExitStatus }
    | { readonly error: LaunchError }
    | { readonly forever: true }
    | { readonly stuck: true },
): Backend => {
  const note = (plan: SpawnPlan): void => {
    said.plan = plan;
  };
  let stop: (status: ExitStatus) => void = () => {};
  const stopped = new Promise<ExitStatus>((resolve) => {
    stop = resolve;
  });
  return {
    name: 'actor',
    available: () => ok('an actor'),
    launch: (plan) => {
      note(plan);
      return ok({
        started:
          'error' in end
            ? errAsync(end.error)
            : okAsync(null).map(() => ('stuck' in end ? stopped.then(() => process.pid) : process.pid)),
        exit: 'status' in end ? okAsync(end.status) : okAsync(null).map(() => stopped),
        stdio: [null, null, null],
        kill: () => {
          stop({ type: 'killed', signal: 'SIGKILL', coreDumped: false, usage: null });
          return ok(undefined);
        },
        setRef: () => {},
      });
    },
    explain: (plan) => {
      note(plan);
      return ok(`would run ${plan.argv.join(' ')}`);
    },
    measure: () => {
      throw new Error('ns-run measures nothing');
    },
  };
};

const exited = (code: number): { readonly status: ExitStatus } => ({ status: { type: 'exited', code, usage: null } });
const killed = (signal: NodeJS.Signals): { readonly status: ExitStatus } => ({
  status: { type: 'killed', signal, coreDumped: false, usage: null },
});

const play = async (
  argv: readonly string[],
  end: Parameters<typeof actor>[1] = exited(0),
  env: Io['env'] = { SHELL: '/bin/zsh' },
): Promise<Said> => {
  const said: Said = { code: -1, stdout: '', stderr: '', died: null, plan: null };
  said.code = await main(argv, {
    stdout: (text) => {
      said.stdout += text;
    },
    stderr: (text) => {
      said.stderr += text;
    },
    env,
    backend: actor(said, end),
    die: (signal) => {
      said.died = signal;
    },
  });
  return said;
};

const failed = (error: LaunchError): { readonly error: LaunchError } => ({ error });

t.test('main() exits with the code of the command', async (t) => {
  for (const code of [0, 1, 124, 125, 255]) t.match(await play(['x'], exited(code)), { code, stderr: '', died: null });
});

t.test('main() exits with 128 + the signal that killed the command', async (t) => {
  t.match(await play(['x'], killed('SIGKILL')), { code: 137, died: null });
  t.match(await play(['x'], killed('SIGTERM')), { code: 143, died: null });
  t.match(await play(['x'], killed('SIG64' as NodeJS.Signals)), { code: 192, died: null }, 'a real-time signal');
});

t.test('main() dies of SIGINT when the command did, so that a shell ends its loop', async (t) => {
  t.match(await play(['x'], killed('SIGINT')), { code: 130, died: 'SIGINT' });
  t.match(await play(['x'], exited(130)), { code: 130, died: null });
});

t.test('main() exits with 127 and 126 for a command that cannot be executed', async (t) => {
  const facts = { type: 'exec-failed', command: 'x' } as const;
  const absent = failed({ ...facts, errno: 'ENOENT', reason: 'not-found', message: 'Not there' });
  t.match(await play(['x'], absent), { code: 127, stderr: 'ns-run: Not there\n' });
  const below = failed({ ...facts, errno: 'ENOTDIR', reason: 'not-found', message: 'Not below a file' });
  t.match(await play(['x'], below), { code: 127, stderr: 'ns-run: Not below a file\n' });
  const denied = failed({ ...facts, errno: 'EACCES', reason: 'not-executable', message: 'Not allowed' });
  t.match(await play(['x'], denied), { code: 126, stderr: 'ns-run: Not allowed\n' });
  const long = failed({ ...facts, errno: 'E2BIG', reason: 'too-long', message: 'Too long' });
  t.match(await play(['x'], long), { code: 126, stderr: 'ns-run: Too long\n' });
});

t.test('main() exits with 125 and the diagnosis when the set-up fails', async (t) => {
  const error: LaunchError = {
    type: 'setup-failed',
    backend: 'actor',
    step: 'clone',
    syscall: 'clone3',
    call: 'clone3({flags=CLONE_NEWUSER}, 88)',
    errno: 'ENOSPC',
    namespaces: ['user'],
    path: null,
    message: 'not printed',
    diagnosis: {
      cause: 'max-userns-zero',
      summary: 'No user namespaces are allowed here',
      confidence: 'likely',
      evidence: [{ source: '/proc/sys/user/max_user_namespaces', value: '0' }],
      remedy: ['sysctl -w user.max_user_namespaces=1000', 'echo again'],
    },
  };
  const { code, stderr } = await play(['-r', 'x'], failed(error));
  t.equal(code, 125);
  t.equal(
    stderr,
    `ns-run: Set-up failed at clone: clone3({flags=CLONE_NEWUSER}, 88): ENOSPC
  No user namespaces are allowed here (likely)
  evidence: /proc/sys/user/max_user_namespaces: 0
  remedy: sysctl -w user.max_user_namespaces=1000
  remedy: echo again
`,
  );
  // What the library itself makes of it depends on the machine.
  const said = await play(
    ['-r', 'x'],
    failed({ ...error, step: 'prepare', call: 'a tool said no', errno: null, diagnosis: null }),
  );
  t.match(said, { code: 125, stderr: /^ns-run: Set-up failed at prepare: a tool said no\n/ });
});

t.test('main() exits with 125 when the backend cannot do it', async (t) => {
  const unsupported = failed({ type: 'unsupported', backend: 'a', what: 'b', needs: 'c', message: 'Cannot' });
  t.match(await play(['x'], unsupported), { code: 125, stderr: 'ns-run: Cannot\n' });
  const away = failed({ type: 'backend-unavailable', backend: 'a', reason: 'b', message: 'Away' });
  t.match(await play(['x'], away), { code: 125, stderr: 'ns-run: Away\n' });
});

t.test('main() exits with 124 when --timeout runs out', async (t) => {
  const said = await play(['--timeout', '20ms', 'x'], { forever: true });
  t.match(said, { code: 124, stderr: 'ns-run: Timed out after 20 ms\n' });
});

t.test('main() ends a set-up that does not get on when it is told to end', async (t) => {
  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    const before = process.listenerCount(signal);
    const playing = play(['x'], { stuck: true });
    while (process.listenerCount(signal) === before) await setImmediate();
    // A backend would keep the event loop alive.
    const alive = setInterval(() => {}, 1000);
    process.kill(process.pid, signal);
    const said = await playing;
    clearInterval(alive);
    t.match(said, { code, stderr: '', died: signal === 'SIGINT' ? signal : null }, signal);
  }
});

t.test('main() names options as they were written when the library refuses a value', async (t) => {
  const refused = [
    [['--wd', '', 'x'], /^ns-run: Option "--wd" is "", wanted a path/],
    [['-m', '--propagation=upside-down', 'x'], /^ns-run: Option "--propagation" is "upside-down", wanted one of/],
    [['--propagation=slave', 'x'], /^ns-run: Option "--propagation" is "slave", wanted "mnt"/],
    [['--setgroups=allow', 'x'], /^ns-run: Option "--setgroups" is "allow", wanted "user"/],
    [['--setgroups=perhaps', '-U', 'x'], /^ns-run: Option "--setgroups" is "perhaps", wanted "allow" or "deny"/],
    [['--mount-proc=', 'x'], /^ns-run: Option "--mount-proc" is "", wanted a path/],
    [['--hostname', 'h'.repeat(65), 'x'], /^ns-run: Option "--hostname" is "h+", wanted at most 64 bytes/],
    [['--nice=99', 'x'], /^ns-run: Option "--nice" is 99, wanted a whole number from -20 to 19/],
    [['--oom-score-adj=5000', 'x'], /^ns-run: Option "--oom-score-adj" is 5000, wanted/],
    [['--rlimit=RLIMIT_FOO=1', 'x'], /^ns-run: Option "--rlimit" is "RLIMIT_FOO", wanted names of limits/],
    [['--securebits=foo', 'x'], /^ns-run: Option "--securebits" is "foo", wanted one of/],
    [['--into-cgroup=/nope', 'x'], /^ns-run: Option "--into-cgroup" is "\/nope", wanted a directory/],
    [['--seccomp-filter=/dev/null', 'x'], /^ns-run: Option "--seccomp-filter" is "\d+ bytes", wanted/],
    [['--timeout=0', 'x'], /^ns-run: Option "--timeout" is 0, wanted more than 0/],
    [['--map-user=4294967295', 'x'], /^ns-run: Option "--map-users" is /],
    [['--map-groups=0:0:0', 'x'], /^ns-run: Option "--map-groups" is /],
    [['--backend=fast', 'x'], /^ns-run: Option "--backend" is "fast", wanted one of auto, ffi, shell/],
    [['', 'x'], /^ns-run: Option "command" is "", wanted a path/],
  ] as const;
  for (const [argv, stderr] of refused) t.match(await play(argv), { code: 125, stderr, plan: null }, argv.join(' '));
});

t.test('main() says where help is when a command line cannot be read', async (t) => {
  const { code, stderr } = await play(['--bogus', 'x']);
  t.equal(code, 125);
  t.equal(stderr, 'ns-run: Unknown option "--bogus"\n  Try "ns-run --help"\n');
});

t.test('main() explains and starts nothing', async (t) => {
  const said = await play(['--explain', '-p', 'ps', 'ax'], failed({} as LaunchError));
  t.match(said, { code: 0, stdout: 'would run ps ax\n', stderr: '', plan: { namespaces: ['pid'] } });
  t.match(await play(['--explain', '--wd=', 'x']), { code: 125, stdout: '', stderr: /"--wd"/ });
});

t.test('main() hands the plan of a whole command line to the backend', async (t) => {
  const uid = process.geteuid?.() ?? 0;
  const gid = process.getegid?.() ?? 0;
  const { plan } = await play(['-crimp', '--hostname=m', '--kill-child', '-w', '/', 'sh', '-c', 'exit'], exited(0), {});
  t.match(plan, {
    command: 'sh',
    argv: ['sh', '-c', 'exit'],
    namespaces: ['ipc', 'mnt', 'pid', 'user', 'uts'],
    hostname: 'm',
    propagation: 'private',
    mountProc: null,
    cwd: '/',
    parentDeathSignal: 9,
    stdio: [0, 1, 2].map((fd) => ({ type: 'fd', fd })),
    idMap: { uid: [{ inside: 0, outside: uid, count: 1 }], gid: [{ inside: 0, outside: gid, count: 1 }] },
  });
});

t.test('main() starts $SHELL as a login shell when there is no command', async (t) => {
  t.match((await play(['-p'])).plan, { command: '/bin/zsh', argv: ['-zsh'] });
  t.match((await play(['-p'], exited(0), {})).plan, { command: '/bin/sh', argv: ['-sh'] });
  t.match((await play(['--clear-env'])).plan, { command: '/bin/sh', argv: ['-sh'], env: [] });
});

t.test('main() prints help with every option, and its version', async (t) => {
  const help = await play(['--help']);
  t.match(help, { code: 0, stderr: '', plan: null });
  for (const { letter, option } of Object.values(NAMESPACES)) {
    t.match(help.stdout, `  -${letter}, --${option} `, `-${letter} is NAMESPACES' letter for --${option}`);
  }
  t.notMatch(help.stdout, 'preset');
  t.notMatch(help.stdout, '--load-interp', 'what is refused is not offered');
  t.ok(
    help.stdout.split('\n').every((line) => line.length <= 120),
    'no line is longer than 120 columns',
  );
  t.match((await play(['-V'])).stdout, /^ns-run from linux-namespaces \d+\.\d+\.\d+\n$/);
  t.match((await play(['-h', '--mount-binfmt', '/'])).code, 0, 'help is help, whatever stands beside it');
});

t.test('main() gives its process the signals back', async (t) => {
  const before = process.eventNames().map((name) => [name, process.listenerCount(name)]);
  await play(['x']);
  await play(['x'], failed({ type: 'unsupported', backend: 'a', what: 'b', needs: 'c', message: 'Cannot' }));
  t.same(
    process.eventNames().map((name) => [name, process.listenerCount(name)]),
    before,
  );
});
