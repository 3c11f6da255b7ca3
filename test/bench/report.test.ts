import { Ansis } from 'ansis';
import t from 'tap';
import { jsonReport } from '../../bench/report/json.ts';
import { type Look, lookOf } from '../../bench/report/paint.ts';
import { progressOn, timeLeft } from '../../bench/report/progress.ts';
import { drawReport } from '../../bench/report/text.ts';
import { inUnit, signedInUnit, unitFor } from '../../bench/report/unit.ts';
import { wrap } from '../../bench/report/wrap.ts';
import { findWarnings } from '../../bench/warnings.ts';
import { fixedRun, QUIET } from './fixed-run.ts';

const look = (changes: Partial<Look> = {}): Look => ({
  paint: new Ansis(0),
  width: Number.POSITIVE_INFINITY,
  ...changes,
});

const GOLDEN = `ns-bench 1.2.3: /bin/true, 40 rounds after 5 of warm-up, shuffled with seed 11
kernel       Linux 6.18.44, x64, virtual machine, PREEMPT, HZ 250
cpu          A Processor @ 2.80GHz × 2, microcode 0x1
mitigations  2 mitigated (spectre_v1, spectre_v2); 1 vulnerable (mds); 1 not affected
load         1.50 0.75 0.25
node         v20.20.2, uid 0, with CAP_SYS_ADMIN
ffi          system calls through ffi-rs
shell        not available: unshare was not found

until clone3 returned, inside the program, µs
flags   p50   p90   p99  p99.9    mean ± σ   min   max  ops/s      distribution   over none  × none
───────────────────────────────────────────────────────────────────────────────────────────────────
none   26.0  27.1  28.8   29.7  26.1 ± 0.9  25.1  29.8  38349  ███▃▃····▁······
uts    28.6  31.0  33.9   34.8  29.0 ± 1.5  27.5  34.9  34529  ····▁█▆█▃·▂▂▁▁·▁  +2.6 ± 0.4    1.10
net    28.3  29.8  31.8   32.5  28.7 ± 1.0  27.5  32.6  34896  ····▁█▃▄▄▃▁··▁··  +2.4 ± 0.5    1.09

until reaped, inside the program, µs
flags  p50   p90   p99  p99.9  mean ± σ  min   max  ops/s      distribution  over none  × none
──────────────────────────────────────────────────────────────────────────────────────────────
none   826   875   945    964  836 ± 34  801   966   1196  █▇▄▃▄·▁··▁······
uts    912   966  1111   1141  925 ± 52  880  1145   1082  ····▇██▄▃▁▂··▁·▁   +86 ± 16    1.10
net    906  1000  1075   1084  926 ± 52  880  1085   1079  ····███·▃▃▃·▁▁▁·   +80 ± 16    1.10

until exit is known, from JavaScript, µs
flags  way                     p50   p90   p99  p99.9    mean ± σ   min   max  ops/s      distribution  over none  × none
─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
none   ffi spawn              2373  2564  2779   2862  2404 ± 112  2302  2871    416  █▅▁▂··▁·········
none   child_process          2460  2631  2742   2770   2489 ± 90  2401  2773    402  ·█▅▁▂▁··········
none   child_process unshare  2565  2767  2879   2904  2602 ± 102  2502  2907    384  ··█▇▂▂▁·········
uts    ffi spawn              2942  3247  3322   3341  3001 ± 136  2868  3343    333  ······██▃▂▃·····  +570 ± 45    1.24
uts    child_process unshare  3049  3230  3519   3529  3090 ± 125  2973  3531    324  ·······▇█▃▁·▁···  +483 ± 54    1.19
net    ffi spawn              refused: setup-failed [1]
net    child_process unshare  3297  3680  3973   4069  3364 ± 199  3195  4080    297  ·········▇█▃▂▂▂▁  +732 ± 53    1.29

event loop blocked, by one call, from JavaScript, µs
flags  way                    p50  p90  p99  p99.9  mean ± σ  min  max  ops/s      distribution  over none  × none
──────────────────────────────────────────────────────────────────────────────────────────────────────────────────
none   ffi spawn              521  562  589    591  527 ± 24  500  591   1897  █▄▆▁▂▂▂·········
none   child_process          513  546  575    583  519 ± 19  500  584   1925  █▄▃▂▁·▁·········
none   child_process unshare  510  550  580    587  519 ± 20  500  588   1926  █▂▃▁▁▁▁·········
uts    ffi spawn              562  605  630    633  571 ± 22  550  633   1752  ···▅█▄▃▃▁▁······   +42 ± 14    1.08
uts    child_process unshare  570  591  616    626  572 ± 16  550  627   1747  ···▂█▇▅▂·▁······   +61 ± 11    1.12
net    ffi spawn              refused: setup-failed [1]
net    child_process unshare  578  625  745    762  585 ± 42  550  764   1708  ···▂█▆▅▂▂▁····▁▁   +68 ± 10    1.13

[1] Set-up failed at unshare: unshare(CLONE_NEWNET): ENOSPC: no more of them here
over none: median less that of none in the same way, ± half of its 95% interval; one around 0 says nothing.
`;

t.test('drawReport() draws a run as it always did', async (t) => {
  t.equal(drawReport(fixedRun(), '1.2.3', look()), GOLDEN);
});

const widest = (text: string): number => Math.max(...text.split('\n').map((line) => [...line].length));

t.test('drawReport() keeps to the width of a terminal, and says what it left out', async (t) => {
  const text = drawReport(fixedRun({ privileged: false }), '1.2.3', look({ width: 80 }));
  t.ok(widest(text) <= 80, `${widest(text)} columns`);
  t.match(text, /^Too narrow a terminal for: .*min, max/m);
  t.match(text, /p50 .* over none( +× none)?$/m, 'what matters most stays');
  t.notMatch(drawReport(fixedRun(), '1.2.3', look({ width: 130 })), /Too narrow/);
});

t.test('drawReport() says that user was added, and what it costs', async (t) => {
  const text = drawReport(fixedRun({ privileged: false }), '1.2.3', look());
  t.match(text, /^uts \(\+user\) +31\.2/m);
  t.match(text, /^\(\+user\): takes privilege that the caller lacks/m);
  t.match(text, /uid 1000, without CAP_SYS_ADMIN/);
});

t.test('drawReport() says that a run was interrupted', async (t) => {
  t.match(
    drawReport(fixedRun({ ended: 'interrupted' }), '1.2.3', look()),
    /^Interrupted: these are the 40 of 40 rounds/m,
  );
});

// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what colour codes begin with
const CODES = /\u001b\[[0-9;]*m/g;

t.test('drawReport() adds nothing but colour on a terminal', async (t) => {
  const coloured = drawReport(fixedRun(), '1.2.3', look({ paint: new Ansis(3) }));
  t.match(coloured, CODES);
  t.equal(coloured.replace(CODES, ''), GOLDEN);
});

t.test('lookOf() colours no pipe and limits its width not at all', async (t) => {
  const { paint, width } = lookOf({}, {});
  t.equal(paint.red('x'), 'x');
  t.equal(width, Number.POSITIVE_INFINITY);
  t.equal(lookOf({ isTTY: true, columns: 80 }, {}).width, 80);
  t.equal(lookOf({ isTTY: true, columns: 0 }, {}).width, Number.POSITIVE_INFINITY, 'a terminal without a size');
});

t.test('progressOn() writes nothing where there is no terminal', async (t) => {
  const progress = progressOn(
    Object.assign(Object.create(process.stderr), { write: () => t.fail('wrote'), isTTY: false }),
  );
  progress.update(1, 10);
  progress.stop();
  t.pass('silent');
});

t.test('unitFor() picks the unit in which the smallest median keeps three digits', async (t) => {
  const shown = (ns: number) => `${inUnit(ns, unitFor(ns))} ${unitFor(ns).name}`;
  t.equal(shown(512), '512 ns');
  t.equal(shown(1234), '1.23 µs');
  t.equal(shown(33_140), '33.1 µs');
  t.equal(shown(1_870_400), '1870 µs');
  t.equal(shown(15_300_000), '15.3 ms');
  t.equal(shown(12_000_000_000), '12.0 s');
});

t.test('signedInUnit() shows the sign of a difference', async (t) => {
  const unit = unitFor(33_140);
  t.equal(signedInUnit(1230, unit), '+1.2');
  t.equal(signedInUnit(-1230, unit), '-1.2');
  t.equal(signedInUnit(0, unit), '0.0');
});

t.test('wrap() breaks between words and moves in what follows', async (t) => {
  t.equal(wrap('one two three four', 10, 2), 'one two\n  three\n  four');
  t.equal(wrap('one two', Number.POSITIVE_INFINITY, 2), 'one two');
  t.equal(wrap('unbreakable', 4, 2), 'unbreakable', 'a long word stays whole');
  t.equal(wrap('a    b', 80, 2), 'a    b', 'spaces stay');
});

t.test('jsonReport() holds everything, raw samples included', async (t) => {
  const run = fixedRun();
  const json = JSON.parse(JSON.stringify(jsonReport(run, '1.2.3')));
  t.match(json, {
    ...{ schema: 'linux-namespaces/ns-bench', schemaVersion: 1, version: '1.2.3' },
    ...{ startedAt: '2026-01-02T03:04:05.000Z', rounds: 40, ended: 'complete' },
    options: { command: '/bin/true', args: [], iterations: 40, warmup: 5, peers: true, seed: 11 },
    context: { kernel: '6.18.44', cpu: { count: 2 }, backends: [{ name: 'ffi' }, { name: 'shell', available: false }] },
  });
  const program = json.cases.find(({ id }: { id: string }) => id === 'ffi-program:uts');
  t.match(program, { way: 'ffi program', flags: 'uts', namespaces: ['uts'], added: [], refused: null });
  t.equal(program.samples.cloneNs.length, 40);
  t.equal(program.samples.totalNs.length, 40);
  const refused = json.cases.find(({ id }: { id: string }) => id === 'ffi-spawn:net');
  t.match(refused, { refused: { type: 'setup-failed' }, samples: {} });
  const quantities = json.tables.map(({ quantity }: { quantity: string }) => quantity);
  t.same(quantities, ['cloneNs', 'totalNs', 'exitKnownNs', 'blockedNs']);
  const ids = new Set(json.cases.map(({ id }: { id: string }) => id));
  for (const { rows } of json.tables) for (const { id } of rows) t.ok(ids.has(id), `${id} is a case`);
  t.match(json.tables[0].rows[1], { id: 'ffi-program:uts', summary: { count: 40 }, costOverNone: { value: Number } });
  t.equal(json.tables[0].rows[0].costOverNone, null, 'none is not compared with itself');
  t.match(json.warnings, [{ type: 'backend-unavailable' }, { type: 'load' }, { type: 'few-samples' }]);
});

t.test('findWarnings() warns of load, of few samples, of lack of time and of rows that cannot be ranked', async (t) => {
  const { context, tables } = fixedRun();
  const found = (changes: object, facts: object) =>
    findWarnings(
      { ...context, backends: [], ...changes },
      { asked: 100, rounds: 100, ended: 'complete', levels: [], disturbance: QUIET, tails: true, ...facts },
      [],
    ).map(({ type }) => type);
  t.same(found({ loadAverage: [0.9, 5, 5] }, {}), []);
  t.same(found({ loadAverage: [1.1, 0, 0] }, {}), ['load']);
  t.same(found({ loadAverage: [0, 0, 0] }, { rounds: 99 }), ['few-samples']);
  const [few] = findWarnings(
    { ...context, backends: [], loadAverage: [0] },
    { asked: 100, rounds: 82, ended: 'complete', levels: [], disturbance: QUIET, tails: true },
    [],
  );
  t.match(few?.message, 'use -n 118 or more', 'warm-up that was found is asked for, too');
  t.same(found({ loadAverage: [0, 0, 0] }, { rounds: 99, tails: false }), [], 'where none is shown');
  t.same(found({ loadAverage: [0, 0, 0] }, { ended: 'out-of-time' }), ['out-of-time']);
  const [rank] = findWarnings(
    { ...context, backends: [], loadAverage: [0] },
    { asked: 100, rounds: 100, ended: 'complete', levels: [], disturbance: QUIET, tails: true },
    tables.slice(0, 1),
  );
  t.match(rank, { type: 'unrankable', message: 'Too noisy to rank, until clone3 returned: net ~ uts (try -n 400)' });
});

t.test('timeLeft() goes by the rounds, and by the time that there is', async (t) => {
  t.equal(timeLeft(10_000, 100, 300, null), '20 s');
  t.equal(timeLeft(10_000, 100, 300, 15_000), '5 s', 'no round is begun after that');
  t.equal(timeLeft(10_000, 100, 3000, null), '4 min 50 s');
  t.equal(timeLeft(20_000, 100, 300, 15_000), '0 s');
  t.equal(timeLeft(5, 0, 300, null), '?');
});
