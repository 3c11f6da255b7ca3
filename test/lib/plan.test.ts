import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { NAMESPACE_TYPES } from '../../lib/namespace.ts';
import { planSpawn } from '../../lib/plan-spawn.ts';
import type { SpawnSpec } from '../../lib/spec.ts';
import { mostMapBytes } from '../../lib/subordinate-ids.ts';

const plan = (spec: SpawnSpec, command = 'true', args: readonly string[] = []) =>
  planSpawn(command, args, spec)._unsafeUnwrap();

const OWN = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };

t.test('planSpawn() of an empty spec is a plain child process', async (t) => {
  t.match(plan({}), {
    command: 'true',
    argv: ['true'],
    namespaces: [],
    hostname: null,
    domainname: null,
    propagation: null,
    mountProc: null,
    idMap: null,
    cwd: null,
    stdio: [{ type: 'pipe' }, { type: 'pipe' }, { type: 'pipe' }],
    detached: false,
    parentDeathSignal: null,
  });
});

t.test('planSpawn() has each namespace once, in the order of the alphabet', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...NAMESPACE_TYPES), { maxLength: 20 }), (namespaces) => {
        const planned = plan({ namespaces }).namespaces;
        return JSON.stringify(planned) === JSON.stringify([...new Set(namespaces)].sort());
      }),
    ),
  );
});

t.test('planSpawn() makes a new mount namespace private, unless something else is asked for', async (t) => {
  t.equal(plan({ namespaces: ['mnt'] }).propagation, 'private');
  t.equal(plan({ namespaces: ['mnt'], propagation: 'slave' }).propagation, 'slave');
  t.equal(plan({ namespaces: ['mnt'], propagation: 'unchanged' }).propagation, 'unchanged');
  t.equal(plan({ namespaces: ['user', 'pid'] }).propagation, null);
});

t.test('planSpawn() mounts proc where it is told to', async (t) => {
  t.equal(plan({ namespaces: ['mnt'], mountProc: true }).mountProc, '/proc');
  t.equal(plan({ namespaces: ['mnt'], mountProc: '/tmp/proc' }).mountProc, '/tmp/proc');
  t.equal(plan({ namespaces: ['mnt'], mountProc: false }).mountProc, null);
  t.equal(plan({ mountProc: false }).mountProc, null, 'false wants no mount namespace');
});

t.test('planSpawn() maps the caller as the words say', async (t) => {
  const namespaces = ['user'] as const;
  const line = (inside: number, outside: number) => [{ inside, outside, count: 1 }];
  t.match(plan({ namespaces, mapRootUser: true }).idMap, {
    uid: line(0, OWN.uid),
    gid: line(0, OWN.gid),
    writer: 'self',
    setgroups: 'deny',
  });
  t.match(plan({ namespaces, mapCurrentUser: true }).idMap, {
    uid: line(OWN.uid, OWN.uid),
    gid: line(OWN.gid, OWN.gid),
  });
  t.equal(plan({ namespaces }).idMap, null, 'no map is the kernel’s own answer');
  t.equal(plan({ namespaces, mapRootUser: false, mapCurrentUser: false }).idMap, null);
  t.match(plan({ namespaces, setgroups: 'deny' }).idMap, { uid: [], gid: [], setgroups: 'deny' });
});

t.test('planSpawn() looks up the words of a map, and fits them around what else is mapped', async (t) => {
  const namespaces = ['user'] as const;
  const own = readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/).map(Number);
  const counted = (spec: SpawnSpec) =>
    (plan({ namespaces, ...spec }).idMap?.uid ?? []).reduce((sum, { count }) => sum + count, 0);
  const all = plan({ namespaces, uidMap: 'all' }).idMap;
  t.match(all?.uid[0], { inside: own[0], outside: own[0], count: own[2] });
  const beside = plan({ namespaces, mapRootUser: true, uidMap: 'all' }).idMap;
  t.match(beside?.uid[0], { inside: 0, outside: OWN.uid, count: 1 });
  t.match(beside?.gid, [{ inside: 0, outside: OWN.gid, count: 1 }], 'the other map is that of the own group');
  t.equal(counted({ mapRootUser: true, uidMap: 'all' }), counted({ uidMap: 'all' }));
});

const wide = mostMapBytes() > 5000 ? 'on pages this large 340 ranges always fit' : false;

t.test('planSpawn() refuses a map that the kernel would refuse without a reason', { skip: wide }, async (t) => {
  const refused = (uidMap: SpawnSpec['uidMap'] & object) =>
    planSpawn('true', [], { namespaces: ['user'], uidMap })._unsafeUnwrapErr().message;
  const far = Array.from({ length: 300 }, (_, at) => ({ inside: 1_000_000_000 + at, outside: 2 * at }));
  t.match(refused(far), /^Option "uidMap" is "300 ranges of \d+ bytes", wanted at most \d+ bytes, a page less one$/);
});

t.test('planSpawn() keeps arguments and argv[0] as they are', async (t) => {
  const text = fc.string().map((value) => value.replaceAll('\0', ''));
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(text), fc.option(text, { nil: undefined }), (args, argv0) => {
        const { argv } = plan(argv0 === undefined ? {} : { argv0 }, 'cmd', args);
        return JSON.stringify(argv) === JSON.stringify([argv0 ?? 'cmd', ...args]);
      }),
    ),
  );
});

t.test('planSpawn() hands over the whole environment that is given, without what is undefined', async (t) => {
  t.same(plan({ env: { A: '1', B: undefined, C: '', D: 'x=y' } }).env, ['A=1', 'C=', 'D=x=y']);
  t.same(plan({ env: {} }).env, []);
});

t.test('planSpawn() searches as execvp(3) does', async (t) => {
  const searched = (PATH: string | undefined, command = 'cmd') => plan({ env: { PATH } }, command).searchPath;
  t.same(searched('/a:/b'), ['/a', '/b']);
  t.same(searched(':/b:'), ['.', '/b', '.'], 'an empty entry is the working directory');
  t.same(searched(''), ['.']);
  t.same(searched(undefined), ['/bin', '/usr/bin'], 'without PATH');
  t.same(searched('/a:/b', './cmd'), [], 'a path is not searched');
  t.same(searched('/a:/b', 'dir/cmd'), []);
});

t.test('planSpawn() fills stdio up to three, and keeps what is beyond', async (t) => {
  const [ignore, pipe] = [{ type: 'ignore' }, { type: 'pipe' }] as const;
  const fd = (number: number) => ({ type: 'fd', fd: number });
  t.same(plan({ stdio: 'inherit' }).stdio, [fd(0), fd(1), fd(2)]);
  t.same(plan({ stdio: 'ignore' }).stdio, [ignore, ignore, ignore]);
  t.same(plan({ stdio: [] }).stdio, [pipe, pipe, pipe]);
  t.same(plan({ stdio: ['ignore', 7] }).stdio, [ignore, fd(7), pipe]);
  t.same(plan({ stdio: [2, 1, 0, 'pipe', 'inherit', { fd: 9 }] }).stdio, [fd(2), fd(1), fd(0), pipe, fd(4), fd(9)]);
  t.same(plan({ stdio: [process.stdin, process.stdout, process.stderr] }).stdio, [fd(0), fd(1), fd(2)], 'streams');
  // biome-ignore lint/suspicious/noSparseArray: a hole is what is tested
  t.same(plan({ stdio: ['ignore', , 'ignore'] as unknown as SpawnSpec['stdio'] & object }).stdio, [
    ignore,
    pipe,
    ignore,
  ]);
});

t.test('planSpawn() turns signals into numbers', async (t) => {
  t.equal(plan({ parentDeathSignal: 'SIGTERM' }).parentDeathSignal, 15);
});

t.test('planSpawn() never throws, whatever the spec is', async (t) => {
  const names: readonly (keyof SpawnSpec)[] = [
    'namespaces',
    'hostname',
    'domainname',
    'propagation',
    'mountProc',
    'mapRootUser',
    'mapCurrentUser',
    'uidMap',
    'gidMap',
    'setgroups',
    'cwd',
    'env',
    'argv0',
    'stdio',
    'detached',
    'parentDeathSignal',
    'dieWithParent',
    'monotonic',
    'boottime',
    'uid',
    'gid',
    'groups',
    'capabilities',
    'keepCaps',
    'noNewPrivs',
    'securebits',
    'rlimits',
    'umask',
    'nice',
    'oomScoreAdj',
    'seccomp',
  ];
  const value = fc.oneof(
    fc.anything(),
    fc.constantFrom(['user'], ['uts', 'mnt'], true, 'private', 0, { inside: 0, outside: 0 }, [{ fd: 1 }]),
  );
  const spec = fc.record(Object.fromEntries(names.map((name) => [name, value])), { requiredKeys: [] });
  fc.assert(
    fc.property(fc.anything(), fc.anything(), spec, (command, args, loose) => {
      const result = planSpawn(command as string, args as string[], loose as SpawnSpec);
      return result.isOk() || (result.error.type === 'invalid-option' && result.error.message !== '');
    }),
    { numRuns: 2000 },
  );
  t.pass('for 2000 specs');
});
