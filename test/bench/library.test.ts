import t from 'tap';
import * as library from '../../bench/library.ts';
import { type MeasureOptions, measure } from '../../bench/library.ts';
import { openBackend } from '../../lib/index.ts';
import { countLeaks } from '../leaks.ts';
import { fakeBackend } from './fake-backend.ts';

t.test('measure() gives rows with raw samples', async (t) => {
  const backend = fakeBackend({ refuses: ['net'] });
  const done: number[] = [];
  const measured = await measure({
    ...{ backend, sets: [['uts'], ['net']], iterations: 12, warmup: 0, seed: 3 },
    onRound: (count) => done.push(count),
  });
  const { rounds, ended, rows } = measured._unsafeUnwrap();
  t.same([rounds, ended, done.length], [12, 'complete', 12]);
  const [none, uts, net] = rows.filter(({ quantity }) => quantity === 'totalNs');
  t.match(none, { way: 'fake program', namespaces: [], ratioToNone: null, p: null, summary: { p50: 100_000 } });
  t.equal(none?.samples.length, 12);
  t.match(uts, { ratioToNone: { value: Number }, p: Number, refused: null });
  t.match(net, { summary: null, samples: [], refused: { type: 'setup-failed' } });
  t.notOk(
    rows.some(({ way }) => way.includes('child_process')),
    'peers only when they are asked for',
  );
});

t.test('measure() refuses what cannot be meant, and backends that are not there', async (t) => {
  const refused = async (options: object) => (await measure(options as MeasureOptions))._unsafeUnwrapErr();
  t.match(await refused({ sets: [['mount']] }), { type: 'invalid-option', option: 'sets', value: 'mount' });
  t.match(await refused({ iterations: 0 }), { option: 'iterations', wanted: /^a whole number from 1/ });
  t.match(await refused({ warmup: 1.5 }), { option: 'warmup' });
  t.match(await refused({ budgetMs: -1 }), { option: 'budgetMs' });
  t.match(await refused({ args: ['x'] }), { option: 'args' });
  t.match(await refused({ backend: fakeBackend({ available: false }) }), { type: 'backend-unavailable' });
});

const ffi = openBackend('ffi');

t.test(
  'measure() is what the package exports as bench',
  { skip: ffi.isErr() ? ffi.error.message : false },
  async (t) => {
    const leaks = countLeaks();
    // By its name, as users have it.
    const name = 'linux-namespaces/bench';
    const published = (await import(name)) as typeof library;
    t.same(Object.keys(published).sort(), Object.keys(library).sort());
    const { measure: exported } = published;
    const measured = (
      await exported({ sets: [], iterations: 1, warmup: 0, backend: 'ffi', budgetMs: 60_000 })
    )._unsafeUnwrap();
    t.ok(measured.rows.some(({ namespaces, summary }) => namespaces.length === 0 && (summary?.p50 ?? 0) > 0));
    t.same(await leaks(), []);
  },
);

t.test('measure() keeps what was measured when it is stopped', async (t) => {
  const stopping = new AbortController();
  const measured = await measure({
    ...{ backend: fakeBackend(), sets: [['uts']], iterations: 1000, warmup: 0, signal: stopping.signal },
    onRound: (count) => {
      if (count === 5) stopping.abort();
    },
  });
  t.match(measured._unsafeUnwrap(), { ended: 'interrupted', rounds: 5 });
});
