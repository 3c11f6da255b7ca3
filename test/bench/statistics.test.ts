import fc from 'fast-check';
import t from 'tap';
import { bootstrapMedians, resamplesFor } from '../../bench/statistics/bootstrap.ts';
import { isDistinct, medianDifference } from '../../bench/statistics/difference.ts';
import { type Random, seededRandom } from '../../bench/statistics/random.ts';
import { unrankable } from '../../bench/statistics/ranking.ts';
import { summarize } from '../../bench/statistics/summary.ts';

const durations = (minLength = 1) => fc.array(fc.integer({ min: 0, max: 1e9 }), { minLength, maxLength: 60 });

/** Type 7 as its definition says it: the value at (n - 1) p, straight lines between the order statistics. */
const slowQuantile = (values: readonly number[], p: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * p;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (place - Math.floor(place)) * (above - below);
};

const slowMedian = (values: readonly number[]): number => slowQuantile(values, 0.5);

/** The sum over a bigint, so that nothing is lost. */
const slowMean = (values: readonly number[]): number =>
  Number((values.reduce((sum, value) => sum + BigInt(value), 0n) * 1_000_000n) / BigInt(values.length)) / 1e6;

/** By all pairs: the variance is half of the mean squared difference of two. */
const slowDeviation = (values: readonly number[]): number => {
  let sum = 0;
  for (const a of values) for (const b of values) sum += (a - b) ** 2;
  return Math.sqrt(sum / (2 * values.length * (values.length - 1)));
};

const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-6 + 1e-9 * Math.max(Math.abs(a), Math.abs(b));

t.test('summarize() says what the definitions say', async (t) => {
  fc.assert(
    fc.property(durations(2), (values) => {
      const summary = summarize(values);
      if (summary === null) return false;
      return (
        summary.count === values.length &&
        summary.min === Math.min(...values) &&
        summary.max === Math.max(...values) &&
        near(summary.p50, slowQuantile(values, 0.5)) &&
        near(summary.p90, slowQuantile(values, 0.9)) &&
        near(summary.p99, slowQuantile(values, 0.99)) &&
        near(summary.mean, slowMean(values)) &&
        near(summary.deviation, slowDeviation(values)) &&
        (summary.mean === 0 || near(summary.opsPerSecond * summary.mean, 1e9))
      );
    }),
  );
  t.pass('for any list of durations');
});

t.test('summarize() has no opinion on no samples, and no deviation for one', async (t) => {
  t.equal(summarize([]), null);
  t.match(summarize([1500]), { count: 1, p50: 1500, p99: 1500, mean: 1500, deviation: 0, min: 1500, max: 1500 });
});

t.test('summarize() leaves its argument in its order', async (t) => {
  const values = [3, 1, 2];
  summarize(values);
  t.same(values, [3, 1, 2]);
});

t.test('seededRandom() repeats itself for a seed, and differs for another', async (t) => {
  const draw = (seed: number): number[] => Array.from({ length: 20 }, seededRandom(seed));
  t.same(draw(7), draw(7));
  t.notSame(draw(7), draw(8));
});

t.test('seededRandom() fills the interval from 0 to 1 evenly', async (t) => {
  const bins = new Array<number>(10).fill(0);
  const random = seededRandom(1);
  for (let k = 0; k < 10_000; k += 1) {
    const bin = Math.floor(random() * 10);
    bins[bin] = (bins[bin] ?? Number.NaN) + 1;
  }
  t.equal(bins.length, 10, 'no number outside');
  t.ok(
    bins.every((count) => count > 880 && count < 1120),
    `about a thousand each: ${bins}`,
  );
});

t.test('bootstrapMedians() takes the medians of the draws', async (t) => {
  fc.assert(
    fc.property(durations(), fc.integer(), (values, seed) => {
      const [fast] = bootstrapMedians([values], 5, seededRandom(seed));
      const random = seededRandom(seed);
      return (fast ?? []).every((median) => {
        const draw = values.map(() => values[Math.floor(random() * values.length)] ?? Number.NaN);
        return near(median, slowMedian(draw));
      });
    }),
  );
  t.pass('as sorting each draw does');
});

t.test('bootstrapMedians() draws series of one length by the same rounds', async (t) => {
  fc.assert(
    fc.property(durations(), fc.integer({ min: 1, max: 1e6 }), fc.integer(), (values, shift, seed) => {
      const [a, b] = bootstrapMedians([values.map((value) => value + shift), values], 20, seededRandom(seed));
      return (a ?? []).every((median, draw) => near(median - (b?.[draw] ?? Number.NaN), shift));
    }),
  );
  t.pass('so that what is common to a round cancels out');
});

t.test('bootstrapMedians() has no median for a series without samples', async (t) => {
  const [empty, full] = bootstrapMedians([[], [5]], 3, seededRandom(1));
  t.same(empty, new Float64Array([Number.NaN, Number.NaN, Number.NaN]));
  t.same(full, new Float64Array([5, 5, 5]));
});

t.test('resamplesFor() resamples less often when there is more', async (t) => {
  t.equal(resamplesFor(0), 1000);
  t.equal(resamplesFor(15_000), 1000);
  t.equal(resamplesFor(1_000_000), 200);
  t.equal(resamplesFor(100_000_000), 100);
});

/** Durations as machines give them: a floor, a skewed spread, and now and then something long. */
const noisy = (size: number, floor: number, random: Random): number[] =>
  Array.from({ length: size }, () => floor - 30_000 * Math.log(1 - random()) + (random() < 0.02 ? 2e6 : 0));

const differenceOf = (a: readonly number[], b: readonly number[], random: Random) => {
  const [first, second] = bootstrapMedians([a, b], 300, random);
  return medianDifference(
    { median: slowMedian(a), resampled: first ?? new Float64Array() },
    { median: slowMedian(b), resampled: second ?? new Float64Array() },
  );
};

t.test('medianDifference() claims no difference between two equal things in 19 of 20 runs', async (t) => {
  const random = seededRandom(2026);
  let claims = 0;
  for (let run = 0; run < 400; run += 1) {
    if (isDistinct(differenceOf(noisy(100, 9e5, random), noisy(100, 9e5, random), random))) claims += 1;
  }
  t.ok(claims <= 24 && claims >= 4, `${claims} of 400: neither too bold nor too shy`);
});

t.test('medianDifference() finds 20 us, and its interval holds them', async (t) => {
  const random = seededRandom(2027);
  let found = 0;
  let held = 0;
  for (let run = 0; run < 100; run += 1) {
    const difference = differenceOf(noisy(300, 9.2e5, random), noisy(300, 9e5, random), random);
    if (isDistinct(difference)) found += 1;
    if (difference.low <= 20_000 && difference.high >= 20_000) held += 1;
  }
  t.ok(found >= 98, `found in ${found} of 100 runs`);
  t.ok(held >= 90, `held by ${held} of 100 intervals`);
});

const row = (name: string, median: number, spread: number) => ({
  name,
  median,
  // The same draws for all rows would cancel out: every name has its own.
  resampled: Float64Array.from({ length: 200 }, (_, draw) => median + spread * Math.sin(draw * (name.length + 1))),
});

t.test('unrankable() groups the rows whose neighbours are too near', async (t) => {
  const rows = [row('far', 900, 5), row('b', 100, 5), row('aa', 102, 5), row('middle', 500, 5), row('aaaa', 103, 5)];
  t.same(unrankable(rows), [['b', 'aa', 'aaaa']]);
});

t.test('unrankable() is silent about rows that are apart', async (t) => {
  t.same(unrankable([row('a', 100, 5), row('bb', 200, 5)]), []);
  t.same(unrankable([]), []);
});
