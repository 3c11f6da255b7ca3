import { Ansis } from 'ansis';
import t from 'tap';
import { setOf } from '../../bench/cases/flag-set.ts';
import { drawScaling } from '../../bench/report/scaling.ts';
import { parseAxis, pointName } from '../../bench/scaling/axis.ts';
import { measureScaling, type Scaling } from '../../bench/scaling/run.ts';
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
      },
      {
        way: 'child_process',
        flags: 'none',
        quantity: 'blockedNs',
        points: [summary(2e6), summary(50e6)],
        samples: [],
      },
      { way: 'ffi spawn', flags: 'net', quantity: 'blockedNs', points: [summary(5e5), null], samples: [] },
    ],
    refused: [{ value: 1024 ** 3, what: 'ffi spawn|net', refusal: { type: 'setup-failed', message: 'ENOSPC' } }],
  };
  const text = drawScaling(scaling, { paint: new Ansis(0), width: 100 });
  t.match(text, /^medians by memory of the parent, µs$/m);
  t.match(text, /^flags +way +what +0 +1G +last : first$/m);
  t.match(text, /^none +ffi spawn +event loop blocked +400 +410 +1\.02$/m);
  t.match(text, /^none +child_process +event loop blocked +2000 +50000 +25\.00$/m);
  t.match(text, /^at 1G: ffi spawn net refused: ENOSPC$/m);
});

const ffi = openBackend('ffi');
const skip = ffi.isErr() ? ffi.error.message : false;

t.test('measureScaling() measures at each point, and leaves nothing', { skip }, async (t) => {
  const leaks = countLeaks();
  const spec = {
    ...{ sets: [setOf()], command: '/bin/true', iterations: 2, seed: 1, privileged: process.getuid?.() === 0 },
    ...{ stop: new AbortController().signal, onRound: () => undefined },
  };
  for (const [name, values] of [
    ['rss', [0, 20_000_000]],
    ['jobs', [1, 3]],
    ['alive', [0, 2]],
    ['mounts', [0, 3]],
  ] as const) {
    const { rows, refused } = await measureScaling({ name, values }, spec);
    if (refused.length > 0) {
      // A machine may refuse mounts and namespaces, or have no unshare(1).
      t.ok(name === 'alive' || name === 'mounts', `${name}: ${refused[0]?.refusal.message}`);
      continue;
    }
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
