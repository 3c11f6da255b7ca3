import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ansis } from 'ansis';
import t from 'tap';
import { type Baseline, parseBaseline, readBaseline } from '../../bench/compare/baseline.ts';
import { compareRuns } from '../../bench/compare/compare.ts';
import { findDifferences } from '../../bench/compare/fingerprint.ts';
import { comparisonWarnings, drawComparison } from '../../bench/report/comparison.ts';
import { csvReport } from '../../bench/report/csv.ts';
import { jsonReport } from '../../bench/report/json.ts';
import { markdownReport } from '../../bench/report/markdown.ts';
import type { BenchRun } from '../../bench/run.ts';
import { checkWritable, saveText } from '../../bench/save.ts';
import { seededRandom } from '../../bench/statistics/random.ts';
import { axesRun } from './axes-run.ts';
import { fixedRun } from './fixed-run.ts';
import { latticeRun } from './lattice-run.ts';
import { phasesRun } from './phases-run.ts';

const run = fixedRun();
const saved = (): string => JSON.stringify(jsonReport(run, '1.2.3'));
const baseline = (): Baseline => parseBaseline(saved())._unsafeUnwrap();

/** The baseline as if every time of some cases had been another. */
const changed = (part: string, factor: number): Baseline => {
  const { samples, ...rest } = baseline();
  const times = new Map(
    [...samples].map(([id, lists]) => [
      id,
      id.includes(part)
        ? Object.fromEntries(Object.entries(lists).map(([quantity, list]) => [quantity, list.map((ns) => ns * factor)]))
        : lists,
    ]),
  );
  return { ...rest, samples: times };
};

const compared = (before: Baseline, noise = 0.05) => compareRuns(run, before, noise, seededRandom(1));

t.test('compareRuns() finds a run no slower than itself', async (t) => {
  const { rows, unmatched, differences } = compared(baseline(), 0);
  t.ok(rows.length >= 15 && rows.every(({ verdict, ratio }) => verdict === 'same' && ratio.value === 1));
  t.same([unmatched, differences], [['ffi-spawn:net'], []], 'net has no times in either');
});

t.test('compareRuns() calls slower and faster what is, and only that', async (t) => {
  const slower = compared(changed('program:uts', 0.8)).rows;
  for (const { id, verdict, ratio } of slower) {
    t.equal(verdict, id === 'ffi-program:uts' ? 'slower' : 'same', id);
    if (verdict === 'slower') t.ok(ratio.low < 1.25 && ratio.high > 1.25 && ratio.low > 1.1, JSON.stringify(ratio));
  }
  const verdicts = compared(changed('program:uts', 1.25)).rows.filter(({ verdict }) => verdict === 'faster');
  t.same(new Set(verdicts.map(({ id }) => id)), new Set(['ffi-program:uts']));
});

t.test('compareRuns() lets noise pass', async (t) => {
  t.ok(compared(changed('', 0.85), 0.5).rows.every(({ verdict }) => verdict === 'same'));
  t.ok(compared(changed('', 0.85), 0).rows.some(({ verdict }) => verdict === 'slower'));
});

t.test('findDifferences() names what two machines differ in, and not their weather', async (t) => {
  const { context } = run;
  const other = {
    ...context,
    loadAverage: [9, 9, 9],
    kernel: '5.10.0',
    cpu: { ...context.cpu, governor: 'powersave' },
    kernelConfig: null,
  };
  t.same(findDifferences({ ...context }, other), [
    { fact: 'kernel', before: '6.18.44', now: '5.10.0' },
    { fact: 'kernelConfig.HZ', before: '250', now: 'unknown' },
    { fact: 'kernelConfig.PREEMPT', before: 'y', now: 'unknown' },
    { fact: 'kernelConfig', before: 'unknown', now: 'null' },
    { fact: 'cpu.governor', before: 'null', now: 'powersave' },
  ]);
  t.same(findDifferences({ ...context }, { ...context }), []);
});

t.test('parseBaseline() refuses what is no run, and says why', async (t) => {
  const refused = (change: (json: Record<string, unknown>) => void): string => {
    const json = JSON.parse(saved());
    change(json);
    return parseBaseline(JSON.stringify(json))._unsafeUnwrapErr();
  };
  t.equal(parseBaseline('{')._unsafeUnwrapErr(), 'it is no JSON');
  t.equal(parseBaseline('[]')._unsafeUnwrapErr(), 'it is no run of ns-bench');
  t.equal(
    refused((json) => {
      json['schemaVersion'] = 7;
    }),
    'its schemaVersion is 7, this ns-bench reads 1',
  );
  t.equal(
    refused((json) => {
      json['context'] = null;
    }),
    'fields of a run are missing',
  );
  const unreadable = 'a case has no samples that can be read';
  for (const samples of [null, 7, { totalNs: ['1'] }, { totalNs: [-1] }, { totalNs: 5 }]) {
    t.equal(
      refused((json) => {
        json['cases'] = [{ id: 'x', samples }];
      }),
      unreadable,
    );
  }
  t.equal(readBaseline('/nonexistent/run.json')._unsafeUnwrapErr(), 'ENOENT');
});

t.test('drawComparison() draws verdicts and tells of other machines', async (t) => {
  const before = changed('program:uts', 0.8);
  const text = drawComparison(compared({ ...before, context: { ...before.context, kernel: '5.10.0' } }), {
    paint: new Ansis(0),
    width: 100,
  });
  t.match(text, /^uts +ffi program +until reaped +\d+ µs +912 µs +\+25\.0% .* slower$/m);
  t.match(text, /^2 slower, 0 faster, \d+ the same, beyond a noise of 5%\.$/m);
  t.match(text, /^- kernel: 5\.10\.0 -> 6\.18\.44$/m);
  t.match(text, 'In one of the two runs only: ffi-spawn:net.');
});

t.test('csvReport() has a line for each row, and a field for each head', async (t) => {
  const lines = csvReport(run).trimEnd().split('\r\n');
  const heads = lines[0]?.split(',') ?? [];
  t.equal(lines.length, 1 + run.tables.reduce((sum, { rows }) => sum + rows.length, 0));
  const [none = '', uts = ''] = lines.slice(1);
  t.equal(none.split(',').length, heads.length);
  const field = (line: string, head: string) => line.split(',')[heads.indexOf(head)];
  t.equal(field(none, 'over_none_ns'), '');
  t.equal(Number(field(uts, 'p50_ns')), run.tables[0]?.rows[1]?.summary?.p50);
  t.equal(Number(field(uts, 'ratio_to_none')), run.tables[0]?.rows[1]?.overNone?.ratio.value);
  t.match(csvReport(run), /,Set-up failed at unshare: .*no more of them here\r\n/);
});

t.test('csvReport() has phases, axes, and what flags and pairs add', async (t) => {
  const fields = (text: string) =>
    text
      .trimEnd()
      .split('\r\n')
      .map((line) => line.split(','));
  const [phaseHead, ...phases] = fields(csvReport(phasesRun()));
  t.same(phaseHead?.slice(0, 5), ['group', 'operation', 'phase', 'count', 'p50_ns']);
  t.equal(phases.length, phasesRun().phases.length);
  t.match(csvReport(phasesRun()), /^step,unshare user,,0,.*,ENOSPC: no more of them here\r$/m);
  t.match(csvReport(phasesRun()), /^tear-down,"net, 50 of them",freed,40,\d/m);
  const [axisHead, ...points] = fields(csvReport(axesRun()));
  t.same(axisHead?.slice(0, 7), ['axis', 'value', 'way', 'flags', 'quantity', 'count', 'p50_ns']);
  t.equal(points.length, 2 * 6 + 3 * 2 + 1, 'each row at each point, and what was refused');
  const blocks = csvReport(latticeRun()).split('\r\n\r\n');
  t.equal(blocks.length, 2);
  const [costHead, ...costs] = fields(blocks[1] ?? '');
  t.same(costHead, ['quantity', 'way', 'adds', 'value_ns', 'low_ns', 'high_ns', 'p']);
  t.equal(costs.length, 2 * (8 + 28));
  t.ok(costs.every(([, , , value, low, high]) => Number(low) <= Number(value) && Number(value) <= Number(high)));
});

t.test('markdownReport() has phases, axes, and what flags and pairs add', async (t) => {
  for (const [of, titles] of [
    [phasesRun(), ['where the time of a spawn goes', 'single steps', 'until the kernel has freed']],
    [axesRun(), ['by memory of the parent', 'by children at once']],
    [latticeRun(), ['what each flag adds', 'what pairs add']],
  ] as const) {
    const text = markdownReport(of, '1.2.3');
    for (const title of titles) t.match(text, new RegExp(`^### ${title}`, 'm'));
    for (const table of text.split('\n\n').filter((part) => part.startsWith('|'))) {
      t.equal(new Set(table.split('\n').map((line) => line.split(/(?<!\\)\|/).length)).size, 1, table.slice(0, 40));
    }
  }
});

t.test('markdownReport() gives tables of equal width', async (t) => {
  const text = markdownReport(run, '1.2.3');
  t.match(text, /^## ns-bench 1\.2\.3: \/bin\/true/);
  t.match(text, /^- kernel: Linux 6\.18\.44, x64, virtual machine, PREEMPT, HZ 250$/m);
  for (const table of text.split('\n\n').filter((part) => part.startsWith('|'))) {
    t.equal(new Set(table.split('\n').map((line) => line.split(/(?<!\\)\|/).length)).size, 1, table.slice(0, 40));
  }
  t.match(text, /^- The shell backend is not measured/m);
});

t.test('saveText() writes a file as a whole, or says why not', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'ns-bench-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'run.json');
  writeFileSync(file, 'old');
  t.ok(checkWritable(file).isOk());
  t.ok(saveText(file, 'new').isOk());
  t.equal(readFileSync(file, 'utf8'), 'new');
  t.same(readdirSync(dir), ['run.json'], 'and nothing else');
  t.equal(checkWritable(dir)._unsafeUnwrapErr(), 'a file, not a directory');
  t.equal(checkWritable('')._unsafeUnwrapErr(), 'a file name');
  t.match(checkWritable(join(dir, 'none/run.json'))._unsafeUnwrapErr(), 'ENOENT');
  t.equal(saveText(join(dir, 'none/run.json'), '')._unsafeUnwrapErr(), 'ENOENT');
});

/** A run as a later one finds it, every time of it or of some parts changed. */
const savedAs = (of: BenchRun, part = '', factor = 1): Baseline => {
  const json = JSON.parse(JSON.stringify(jsonReport(of, '1.2.3')));
  const before = parseBaseline(JSON.stringify(json))._unsafeUnwrap();
  return {
    ...before,
    samples: new Map(
      [...before.samples].map(([id, lists]) => [
        id,
        Object.fromEntries(
          Object.entries(lists).map(([quantity, list]) => [
            quantity,
            `${id} ${quantity}`.includes(part) ? list.map((ns) => ns * factor) : list,
          ]),
        ),
      ]),
    ),
  };
};

const slowerOf = (of: BenchRun, before: Baseline): readonly string[] =>
  compareRuns(of, before, 0.05, seededRandom(1)).rows.flatMap(({ verdict, id, quantity }) =>
    verdict === 'slower' ? [`${id} ${quantity}`] : [],
  );

t.test('compareRuns() compares phases and axes, each with itself', async (t) => {
  for (const [of, count] of [
    [phasesRun(), 90],
    [axesRun(), 18],
  ] as const) {
    const { rows, unmatched } = compareRuns(of, savedAs(of), 0, seededRandom(1));
    t.ok(rows.length >= count && rows.every(({ verdict, ratio }) => verdict === 'same' && ratio.value === 1));
    t.same(unmatched, of.phases.length > 0 ? ['step:unshare user'] : [], 'what was refused');
  }
  t.same(slowerOf(phasesRun(), savedAs(phasesRun(), 'step:setns net', 0.8)), ['step:setns net setns net']);
  t.same(slowerOf(axesRun(), savedAs(axesRun(), 'rss 1G:child_process', 0.8)), [
    'rss 1G:child_process:none blockedNs',
    'rss 1G:child_process:none exitKnownNs',
  ]);
  const text = drawComparison(compareRuns(axesRun(), savedAs(axesRun(), 'jobs 4:ffi', 0.8), 0.05, seededRandom(1)), {
    paint: new Ansis(0),
    width: 100,
  });
  t.match(text, /^none +ffi spawn, jobs 4 +for each child +.* slower$/m);
});

t.test('compareRuns() compares what flags and pairs add', async (t) => {
  const lattice = latticeRun();
  const same = compareRuns(lattice, savedAs(lattice), 0, seededRandom(1));
  t.equal(same.costs.length, 2 * (8 + 28));
  t.ok(same.costs.every(({ verdict, difference }) => verdict === 'same' && difference.value === 0));
  const cheaper = (which: string, by: number): Baseline => {
    const before = savedAs(lattice);
    const marginal = before.marginal.map((costs) => ({
      ...costs,
      costs: new Map(
        [...costs.costs].map(([what, { value, low, high }]) => {
          const less = costs.quantity === 'totalNs' && what === which ? by : 0;
          return [what, { value: value - less, low: low - less, high: high - less }] as const;
        }),
      ),
    }));
    return { ...before, marginal };
  };
  const found = (before: Baseline, noise = 0.05) =>
    compareRuns(lattice, before, noise, seededRandom(1)).costs.flatMap(({ verdict, quantity, what }) =>
      verdict === 'same' ? [] : [`${quantity} ${what} ${verdict}`],
    );
  t.same(found(cheaper('net', 150_000)), ['totalNs net slower']);
  t.same(found(cheaper('net', -150_000)), ['totalNs net faster']);
  t.same(found(cheaper('mnt and user', 150_000)), ['totalNs mnt and user slower']);
  t.same(found(cheaper('net', 30_000)), [], 'within 5% of what a spawn takes');
  t.same(found(cheaper('net', 30_000), 0), ['totalNs net slower'], 'without any noise');
  const text = drawComparison(compareRuns(lattice, cheaper('net', 150_000), 0.05, seededRandom(1)), {
    paint: new Ansis(0),
    width: 200,
  });
  t.match(text, /^net +ffi program +adds until reaped +\d+ µs +\d+ µs +\+150\S* µs +\+.* slower$/m);
  t.match(text, /^1 slower, 0 faster, \d+ the same/m);
  t.match(text, /^\d+ of them, which are the same, stand in --json only\.$/m);
  t.notMatch(text, /^cgroup/m, 'not what is the same');
});

t.test('compareRuns() has nothing to say of another kind of run', async (t) => {
  const { rows, costs, unmatched } = compareRuns(run, savedAs(phasesRun()), 0.05, seededRandom(1));
  t.same([rows, costs], [[], []]);
  t.ok(unmatched.includes('spawn:none') && unmatched.includes('ffi-program:none'));
});

t.test('comparisonWarnings() names a few facts, another command, and too few rounds', async (t) => {
  const before = baseline();
  t.same(comparisonWarnings(compared(before)), []);
  const other = compared({ ...before, command: ['/bin/echo'], context: { ...before.context, kernel: '5.10.0' } });
  t.match(comparisonWarnings(other), [/^The runs that are compared differ in kernel, command: /]);
  t.match(comparisonWarnings(compared({ ...before, context: {} })), [/, \d+ more: /]);
  const samples = new Map(
    [...before.samples].map(([id, lists]) => [
      id,
      Object.fromEntries(Object.entries(lists).map(([quantity, list]) => [quantity, list.slice(0, 5)])),
    ]),
  );
  const few = compared({ ...before, samples });
  t.match(comparisonWarnings(few), [
    /^Too few rounds to call anything slower or faster: let both runs have 9 with -n 9$/,
  ]);
});

t.test('parseBaseline() refuses phases, axes and costs that cannot be read', async (t) => {
  const refused = (of: BenchRun, field: string, change: (item: Record<string, unknown>) => void): string => {
    const json = JSON.parse(JSON.stringify(jsonReport(of, '1.2.3')));
    change(json[field][0]);
    return parseBaseline(JSON.stringify(json))._unsafeUnwrapErr();
  };
  const without = (key: string) => (item: Record<string, unknown>) => {
    delete item[key];
  };
  for (const key of ['group', 'operation', 'phase', 'samples'])
    t.equal(refused(phasesRun(), 'phases', without(key)), 'a phase has no samples that can be read', key);
  for (const key of ['axis', 'values', 'rows'])
    t.equal(refused(axesRun(), 'scaling', without(key)), 'an axis has no samples that can be read', key);
  for (const key of ['quantity', 'way', 'sets', 'mean', 'flags', 'pairs', 'residual'])
    t.equal(refused(latticeRun(), 'marginalCosts', without(key)), 'its marginal costs cannot be read', key);
});
