import { readFileSync } from 'node:fs';
import t from 'tap';
import { tellingOptions } from '../../bench/measure/kernel-config.ts';
import { parseCpuTimes, parseOwnTicks, watchNeighbours } from '../../bench/measure/neighbours.ts';
import { findWarnings } from '../../bench/warnings.ts';
import { fixedRun, QUIET } from './fixed-run.ts';

t.test('tellingOptions() takes what matters, as it is set', async (t) => {
  const config = '# CONFIG_KASAN is not set\nCONFIG_HZ=250\nCONFIG_HZ_250=y\nCONFIG_IPV6=m\nCONFIG_LOCALVERSION="-x"\n';
  t.same(tellingOptions(config), { HZ: '250', IPV6: 'm' });
});

t.test('parseCpuTimes() reads ticks and steal, and refuses what is older than steal', async (t) => {
  t.same(parseCpuTimes('cpu  100 1 50 800 5 2 3 39 7 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n'), {
    all: 1000,
    steal: 39,
    busy: 156,
  });
  t.equal(parseCpuTimes('cpu  100 1 50 800\n'), null);
  t.equal(parseCpuTimes(''), null);
});

t.test('watchNeighbours() tells a share, where the kernel tells', async (t) => {
  const disturbanceSince = watchNeighbours();
  // A tick of the clock by which times are counted is 10 ms; all of it is this process' own.
  for (const end = performance.now() + 200; performance.now() < end; );
  const { stealShare, othersShare, frequencyMhz } = disturbanceSince();
  t.ok(othersShare === null || (othersShare >= 0 && othersShare <= 1));
  t.ok(stealShare === null || (stealShare >= 0 && stealShare <= 1));
  t.ok(frequencyMhz === null || frequencyMhz.every((mhz) => mhz > 0));
});

t.test('parseOwnTicks() adds what a process and its children took', async (t) => {
  t.equal(parseOwnTicks(`7 (a) b) (c) S ${'1 '.repeat(10)}200 30 4000 50000 20 0`), 54230);
  t.ok(parseOwnTicks(readFileSync('/proc/self/stat', 'utf8')) > 0);
});

t.test('findWarnings() tells of drift, steal, frequency and outliers, and what to do', async (t) => {
  const { context, tables } = fixedRun();
  const facts = { asked: 200, rounds: 200, ended: 'complete', levels: [], disturbance: QUIET, tails: true } as const;
  const quiet = { ...context, backends: [], loadAverage: [0] };
  const wave = (from: number) => Array.from({ length: 200 }, (_, k) => Math.sin(k * k) * 0.01 + (k >= from ? 0.2 : 0));
  t.match(findWarnings(quiet, { ...facts, levels: [wave(500), wave(150)] }, []), [
    { type: 'drift', message: /^From round 151 of 200 on everything was 2\d% slower: .*measure again/ },
  ]);
  t.same(findWarnings(quiet, { ...facts, levels: [wave(500)] }, []), []);
  const disturbance = { stealShare: 0.05, othersShare: 0.3, frequencyMhz: [3000, 2000] } as const;
  t.match(findWarnings(quiet, { ...facts, disturbance }, []), [
    { type: 'steal', message: /5\.0%/ },
    { type: 'others', message: /Others took 30% .*top\(1\)/ },
    { type: 'frequency', message: /from 3000 to 2000 MHz: set the governor/ },
  ]);
  const [table] = tables;
  const [row] = table?.rows ?? [];
  if (table === undefined || row === undefined) throw new Error('The fixed run has no table');
  const samples = Array.from({ length: 100 }, (_, k) => (k % 10 === 0 ? 9000 : 100 + k));
  const wild = { ...table, unrankable: [], rows: [{ ...row, samples }] };
  t.match(findWarnings(quiet, facts, [wild]), [{ type: 'outliers', message: /ffi program none/ }]);
});
