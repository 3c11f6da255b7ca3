import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ansis } from 'ansis';
import t from 'tap';
import { setOf } from '../../bench/cases/flag-set.ts';
import { drawScaling } from '../../bench/report/scaling.ts';
import { measureAxes } from '../../bench/scaling/axes.ts';
import { parseAxis, pointName } from '../../bench/scaling/axis.ts';
import { measureScaling, type ScalingSpec } from '../../bench/scaling/run.ts';
import { type Scaling, scalingRows } from '../../bench/scaling/scaling.ts';
import { seededRandom } from '../../bench/statistics/random.ts';
import { openBackend } from '../../lib/index.ts';
import { countLeaks } from '../leaks.ts';

t.test('parseAxis() reads sizes and counts, in order and each once', async (t) => {
  t.same(parseAxis('rss', '1G,50M,1G')._unsafeUnwrap().values, [50 * 1024 ** 2, 1024 ** 3]);
  t.same(parseAxis('jobs', '16,1')._unsafeUnwrap().values, [1, 16]);
  for (const [name, text] of [
    ['rss', '1T'],
    ['rss', '65G'],
    ['jobs', '0'],
    ['jobs', '4K'],
    ['alive', '-1'],
    ['alive', ''],
    ['mounts', '1e3'],
  ] as const) {
    t.match(parseAxis(name, text)._unsafeUnwrapErr(), /joined by ","/, `${name} ${text}`);
  }
});

t.test('pointName() is short', async (t) => {
  t.equal(pointName('rss', 1024 ** 3), '1G');
  t.equal(pointName('rss', 50 * 1024 ** 2), '50M');
  t.equal(pointName('rss', 0), '0');
  t.equal(pointName('alive', 2048), '2048');
});

const summary = (p50: number) => ({
  ...{ count: 1, p50, p90: p50, p99: p50, p999: p50, mean: p50, deviation: 0, min: p50, max: p50, opsPerSecond: 1 },
});

t.test('drawScaling() tells how much the last point is of the first', async (t) => {
  const scaling: Scaling = {
    ...{ axis: 'rss', values: [0, 1024 ** 3] },
    rows: [
      {
        way: 'ffi spawn',
        flags: 'none',
        quantity: 'blockedNs',
        points: [summary(400_000), summary(410_000)],
        samples: [],
        growth: { value: 410_000 / 400_000, low: 0.9, high: 30 },
      },
      {
        way: 'child_process',
        flags: 'none',
        quantity: 'blockedNs',
        points: [summary(2e6), summary(50e6)],
        samples: [],
        growth: { value: 25, low: 0.9, high: 30 },
      },
      {
        way: 'ffi spawn',
        flags: 'net',
        quantity: 'blockedNs',
        points: [summary(5e5), null],
        samples: [],
        growth: null,
      },
    ],
    refused: [{ value: 1024 ** 3, what: 'ffi spawn|net', refusal: { type: 'setup-failed', message: 'ENOSPC' } }],
  };
  const text = drawScaling(scaling, { paint: new Ansis(0), width: 100 });
  t.match(text, /^medians by memory of the parent, µs$/m);
  t.match(text, /^flags +way +what +0 +1G +last : first +95% interval$/m);
  t.match(text, /^none +ffi spawn +event loop blocked +400 +410 +1\.02 +0\.90 to 30\.00$/m);
  t.match(text, /^none +child_process +event loop blocked +2000 +50000 +25\.00 +0\.90 to 30\.00$/m);
  t.match(text, /^at 1G: ffi spawn net refused: ENOSPC$/m);
});

const ffi = openBackend('ffi');
const skip = ffi.isErr() ? ffi.error.message : false;

const spec: ScalingSpec = {
  ...{ sets: [setOf()], command: '/bin/true', backends: [{ name: 'ffi', timesItself: true }], peers: true },
  ...{ iterations: 2, warmup: 1, mostMs: null, seed: 1, privileged: process.getuid?.() === 0 },
  ...{ stop: new AbortController().signal, onRound: () => undefined },
};

t.test('measureScaling() measures at each point, and leaves nothing', { skip }, async (t) => {
  const leaks = countLeaks();
  for (const [name, values] of [
    ['rss', [0, 20_000_000]],
    ['jobs', [1, 3]],
    ['alive', [0, 2]],
    ['mounts', [0, 3]],
  ] as const) {
    const { scaling, rounds, ended } = await measureScaling({ name, values }, spec);
    const { rows, refused } = scaling;
    t.equal(ended, 'complete', name);
    if (refused.length > 0) {
      // A machine may refuse mounts and namespaces, or have no unshare(1).
      t.ok(name === 'alive' || name === 'mounts', `${name}: ${refused[0]?.refusal.message}`);
      continue;
    }
    t.equal(rounds, 2, name);
    t.ok(rows.length >= 2, name);
    for (const { way, points } of rows) {
      t.equal(points.length, 2);
      t.ok(
        points.every((point) => point?.count === 2 && point.p50 > 0),
        `${name}, ${way}`,
      );
    }
  }
  t.same(await leaks(), []);
});

t.test('measureScaling() keeps whole rounds of what was stopped, and leaves nothing', { skip }, async (t) => {
  const leaks = countLeaks();
  // Others may measure on this machine, too.
  const own = mkdtempSync(join(tmpdir(), 'ns-test-'));
  const outer = process.env['TMPDIR'];
  process.env['TMPDIR'] = own;
  const stopping = new AbortController();
  const onRound = (done: number): void => {
    // In the second block: the first one is whole.
    if (done === 10) setTimeout(() => stopping.abort(), 5);
  };
  const long = { ...spec, iterations: 10_000, stop: stopping.signal, onRound };
  const { scaling, rounds, ended } = await measureScaling({ name: 'jobs', values: [1, 2] }, long);
  t.equal(ended, 'interrupted');
  t.ok(rounds >= 10 && rounds < 10_000, `${rounds} rounds`);
  t.same(scaling.refused, []);
  t.ok(scaling.rows.every(({ points }) => points.every((point) => (point?.count ?? 0) >= 10)));
  const atOnce = { ...spec, stop: AbortSignal.abort() };
  t.match(await measureScaling({ name: 'alive', values: [50] }, atOnce), { ended: 'interrupted', rounds: 0 });
  t.same(
    readdirSync(own).filter((name) => name.startsWith('ns-bench')),
    [],
  );
  if (outer === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = outer;
  rmSync(own, { recursive: true });
  t.same(await leaks(), []);
});

t.test('measureAxes() begins no block after its time', { skip }, async (t) => {
  const axes = [{ name: 'jobs', values: [1] } as const, { name: 'rss', values: [0] } as const];
  const told: [number, number][] = [];
  const {
    axes: runs,
    rounds,
    ended,
  } = await measureAxes(axes, {
    ...{ ...spec, iterations: 1000, mostMs: 1, peers: false },
    onRound: (done, all) => told.push([done, all]),
  });
  t.match({ rounds, ended }, { rounds: 10, ended: 'out-of-time' });
  t.same(
    runs.map(({ scaling }) => scaling.axis),
    ['jobs', 'rss'],
  );
  t.ok(
    runs.every(({ scaling }) => scaling.rows.every(({ way }) => way !== 'child_process')),
    'without peers',
  );
  t.same(told, [
    [10, 2000],
    [1010, 2000],
  ]);
});

const shell = openBackend('shell');
const withoutShell = shell.isErr() ? shell.error.message : false;

t.test('measureScaling() measures the backends that it is given', { skip: withoutShell }, async (t) => {
  const { scaling } = await measureScaling(
    { name: 'jobs', values: [1, 2] },
    { ...spec, backends: [{ name: 'shell', timesItself: false }], peers: false },
  );
  t.same(new Set(scaling.rows.map(({ way }) => way)), new Set(['shell spawn']));
});

t.test('scalingRows() tells with an interval how much the last point is of the first', async (t) => {
  const random = seededRandom(7);
  const around = (ns: number) => Array.from({ length: 60 }, () => ns * (1 + 0.1 * random()));
  const series = (list: number[]) => new Map([['ffi spawn|none', { samples: { blockedNs: list }, refused: null }]]);
  const rounds = { rounds: 60, ended: 'complete' } as const;
  const points = [1e5, 1.5e5, 2e5].map((ns) => ({ ...rounds, series: series(around(ns)) }));
  const [row] = scalingRows(points, seededRandom(1));
  t.match(row, { way: 'ffi spawn', flags: 'none', quantity: 'blockedNs' });
  const { low = 0, value = 0, high = 0 } = row?.growth ?? {};
  t.ok(low > 1.9 && low < value && value < high && high < 2.1, JSON.stringify(row?.growth));
  t.equal(scalingRows(points.slice(0, 1), random)[0]?.growth, null, 'one point does not grow');
});
