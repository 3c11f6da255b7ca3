import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { renderProgram } from '../../backends/ffi/program/render.ts';
import { compileApart } from '../../backends/ffi/spawn/explain.ts';
import type { SpawnSpec } from '../../lib/index.ts';
import { planSpawn } from '../../lib/plan-spawn.ts';
import { MANNER } from './manner.ts';

// What explain prints of each feature, beside a file that people can read. NS_GOLDEN=write writes the files anew.

const inside = { namespaces: ['user'], mapRootUser: true } as const;
/** A filter that lets everything pass. */
const filter = Buffer.from('BgAAAAAA/38=', 'base64');

const FEATURES: Readonly<Record<string, SpawnSpec>> = {
  credentials: {
    ...inside,
    uid: 0,
    gid: 0,
    groups: 'keep',
    capabilities: { ambient: ['CAP_KILL'], inheritable: ['CAP_CHOWN'] },
    securebits: ['noroot', 'noroot_locked'],
    noNewPrivs: true,
    dieWithParent: true,
  },
  process: {
    ...inside,
    rlimits: { RLIMIT_NOFILE: 64, RLIMIT_CORE: { soft: 0, hard: 'unlimited' } },
    umask: 0o27,
    nice: 5,
    oomScoreAdj: 500,
    seccomp: filter,
    cwd: '/',
  },
  clocks: {
    namespaces: ['user', 'time'],
    mapRootUser: true,
    monotonic: 86_400,
    boottime: { seconds: -1, nanoseconds: 5 },
  },
  owner: { namespaces: ['user', 'uts'], owner: { uid: 1_000, gid: 1_000 }, hostname: 'owned' },
};

const explained = (spec: SpawnSpec): string => {
  const plan = planSpawn('/bin/true', [], { env: {}, stdio: 'ignore', ...spec })._unsafeUnwrap();
  const { launch, child: carrier } = compileApart(plan, 'x64', MANNER);
  const own = (text: string): string =>
    text
      .replaceAll(`"0 ${process.geteuid?.()} 1\\n", ${`0 ${process.geteuid?.()} 1\n`.length}`, '"0 ID 1\\n"')
      .replaceAll(`"0 ${process.getegid?.()} 1\\n", ${`0 ${process.getegid?.()} 1\n`.length}`, '"0 ID 1\\n"')
      .replace(/\/\* carrier \*\/, \d+/, '/* carrier */, SIZE');
  return own(`launch:\n${renderProgram(launch.ops)}\n\ncarrier:\n${renderProgram(carrier.ops)}\n`);
};

for (const [feature, spec] of Object.entries(FEATURES)) {
  t.test(`explain() of ${feature} is what test/ffi/golden/${feature}.txt shows`, async (t) => {
    const file = `test/ffi/golden/${feature}.txt`;
    const text = explained(spec);
    if (process.env['NS_GOLDEN'] === 'write') writeFileSync(file, text);
    t.ok(existsSync(file));
    t.equal(text, readFileSync(file, 'utf8'));
  });
}
