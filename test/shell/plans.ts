import fc from 'fast-check';
import { planIdMap } from '../../lib/id-map.ts';
import { NAMESPACE_TYPES, type NamespaceType } from '../../lib/namespace.ts';
import { plainPlan } from '../../lib/plain-plan.ts';
import type { SpawnPlan, StdioPlan } from '../../lib/plan.ts';

/** A plan of nothing but a command. */
export const PLAIN: SpawnPlan = {
  ...plainPlan('/bin/true', []),
  stdio: [{ type: 'ignore' }, { type: 'ignore' }, { type: 'ignore' }],
};

const text = (more: fc.StringConstraints = {}): fc.Arbitrary<string> =>
  fc.string({ unit: 'binary', ...more }).filter((string) => !string.includes('\0'));

const maybe = <T>(arbitrary: fc.Arbitrary<T>, possible: boolean): fc.Arbitrary<T | null> =>
  possible ? fc.option(arbitrary) : fc.constant(null);

const stdioEntry: fc.Arbitrary<StdioPlan> = fc.oneof(
  fc.constant({ type: 'ignore' } as const),
  fc.constant({ type: 'pipe' } as const),
  fc.nat(40).map((fd) => ({ type: 'fd', fd }) as const),
);

const identifier = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,12}$/).filter((name) => !name.startsWith('ns_'));

/** Names that tools and shells have a use for, among others. */
const name = fc.oneof(
  identifier,
  fc.constantFrom(
    'PATH',
    'LD_PRELOAD',
    'LC_ALL',
    'PWD',
    'OLDPWD',
    'SHLVL',
    '_',
    'IFS',
    'UID',
    'BASH_ENV',
    'NODE_V8_COVERAGE',
  ),
  text({ minLength: 1 }).filter((odd) => !odd.includes('=')),
);

const range = fc.record({ inside: fc.nat(1000), outside: fc.nat(100_000), count: fc.integer({ min: 1, max: 1000 }) });

const OWN = { uid: 1000, gid: 1000 };

const idMap = fc
  .record({
    uid: fc.oneof(
      fc.constant([]),
      range.map((one) => [one]),
      fc.nat(9).map((inside) => [{ inside, outside: 1000, count: 1 }]),
    ),
    gid: fc.oneof(
      fc.constant([]),
      range.map((one) => [one]),
      fc.nat(9).map((inside) => [{ inside, outside: 1000, count: 1 }]),
    ),
    setgroups: fc.constantFrom('allow' as const, 'deny' as const, undefined),
  })
  .map(({ uid, gid, setgroups }) => planIdMap(uid, gid, setgroups, OWN));

const planWith = (namespaces: readonly NamespaceType[]): fc.Arbitrary<SpawnPlan> => {
  const has = (type: NamespaceType): boolean => namespaces.includes(type);
  return fc
    .record({
      command: text({ minLength: 1 }),
      argv0: fc.option(text()),
      args: fc.array(text(), { maxLength: 5 }),
      env: fc.uniqueArray(fc.tuple(name, text()), { selector: ([key]) => key, maxLength: 8 }),
      hostname: maybe(text({ maxLength: 16 }), has('uts')),
      domainname: maybe(text({ maxLength: 16 }), has('uts')),
      propagation: fc.constantFrom('private' as const, 'slave' as const, 'shared' as const, 'unchanged' as const),
      mountProc: maybe(text({ minLength: 1 }), has('mnt')),
      idMap: maybe(idMap, has('user')),
      cwd: fc.option(text({ minLength: 1 })),
      stdio: fc.array(stdioEntry, { minLength: 3, maxLength: 20 }),
      detached: fc.boolean(),
      parentDeathSignal: fc.option(fc.integer({ min: 1, max: 31 })),
    })
    .map(({ argv0, args, env, propagation, ...rest }) => {
      const path = env.find(([key]) => key === 'PATH')?.[1] ?? '/bin:/usr/bin';
      return {
        ...rest,
        namespaces,
        pty: null,
        init: false,
        mounts: [],
        root: null,
        enter: null,
        ipc: null,
        networkTask: null,
        network: null,
        owner: null,
        cgroups: [],
        timeOffsets: null,
        credentials: null,
        process: null,
        argv: [argv0 ?? rest.command, ...args],
        env: env.map((pair) => pair.join('=')),
        searchPath: rest.command.includes('/') ? [] : path.split(':').map((dir) => dir || '.'),
        propagation: has('mnt') ? propagation : null,
      };
    });
};

/** Every plan that `planSpawn` may make, and some more. */
export const plans: fc.Arbitrary<SpawnPlan> = fc.subarray([...NAMESPACE_TYPES]).chain(planWith);
