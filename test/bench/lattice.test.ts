import { Ansis } from 'ansis';
import fc from 'fast-check';
import t from 'tap';
import { analyse } from '../../bench/analysis.ts';
import { chooseCases } from '../../bench/cases/choose.ts';
import type { FlagSet } from '../../bench/cases/flag-set.ts';
import { affordableSize, DESIGN_SIZES, designOf, pairsOf } from '../../bench/lattice/design.ts';
import { marginalCosts } from '../../bench/lattice/marginal-costs.ts';
import type { Series } from '../../bench/measure/rounds.ts';
import { drawMarginalCosts } from '../../bench/report/marginal.ts';
import { isEstimable, leastSquares } from '../../bench/statistics/least-squares.ts';
import { type Random, seededRandom } from '../../bench/statistics/random.ts';
import { fitWarnings } from '../../bench/warnings.ts';
import { NAMESPACE_TYPES, type NamespaceType } from '../../lib/index.ts';

t.test('designOf() has every flag in half and every pair in a quarter of its sets', async (t) => {
  for (const size of DESIGN_SIZES) {
    const { sets } = designOf(size);
    t.equal(sets.length, size);
    t.equal(sets[0]?.name, 'none');
    t.equal(new Set(sets.map(({ name }) => name)).size, size, 'each once');
    const count = (...types: readonly NamespaceType[]): number =>
      sets.filter(({ namespaces }) => types.every((type) => namespaces.includes(type))).length;
    t.ok(NAMESPACE_TYPES.every((type) => count(type) === size / 2));
    t.ok(pairsOf(NAMESPACE_TYPES).every(([a, b]) => count(a, b) === size / 4));
  }
});

t.test('affordableSize() takes the largest design that fits', async (t) => {
  t.equal(affordableSize(2, null, 100), 256);
  t.equal(affordableSize(2, 240_000, 100), 256);
  t.equal(affordableSize(2, 5_000, 100), 64);
  t.equal(affordableSize(2, 1_000, 100), 16);
  t.equal(affordableSize(2, 5_000, 2), 256, 'when few rounds were asked for');
  t.equal(affordableSize(2, 1, 100), 16, 'never less than the least');
});

t.test('isEstimable() knows columns that cannot be told apart', async (t) => {
  const rows = [
    [1, 0, 0],
    [1, 1, 1],
    [1, 0, 0],
    [1, 1, 1],
  ];
  t.notOk(isEstimable(rows));
  t.ok(isEstimable(rows.map((row) => row.slice(0, 2))));
  t.notOk(isEstimable([]));
  t.notOk(isEstimable([[1, 0]]));
});

t.test('leastSquares() finds the coefficients that made the data', async (t) => {
  const wanted = fc.array(fc.integer({ min: -1e6, max: 1e6 }), { minLength: 3, maxLength: 3 });
  const design = [
    [1, 0, 0],
    [1, 1, 0],
    [1, 0, 1],
    [1, 1, 1],
    [1, 1, 1],
  ];
  fc.assert(
    fc.property(wanted, (coefficients) => {
      const observed = design.map((row) => row.reduce((sum, x, k) => sum + x * (coefficients[k] ?? 0), 0));
      const draws = observed.map((value) => Float64Array.from([value, value, value]));
      const fit = leastSquares(design, observed, draws);
      return (
        fit.coefficients.every(({ value, low, high }, k) =>
          [value, low, high].every((found) => Math.abs(found - (coefficients[k] ?? 0)) < 1e-3),
        ) && fit.residuals.every((residual) => Math.abs(residual) < 1e-3)
      );
    }),
  );
  t.pass('exactly');
});

const COSTS: Readonly<Partial<Record<NamespaceType, number>>> = {
  net: 450_000,
  mnt: 80_000,
  user: 40_000,
  pid: 20_000,
};
const TOGETHER = 60_000;

/** Made-up rounds in which each flag has its price, and mnt and user one together; other flags cost nothing. */
const madeUp = (sets: readonly FlagSet[], rounds: number, random: Random, together: number) => {
  const cases = chooseCases({
    ...{ sets, backends: [{ name: 'ffi', timesItself: true }] },
    ...{ peers: false, privileged: true, others: [], oneWay: true },
  });
  const series = new Map(
    cases.map(({ id, set }): [string, Series] => {
      const both = set.namespaces.includes('mnt') && set.namespaces.includes('user') ? together : 0;
      const floor = 900_000 + both + set.namespaces.reduce((sum, type) => sum + (COSTS[type] ?? 0), 0);
      const totalNs = Array.from({ length: rounds }, () => floor - 50_000 * Math.log(1 - random()));
      return [id, { samples: { totalNs, cloneNs: totalNs }, refused: null }];
    }),
  );
  return { cases, tables: analyse(cases, { rounds, ended: 'complete', series }, false, seededRandom(5)) };
};

const costsOf = (size: (typeof DESIGN_SIZES)[number], rounds: number, seed: number, together = TOGETHER) => {
  const { sets, pairs } = designOf(size);
  const { cases, tables } = madeUp(sets, rounds, seededRandom(seed), together);
  const table = tables.find(({ quantity }) => quantity === 'totalNs');
  if (table === undefined) throw new Error('There is no table');
  const costs = marginalCosts(table, cases, pairs, seededRandom(seed + 1));
  if (costs === null) throw new Error('There is no model');
  return costs;
};

t.test('marginalCosts() finds what each flag and each pair costs', async (t) => {
  for (const size of [256, 64] as const) {
    const { flags, pairs, residual, rSquared, sets } = costsOf(size, 40, 50);
    t.equal(sets, size);
    for (const { type, cost } of flags) {
      // On average over all sets: half of them have the other one of the dear pair.
      const wanted = (COSTS[type] ?? 0) + (type === 'mnt' || type === 'user' ? TOGETHER / 2 : 0);
      t.ok(Math.abs(cost.value - wanted) < 9_000, `${size} ${type}: ${cost.value} for ${wanted}`);
      t.ok(cost.low < cost.value && cost.value < cost.high);
    }
    const certain = pairs.filter(({ cost }) => cost.p < 0.01);
    t.same(
      certain.map(({ types }) => types),
      [['mnt', 'user']],
    );
    t.ok(Math.abs((certain[0]?.cost.value ?? 0) - TOGETHER) < 12_000, `${certain[0]?.cost.value}`);
    t.ok(rSquared > 0.98 && residual.rms < 15_000, `${rSquared} ${residual.rms}`);
  }
});

t.test('marginalCosts() claims no more than it says', async (t) => {
  let missed = 0;
  let claimed = 0;
  const runs = 12;
  for (let run = 0; run < runs; run += 1) {
    const { flags, pairs } = costsOf(64, 25, 100 + 7 * run, 0);
    for (const { type, cost } of flags) {
      const wanted = COSTS[type] ?? 0;
      if (wanted < cost.low || wanted > cost.high) missed += 1;
    }
    if (pairs.some(({ cost }) => cost.p < 0.05)) claimed += 1;
  }
  t.ok(missed <= 0.12 * runs * 8, `${missed} of ${runs * 8} intervals miss, wanted about 5%`);
  t.ok(claimed <= 3, `${claimed} of ${runs} runs claim a pair that is none`);
});

t.test('marginalCosts() leaves pairs out where there are too few sets', async (t) => {
  const { flags, pairs } = costsOf(16, 40, 60, 0);
  t.equal(flags.length, 8);
  t.same(pairs, []);
});

t.test('marginalCosts() goes without what was refused', async (t) => {
  const { sets } = designOf(64);
  const { cases, tables } = madeUp(sets, 25, seededRandom(70), TOGETHER);
  const [table] = tables;
  if (table === undefined) throw new Error('There is no table');
  const refused = { type: 'setup-failed', message: 'no' };
  const rows = table.rows.map((row) => (row.flags.includes('time') ? { ...row, summary: null, refused } : row));
  const costs = marginalCosts({ ...table, rows }, cases, true, seededRandom(71));
  t.same(
    costs?.flags.map(({ type }) => type),
    NAMESPACE_TYPES.filter((type) => type !== 'time'),
  );
  const nothing = table.rows.map((row) => ({ ...row, summary: null, refused }));
  t.equal(marginalCosts({ ...table, rows: nothing }, cases, true, seededRandom(71)), null);
});

t.test('drawMarginalCosts() draws the dearest first, and pairs that are certain', async (t) => {
  const text = drawMarginalCosts(costsOf(64, 40, 50), { paint: new Ansis(0), width: 100 });
  t.match(text, /^marginal cost of each flag, until reaped, ffi program, µs\n/);
  t.match(text, /^net +\+4[45]\d.* █{32}$/m);
  t.ok(text.indexOf('\nnet') < text.indexOf('\nmnt') && text.indexOf('\nmnt') < text.indexOf('\npid'));
  t.match(text, /^mnt and user +cost more together +\+[56]\d/m);
  t.match(text, /^Least squares through the medians of 64 sets/m);
  const narrow = drawMarginalCosts(costsOf(16, 30, 50), { paint: new Ansis(0), width: 60 });
  t.notMatch(narrow, '█');
  t.match(narrow, 'Too few sets to tell what pairs of flags cost');
});

t.test('fitWarnings() tells when the costs of flags explain little', async (t) => {
  const costs = costsOf(64, 20, 8);
  t.same(fitWarnings([costs]), []);
  t.match(fitWarnings([{ ...costs, rSquared: 0.234 }]), [{ type: 'poor-fit', message: /explain 23% .*until reaped/ }]);
});
