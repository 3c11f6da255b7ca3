import fc from 'fast-check';
import t from 'tap';
import type { Host } from '../../cli/ns-run/host.ts';
import { parseRange, withSingle } from '../../cli/ns-run/id-ranges.ts';
import { type Request, type RunRequest, readRequest } from '../../cli/ns-run/request.ts';
import {
  CAPABILITY_NAMES,
  type FullIdRange,
  NAMESPACE_TYPES,
  NAMESPACES,
  type NamespaceType,
} from '../../lib/index.ts';

const HOST: Host = {
  env: { SHELL: '/bin/zsh', HOME: '/root', LANG: 'C' },
  uid: 1000,
  gid: 100,
  findUser: (name) => (name === 'neo' ? 42 : null),
  findGroup: (name) => (name === 'crew' ? 43 : null),
};

const read = (...argv: string[]): Request => readRequest(argv, HOST)._unsafeUnwrap();
const refused = (...argv: string[]): string => readRequest(argv, HOST)._unsafeUnwrapErr().message;

const asked = (...argv: string[]): RunRequest => {
  const request = read(...argv);
  if (request.type === 'help' || request.type === 'version') throw new Error(`Asked for ${request.type}`);
  return request;
};

const spec = (...argv: string[]): RunRequest['spec'] => asked(...argv).spec;
const line = (inside: number, outside: number, count = 1) => ({ inside, outside, count });

const types = fc.uniqueArray(fc.constantFrom(...NAMESPACE_TYPES));
const word = fc.oneof(fc.string(), fc.constantFrom('-r', '--', '--mount-proc', '-', '--user=x', '-w', ''));
const command = fc.tuple(
  fc.string({ minLength: 1 }).filter((text) => !text.startsWith('-')),
  fc.array(word),
);

t.test('readRequest() takes namespaces as letters, in clusters, by name and by the start of a name', async (t) => {
  const written = (type: NamespaceType) => {
    const { letter, option } = NAMESPACES[type];
    // Shorter starts of some names fit others, too.
    const starts: Partial<Record<NamespaceType, string>> = { ipc: 'ip', net: 'ne', cgroup: 'cg', pid: 'pi', uts: 'ut' };
    return fc.constantFrom(`-${letter}`, `--${option}`, `--${starts[type] ?? option}`);
  };
  fc.assert(
    fc.property(
      types.chain((wanted) => fc.tuple(fc.constant(wanted), fc.tuple(...wanted.map(written)), command)),
      ([wanted, options, [name, args]]) => {
        const request = asked(...options, name, ...args);
        t.same(new Set(request.spec.namespaces), new Set(wanted));
        t.same([request.command, ...request.args], [name, ...args]);
      },
    ),
    { numRuns: 60 },
  );
  fc.assert(
    fc.property(types, command, (wanted, [name, args]) => {
      fc.pre(wanted.length > 0);
      const request = asked(`-${wanted.map((type) => NAMESPACES[type].letter).join('')}`, name, ...args);
      t.same(new Set(request.spec.namespaces), new Set(wanted));
      t.same([request.command, ...request.args], [name, ...args]);
    }),
    { numRuns: 60 },
  );
});

t.test('readRequest() leaves every word after the command to the command', async (t) => {
  fc.assert(
    fc.property(fc.boolean(), command, (dashes, [name, args]) => {
      const request = asked('-m', ...(dashes ? ['--'] : []), name, ...args);
      t.same([request.command, ...request.args], [name, ...args]);
      t.same(request.spec.namespaces, ['mnt']);
    }),
    { numRuns: 100 },
  );
  t.match(asked('-m', '--', '-u'), { command: '-u', args: [] }, 'a command may look like an option after --');
  t.match(asked('-m', '-', '-u'), { command: '-', args: ['-u'] }, 'a single dash is a command');
});

t.test('readRequest() reads values from the same word and from the next, as they are', async (t) => {
  const options = ['wd', 'hostname', 'domainname', 'propagation', 'setgroups', 'backend'] as const;
  const field = (name: (typeof options)[number]) => (name === 'wd' ? 'cwd' : name);
  fc.assert(
    fc.property(fc.constantFrom(...options), fc.string(), fc.boolean(), (name, value, attached) => {
      const argv = attached ? [`--${name}=${value}`] : [`--${name}`, value];
      t.equal(spec(...argv, 'x')[field(name)], value);
    }),
    { numRuns: 100 },
  );
  t.equal(spec('-w', '-r', 'x').cwd, '-r', 'even when it looks like an option');
  t.equal(spec('-mw/usr', 'x').cwd, '/usr', 'or ends a cluster');
  t.equal(spec('-w', '/a', '--wd=/b', 'x').cwd, '/b', 'the last one counts');
});

t.test('readRequest() takes an optional value from the same word only', async (t) => {
  t.match(asked('--mount-proc', 'ls'), { command: 'ls', spec: { mountProc: '/proc' } });
  t.match(asked('--mount-proc=/x', 'ls'), { command: 'ls', spec: { mountProc: '/x' } });
  t.match(asked('--kill-child', 'ls'), { command: 'ls', spec: { parentDeathSignal: 'SIGKILL' } });
  for (const name of ['TERM', 'SIGTERM', 'term', 'SigTerm']) {
    t.match(asked(`--kill-child=${name}`, 'ls'), { spec: { parentDeathSignal: 'SIGTERM' } });
  }
});

t.test('readRequest() makes the namespaces that an option implies', async (t) => {
  t.same(spec('--mount-proc', 'x').namespaces, ['mnt']);
  t.same(spec('--hostname=h', 'x').namespaces, ['uts']);
  t.same(spec('--domainname=d', 'x').namespaces, ['uts']);
  for (const option of [
    '-r',
    '-c',
    '--map-user=1',
    '--map-group=1',
    '--map-users=0:0:1',
    '--map-groups=0:0:1',
    '--map-auto',
    '--map-subids',
  ]) {
    t.same(spec(option, 'x').namespaces, ['user'], option);
  }
  t.same(new Set(spec('--all', 'x').namespaces), new Set(NAMESPACE_TYPES));
  t.same(spec('--kill-child', '-f', '--forward-signals', 'x').namespaces, []);
});

t.test('readRequest() lets the last word on an identity count', async (t) => {
  const maps = (...argv: string[]) => {
    const { uidMap, gidMap } = spec(...argv, 'x');
    return [uidMap, gidMap];
  };
  t.same(maps('-r'), [[line(0, 1000)], [line(0, 100)]]);
  t.same(maps('-c'), [[line(1000, 1000)], [line(100, 100)]]);
  t.same(maps('-r', '-c'), maps('-c'));
  t.same(maps('-cr'), maps('-r'));
  t.same(maps('-r', '--map-user=5'), [[line(5, 1000)], [line(0, 100)]]);
  t.same(maps('--map-user=5', '-r'), maps('-r'));
  t.same(maps('--map-user', 'neo', '--map-group=crew'), [[line(42, 1000)], [line(43, 100)]]);
  t.same(maps('--map-user=7'), [[line(7, 1000)], undefined]);
  t.equal(
    refused('--map-user=smith', 'x'),
    'Option "--map-user" is "smith", wanted a number or a name that this machine knows',
  );
  t.match(refused('--map-group=', 'x'), /^Option "--map-group" is ""/);
});

t.test('readRequest() reads id ranges in both of their forms', async (t) => {
  t.same(spec('--map-users=0:100000:65536', 'x').uidMap, [line(0, 100_000, 65_536)]);
  t.same(spec('--map-users', '100000,0,65536', 'x').uidMap, [line(0, 100_000, 65_536)]);
  t.same(spec('--map-groups=1:2:3', '--map-groups=9:8:7', 'x').gidMap, [line(1, 2, 3), line(9, 8, 7)]);
  t.same(spec('-r', '--map-users=1:100000:9', 'x').uidMap, [line(0, 1000), line(1, 100_000, 9)]);
  t.same(spec('-r', '--map-auto', 'x').uidMap, [line(0, 1000), 'auto']);
  t.same(spec('--map-subids', 'x').gidMap, ['subids']);
  t.same(spec('-c', '--map-users=all', '--map-groups', 'subids', 'x').uidMap, [line(1000, 1000), 'all']);
  t.same(spec('-c', '--map-users=all', '--map-groups', 'subids', 'x').gidMap, [line(100, 100), 'subids']);
  for (const text of ['', '1', '1:2', 'some', '1:2:3:4', '1:2,3', 'a:b:c', '-1:0:1', '1:2:3 ', '99999999999:0:1']) {
    t.match(refused(`--map-users=${text}`, 'x'), /^Option "--map-users" is .*, wanted inside:outside:count/, text);
  }
});

const id = fc.integer({ min: 0, max: 40 });
const range = fc.record({ inside: id, outside: id, count: fc.integer({ min: 1, max: 20 }) });

t.test('withSingle() takes both ends of the single id out of every range, and nothing else', async (t) => {
  const pairs = (map: { inside: number; outside: number; count: number }) =>
    Array.from({ length: map.count }, (_, index) => [map.inside + index, map.outside + index] as const);
  fc.assert(
    fc.property(fc.record({ inside: id, outside: id }), range, (single, whole) => {
      const [first, ...rest] = withSingle(single, [whole]) as readonly FullIdRange[];
      t.same(first, { ...single, count: 1 });
      const mapped = rest.flatMap(pairs);
      const insides = mapped.map(([inside]) => inside);
      const outsides = mapped.map(([, outside]) => outside);
      const held = (side: 'inside' | 'outside') =>
        single[side] >= whole[side] && single[side] < whole[side] + whole.count;
      t.notOk(insides.includes(single.inside) || outsides.includes(single.outside), 'no end is mapped twice');
      t.equal(mapped.length, whole.count - (held('inside') || held('outside') ? 1 : 0), 'at most one id is lost');
      t.same(
        insides,
        [...insides].sort((a, b) => a - b),
        'in order inside',
      );
      t.same(
        outsides,
        [...outsides].sort((a, b) => a - b),
        'in order outside',
      );
      t.ok(insides.every((x) => x >= whole.inside && x < whole.inside + whole.count));
      t.ok(outsides.every((x) => x >= whole.outside && x < whole.outside + whole.count));
      t.ok(rest.length <= 3, 'in three lines at most');
    }),
    { numRuns: 200 },
  );
  t.same(withSingle(null, [line(0, 0, 5)]), [line(0, 0, 5)]);
});

t.test('parseRange() reads what it is shown', async (t) => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat(), (inside, outside, count) => {
      t.same(parseRange('o', `${inside}:${outside}:${count}`)._unsafeUnwrap(), { inside, outside, count });
      t.same(parseRange('o', `${outside},${inside},${count}`)._unsafeUnwrap(), { inside, outside, count });
    }),
    { numRuns: 50 },
  );
});

t.test('readRequest() builds the environment that was asked for', async (t) => {
  t.equal(spec('x').env, undefined, "the caller's own is left to the library");
  t.same(spec('--env', 'A=b=c', '--env=LANG=', 'x').env, { ...HOST.env, A: 'b=c', LANG: '' });
  t.same(spec('--clear-env', 'x').env, {});
  t.same(spec('--clear-env', '--env=A=1', 'x').env, { A: '1' });
  t.same(spec('--whitelist-env=HOME,NONE', 'x').env, { HOME: '/root', NONE: undefined });
  t.same(spec('--whitelist-env', 'HOME', '--whitelist-env=LANG', '--clear-env', 'x').env, { HOME: '/root', LANG: 'C' });
  for (const text of ['A', '', '=b'])
    t.match(refused(`--env=${text}`, 'x'), /^Option "--env" is .*, wanted NAME=VALUE/);
});

t.test('readRequest() reads durations', async (t) => {
  for (const [text, ms] of [
    ['10', 10_000],
    ['1.5s', 1_500],
    ['500ms', 500],
    ['.5', 500],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['1d', 86_400_000],
  ] as const) {
    t.equal(spec('--timeout', text, 'x').timeoutMs, ms, text);
  }
  for (const text of ['', 'soon', '-1', '1w', '1 s', '.', 'Infinity']) {
    t.match(refused(`--timeout=${text}`, 'x'), /^Option "--timeout" is .*, wanted a duration/, text);
  }
});

t.test('readRequest() reads who the command is to be and what it may do', async (t) => {
  t.match(spec('-S', '5', '-G6', 'x'), { uid: 5, gid: 6, groups: undefined });
  t.match(spec('--setuid', 'neo', 'x'), { uid: 42, groups: 'keep' });
  t.match(spec('--setgid=crew', 'x'), { gid: 43, groups: undefined });
  t.match(spec('--owner=5:6', 'x'), { owner: { uid: 5, gid: 6 }, namespaces: ['user'] });
  t.same(spec('--groups=1,crew', 'x').groups, [1, 43]);
  t.same(spec('--groups', '', 'x').groups, []);
  t.equal(spec('--groups=keep', '-G', '5', 'x').groups, 'keep');
  t.equal(spec('-U', '--keep-caps', 'x').keepCaps, true);
  t.equal(spec('--keep-caps', 'x').keepCaps, undefined, 'as with unshare, without a user namespace');
  t.same(spec('--ambient-caps', 'kill,+CAP_CHOWN', 'x').capabilities, { ambient: ['CAP_KILL', 'CAP_CHOWN'] });
  t.same(spec('--cap-add', 'kill', '--cap-add=CHOWN', 'x').capabilities, { ambient: ['CAP_KILL', 'CAP_CHOWN'] });
  t.same(spec('--inh-caps=-all', '--bounding-set=all', 'x').capabilities, { bounding: 'all', inheritable: [] });
  t.same(
    spec('--cap-drop', 'kill', '--cap-drop', 'CAP_CHOWN', 'x').capabilities?.bounding,
    CAPABILITY_NAMES.filter((name) => name !== 'CAP_KILL' && name !== 'CAP_CHOWN'),
  );
  t.same(spec('--cap-drop', 'ALL', 'x').capabilities?.bounding, []);
  t.match(spec('--no-new-privs', '--securebits=+noroot,keep_caps_locked', 'x'), {
    noNewPrivs: true,
    securebits: ['noroot', 'keep_caps_locked'],
  });
  t.same(spec('--rlimit=nofile=5', '--rlimit', 'RLIMIT_CORE=0:unlimited', 'x').rlimits, {
    RLIMIT_NOFILE: 5,
    RLIMIT_CORE: { soft: 0, hard: 'unlimited' },
  });
  t.match(spec('--umask=027', '--nice=-3', '--oom-score-adj', '500', 'x'), { umask: 0o27, nice: -3, oomScoreAdj: 500 });
  t.match(spec('-T', '--monotonic', '-5', '--boottime=0.5', 'x'), {
    monotonic: -5,
    boottime: { seconds: 0, nanoseconds: 500_000_000 },
  });
  t.same(spec('-T', '--monotonic=-0.25', 'x').monotonic, { seconds: -1, nanoseconds: 750_000_000 });
  for (const [argv, message] of [
    [['-S', 'smith'], /^Option "--setuid" is "smith", wanted a number or a name/],
    [['--groups=1,smith'], /^Option "--groups" is "smith"/],
    [['--ambient-caps=fly'], /^Option "--ambient-caps" has "fly", wanted the name of a capability/],
    [['--rlimit=nofile'], /^Option "--rlimit" is "nofile", wanted a limit like/],
    [['--owner=me'], /^Option "--owner" is "me", wanted uid:gid/],
    [['--umask=9'], /^Option "--umask" is "9", wanted an octal/],
    [['--nice=low'], /^Option "--nice" is "low"/],
    [['--seccomp-filter=/no/such/file'], /^Option "--seccomp-filter" is "\/no\/such\/file", which cannot be read/],
    [['-T', '--boottime=soon'], /^Option "--boottime" is "soon", wanted seconds/],
  ] as const) {
    t.match(refused(...argv, 'x'), message, argv.join(' '));
  }
});

t.test('readRequest() refuses what unshare has and ns-run has not, each in a sentence of its own', async (t) => {
  const lines = [
    ['--mount-binfmt'],
    ['-l', ':x:M::x::/bin/x:'],
    ...Object.values(NAMESPACES).map(({ option }) => [`--${option}=/run/kept`]),
  ];
  for (const argv of lines) {
    t.match(
      refused('-r', ...argv, 'true'),
      /^Option "--[^"]+" is not supported yet: ns-run cannot [^\n]+[^.]$/,
      argv.join(' '),
    );
  }
});

t.test('readRequest() says what is wrong with a command line', async (t) => {
  for (const [argv, message] of [
    [['--bogus', 'x'], 'Unknown option "--bogus"'],
    [['--propogation=slave', 'x'], 'Unknown option "--propogation" (Did you mean --propagation?)'],
    [['-rx', 'x'], 'Unknown option "-x"'],
    [['--set', 'allow', 'x'], 'Option "--set" is ambiguous, wanted one of --setgroups, --setuid, --setgid'],
    [['--fork=1', 'x'], 'Option "--fork" is given "1", wanted no value'],
    [['--help=me'], 'Option "--help" is given "me", wanted no value'],
    [['-r', '--wd'], 'Option "--wd" is the last word, wanted a value after it'],
    [['-rw'], 'Option "--wd" is the last word, wanted a value after it'],
    [['--kill-child=NONE', 'x'], 'Option "--kill-child" is "NONE", wanted the name of a signal like SIGTERM or TERM'],
  ] as const) {
    t.equal(refused(...argv), message);
  }
});

t.test('readRequest() never throws', async (t) => {
  const option = fc.constantFrom(
    '-r',
    '-w',
    '--wd',
    '--mount-proc',
    '--map-users',
    '--env',
    '--',
    '-Urpf',
    '--map',
    '-h',
  );
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          option,
          fc.string(),
          fc.string().map((text) => `--${text}`),
        ),
      ),
      (argv) => {
        const read = readRequest(argv, HOST);
        return read.isOk() || read.isErr();
      },
    ),
    { numRuns: 500 },
  );
  t.pass('500 command lines');
});

t.test('readRequest() takes mounts in the order of the line, with the names of bwrap', async (t) => {
  const { namespaces, mounts, root, init } = spec(
    ...['--pivot-root', '--ro-bind', '/usr', '/usr', '--bind-try', 'a', '/b', '--symlink', 'usr/bin', '/bin'],
    ...['--perms', '1777', '--size', '4096', '--tmpfs', '/tmp', '--tmpfs=/run', '--dev', '/dev', '--proc', '/proc'],
    ...[
      '--overlay-src',
      '/low',
      '--overlay-src',
      '/high',
      '--tmp-overlay',
      '/o',
      '--mask',
      '/m',
      '--init',
      'x',
      '--bind',
    ],
  );
  t.strictSame(new Set(namespaces), new Set(['mnt', 'pid']));
  t.strictSame(root, { type: 'tmpfs' });
  t.equal(init, true);
  t.strictSame(mounts, [
    { type: 'bind', source: '/usr', target: '/usr', readOnly: true },
    { type: 'bind', source: 'a', target: '/b', optional: true },
    { type: 'symlink', to: 'usr/bin', target: '/bin' },
    { type: 'tmpfs', target: '/tmp', mode: 0o1777, sizeBytes: 4096 },
    { type: 'tmpfs', target: '/run', mode: 0o755 },
    { type: 'dev', target: '/dev' },
    { type: 'proc', target: '/proc' },
    { type: 'overlay', target: '/o', lower: ['/high', '/low'], upper: { type: 'tmpfs' } },
    { type: 'mask', target: '/m' },
  ]);
  t.strictSame(spec('-R', '/srv', 'x').root, '/srv');
  t.strictSame(spec('--pivot-root=/srv', 'x').root, { type: 'bind', source: '/srv', method: 'pivot_root' });
  t.equal(spec('--pty', 'x').stdio, 'pty');
});

t.test('readRequest() says what is wrong with the words of a mount', async (t) => {
  t.match(refused('--bind', '/a'), /"--bind" has 1 of 2 words after it/);
  t.match(refused('--bind=/a', '/b'), /"--bind" is given "\/a", wanted 2 words after it/);
  t.match(refused('--overlay-src', '/a', 'x'), /"--overlay-src" is followed by nothing/);
  t.match(refused('--perms', '755', 'x'), /"--perms" is followed by nothing/);
  t.match(refused('--perms', '8', '--dir', '/a', 'x'), /"--perms" is "8", wanted an octal number/);
  t.match(refused('--size', '1m', '--tmpfs', '/a', 'x'), /"--size" is "1m", wanted a number of bytes/);
});
