import fc from 'fast-check';
import t from 'tap';
import { changePoint, findChange, warmUpLength } from '../../bench/statistics/change-point.ts';
import { logBins, percentileCurve } from '../../bench/statistics/histogram.ts';
import { holm } from '../../bench/statistics/holm.ts';
import { mannWhitney } from '../../bench/statistics/mann-whitney.ts';
import { farOutShare } from '../../bench/statistics/outliers.ts';
import { type Random, seededRandom } from '../../bench/statistics/random.ts';
import { medianRatio } from '../../bench/statistics/ratio.ts';

const near = (a: number | undefined, b: number, within = 1e-4): boolean => Math.abs((a ?? Number.NaN) - b) <= within;

/** Durations as machines give them: a floor, a skewed spread, and now and then something long. */
const noisy = (size: number, floor: number, random: Random): number[] =>
  Array.from({ length: size }, () => floor - 30_000 * Math.log(1 - random()) + (random() < 0.02 ? 2e6 : 0));

t.test('mannWhitney() gives the probabilities that are known', async (t) => {
  // Worked by hand from the definition: U, its variance with ties, and the continuity correction.
  t.ok(near(mannWhitney([1, 2, 3], [4, 5, 6])?.p, 0.0808556));
  t.ok(near(mannWhitney([1, 2, 3, 4, 5], [6, 7, 8, 9, 10])?.p, 0.0121858));
  t.ok(near(mannWhitney([1, 1, 2, 2], [2, 2, 3, 3])?.p, 0.0863587), 'with ties');
  t.equal(mannWhitney([4, 5, 6], [1, 2, 3])?.superiority, 1);
  t.match(mannWhitney([7, 7], [7, 7, 7]), { superiority: 0.5, p: 1 });
  t.equal(mannWhitney([], [1]), null);
});

t.test('mannWhitney() counts the pairs, and does not care for order or sides', async (t) => {
  const list = fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(list, list, (a, b) => {
      const [one, other] = [mannWhitney(a, b), mannWhitney([...b].reverse(), a)];
      let pairs = 0;
      for (const x of a) for (const y of b) pairs += x > y ? 1 : x === y ? 0.5 : 0;
      return (
        near(one?.superiority, pairs / (a.length * b.length), 1e-9) &&
        near(other?.superiority, 1 - (one?.superiority ?? 0), 1e-9) &&
        near(one?.p, other?.p ?? Number.NaN, 1e-9)
      );
    }),
  );
  t.pass('for any two lists');
});

t.test('mannWhitney() is wrong about equal sources as often as it says', async (t) => {
  const random = seededRandom(41);
  const runs = 2000;
  let below = 0;
  for (let run = 0; run < runs; run += 1) {
    if ((mannWhitney(noisy(40, 9e5, random), noisy(40, 9e5, random))?.p ?? 1) < 0.05) below += 1;
  }
  t.ok(below > 0.035 * runs && below < 0.065 * runs, `${below} of ${runs} below 0.05`);
});

t.test('mannWhitney() finds 20 us among 300 samples', async (t) => {
  const random = seededRandom(42);
  let found = 0;
  for (let run = 0; run < 50; run += 1) {
    if ((mannWhitney(noisy(300, 9.2e5, random), noisy(300, 9e5, random))?.p ?? 1) < 0.01) found += 1;
  }
  t.equal(found, 50);
});

t.test('holm() corrects as the step-down procedure says', async (t) => {
  const corrected = holm([0.01, 0.04, 0.03, 0.005]);
  for (const [index, p] of [0.03, 0.06, 0.06, 0.02].entries()) t.ok(near(corrected[index], p, 1e-12), `${index}`);
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 30 }), (list) => {
      const after = holm(list);
      return after.every((p, index) => p >= (list[index] ?? 1) && p <= Math.min(1, (list[index] ?? 1) * list.length));
    }),
  );
  t.pass('never below the probability itself, never above that of Bonferroni');
});

t.test('changePoint() finds where a level changes', async (t) => {
  const random = seededRandom(43);
  for (const at of [30, 100, 170]) {
    const values = [...noisy(at, 1e6, random), ...noisy(200 - at, 9.5e5, random)];
    const found = changePoint(values);
    t.ok(found !== null && Math.abs(found.at - at) <= 3 && found.p < 0.001, `${found?.at} for ${at}`);
    t.ok((found?.before ?? 0) > (found?.after ?? 0));
  }
  t.equal(changePoint([1, 2, 3]), null, 'too short to tell');
  t.equal(changePoint(Array.from({ length: 20 }, () => 5))?.p, 1, 'no change at all');
});

t.test('findChange() is seldom wrong about series without a change, outliers or not', async (t) => {
  const random = seededRandom(44);
  let found = 0;
  for (let run = 0; run < 1000; run += 1) if (findChange(noisy(150, 9e5, random)) !== null) found += 1;
  t.ok(found <= 5, `${found} of 1000, wanted about one`);
});

t.test('warmUpLength() cuts what is slower at the beginning, step by step, and nothing else', async (t) => {
  const random = seededRandom(45);
  const steps = [...noisy(12, 3e6, random), ...noisy(25, 1.2e6, random), ...noisy(263, 9e5, random)];
  t.ok(Math.abs(warmUpLength(steps) - 37) <= 3, `${warmUpLength(steps)} of 37`);
  const later = [...noisy(250, 9e5, random), ...noisy(50, 1.5e6, random)];
  t.equal(warmUpLength(later), 0, 'a change for the worse is no warm-up');
  const half = [...noisy(150, 1.5e6, random), ...noisy(150, 9e5, random)];
  t.equal(warmUpLength(half), 0, 'half of a run is no warm-up');
  let cut = 0;
  for (let run = 0; run < 500; run += 1) if (warmUpLength(noisy(100, 9e5, random)) > 0) cut += 1;
  t.ok(cut <= 4, `cut ${cut} of 500 series that have none`);
});

t.test('percentileCurve() keeps three figures at any size', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 1e12 }), { minLength: 1, maxLength: 80 }), (values) => {
      const sorted = [...values].sort((a, b) => a - b);
      const curve = percentileCurve(values);
      return curve.every(({ percent, ns }, index) => {
        const rank = (percent / 100) * sorted.length;
        const below = sorted[Math.max(1, Math.floor(rank)) - 1] ?? Number.NaN;
        const above = sorted[Math.max(1, Math.ceil(rank)) - 1] ?? Number.NaN;
        return ns >= below * 0.998 - 1 && ns <= above * 1.002 + 1 && ns >= (curve[index - 1]?.ns ?? 0);
      });
    }),
  );
  t.same(percentileCurve([]), []);
  t.equal(percentileCurve(Array.from({ length: 1000 }, (_, k) => k)).at(-1)?.percent, 100);
});

t.test('logBins() counts every sample once, in bins of equal ratio', async (t) => {
  t.same(logBins([1, 5, 10, 50, 100, 5000], 1, 1000, 3), [2, 2, 2]);
  t.same(logBins([0.1, 99], 1, 10, 2), [1, 1], 'what is outside counts at the edge');
  t.same(logBins([7, 7], 7, 7, 2), [2, 0], 'one value is one bin');
});

t.test('farOutShare() counts what lies far above', async (t) => {
  t.equal(farOutShare([10, 11, 12, 13, 14, 15, 16, 17, 18, 900]), 0.1);
  t.equal(farOutShare([10, 11, 12]), 0);
  t.equal(farOutShare([]), 0);
});

t.test('medianRatio() divides draw by draw', async (t) => {
  const draws = (factor: number) => Float64Array.from({ length: 100 }, (_, k) => factor * (100 + k));
  const ratio = medianRatio({ median: 300, resampled: draws(3) }, { median: 150, resampled: draws(1.5) });
  t.match(ratio, { value: 2, low: 2, high: 2 });
});
