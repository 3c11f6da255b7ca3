import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { parseHTML } from 'linkedom';
import t from 'tap';
import { findProgram } from '../../bench/measure/peers/find.ts';
import { escapeHtml } from '../../bench/report/html/escape.ts';
import { htmlReport } from '../../bench/report/html/page.ts';
import { loadPlotting } from '../../bench/report/html/plotting.ts';
import { logTicks, tickName } from '../../bench/report/html/ticks.ts';
import { AXIS_TITLES } from '../../bench/report/scaling.ts';
import { costTitles, costUnit, GROUP_TITLES } from '../../bench/report/sheets.ts';
import { titleOf, unitOf } from '../../bench/report/table.ts';
import { QUANTITY_NAMES } from '../../bench/warnings.ts';
import { axesRun } from './axes-run.ts';
import { openPage } from './chromium.ts';
import { fixedRun } from './fixed-run.ts';
import { latticeRun } from './lattice-run.ts';
import { phasesRun } from './phases-run.ts';

const MOST_BYTES = 2 * 1024 * 1024;
const plotting = (await loadPlotting())._unsafeUnwrap();
const runs = { tables: fixedRun(), lattice: latticeRun(), phases: phasesRun(), axes: axesRun() } as const;
const pages = Object.entries(runs).map(([name, run]) => [name, run, htmlReport(run, '1.2.3', plotting)] as const);

t.test('htmlReport() is one small file that asks for nothing', async (t) => {
  for (const [name, , html] of pages) {
    t.ok(Buffer.byteLength(html) < MOST_BYTES, `${name}: ${Buffer.byteLength(html)} bytes`);
    t.notMatch(html, /<(?:script|link|img|iframe|object|image)\b/i, name);
    t.notMatch(html, /(?:src|href)\s*=\s*["'](?!#)/i, name);
    t.notMatch(html, /url\(\s*["']?(?!#)|@import/i, name);
  }
});

t.test('htmlReport() draws what its tables say', async (t) => {
  for (const [name, run, html] of pages) {
    const { document } = parseHTML(html);
    for (const table of run.tables) {
      const figure = [...document.querySelectorAll('figure')].find(
        (one) => one.querySelector('h3')?.textContent === titleOf(table),
      );
      const cells = [...document.querySelectorAll(`table[data-quantity=${table.quantity}] tbody tr`)].map((row) =>
        [...row.querySelectorAll('td')].map(({ textContent }) => textContent),
      );
      t.equal(cells.length, table.rows.length, `${name}: a line for each row`);
      if (figure === undefined) {
        t.ok(run.options.lattice, 'only a lattice is drawn otherwise');
        continue;
      }
      for (const width of ['wide', 'narrow']) {
        const told = [...figure.querySelectorAll(`.${width} [aria-label=dot] title`)].map((one) => one.textContent);
        const said = cells
          .filter((row) => !row[2]?.startsWith('refused'))
          .map(([flags, way, p50]) => new RegExp(`^${flags?.replace('+', '\\+')}(?: · ${way})?: ${p50} `));
        t.equal(told.length, said.length, `${titleOf(table)}, ${width}: a dot for each row that has times`);
        for (const [index, pattern] of said.entries()) t.match(told[index], pattern);
      }
    }
  }
});

type Page = ReturnType<typeof parseHTML>['document'];

/** The cells of a table of the page, line by line; refused ones apart. */
const linesOf = (document: Page, table: string) => {
  const lines = [...document.querySelectorAll(`table[${table}]`)].map((one) =>
    [...one.querySelectorAll('tbody tr')].map((row) =>
      [...row.querySelectorAll('td')].map((td) => td.textContent ?? ''),
    ),
  );
  return lines.map((rows) => rows.filter((row) => !row.some((text) => text.startsWith('refused: '))));
};

/** What the marks of a picture tell, with the place at which each is drawn. */
const marksOf = (document: Page, title: string, width: string, mark: string) => {
  const figure = [...document.querySelectorAll('figure')].find((one) => one.querySelector('h3')?.textContent === title);
  return [...(figure?.querySelectorAll(`.${width} [aria-label=${mark}] title`) ?? [])].map((one) => ({
    told: one.textContent ?? '',
    x: Number(one.parentElement?.getAttribute('cx')),
    y: Number(one.parentElement?.getAttribute('cy')),
    width: Number(one.parentElement?.getAttribute('width')),
  }));
};

const WIDTHS = ['wide', 'narrow'] as const;

/** Whether marks stand where their numbers belong: the further, the more. */
const inOrder = (marks: readonly { readonly value: number; readonly at: number }[]): boolean => {
  const sorted = [...marks].sort((a, b) => a.value - b.value);
  return sorted.every(({ value, at }, index) => {
    const before = sorted[index - 1];
    return before === undefined || at >= before.at - 1e-6 || value === before.value;
  });
};

t.test('htmlReport() draws phases as its tables say', async (t) => {
  const { document } = parseHTML(htmlReport(runs.phases, '1.2.3', plotting));
  for (const group of ['spawn', 'step', 'tear-down'] as const) {
    const [lines = []] = linesOf(document, `data-sheet=${group}`);
    const [operations = []] = [runs.phases.phases.filter((phase) => phase.group === group && phase.summary !== null)];
    t.equal(lines.length, operations.length, `${group}: a line for each phase`);
    for (const width of WIDTHS) {
      const marks = marksOf(document, GROUP_TITLES[group], width, 'dot');
      t.same(
        marks.map(({ told }) => told),
        lines.map(([operation, what, p50]) => `${operation}, ${what}: ${p50} µs`),
        `${group}, ${width}`,
      );
      t.ok(inOrder(marks.map(({ x }, index) => ({ value: Number(lines[index]?.[2]), at: x }))), `${group}, ${width}`);
    }
  }
  t.match(document.querySelector('table[data-sheet=step]')?.textContent, 'refused: ENOSPC: no more of them here');
});

t.test('htmlReport() draws axes as its tables say', async (t) => {
  const { document } = parseHTML(htmlReport(runs.axes, '1.2.3', plotting));
  for (const { axis, values } of runs.axes.scaling) {
    const [lines = []] = linesOf(document, `data-sheet=${axis}`);
    const heads = [...document.querySelectorAll(`table[data-sheet=${axis}] th`)].map((th) => th.textContent ?? '');
    const said = lines.flatMap(([flags, way, what, ...cells]) =>
      values.map((_, point) => ({
        told: `${way} ${flags}, ${what}, ${heads[3 + point]}: ${cells[point]} µs`,
        value: Number(cells[point]),
      })),
    );
    t.ok(said.length >= 6 && said.every(({ value }) => value > 0), axis);
    for (const width of WIDTHS) {
      for (const what of new Set(lines.map(([, , name]) => name))) {
        const own = said.filter(({ told }) => told.includes(`, ${what}, `));
        const marks = marksOf(document, `by ${AXIS_TITLES[axis]}: ${what}, µs`, width, 'dot');
        t.same(
          marks.map(({ told }) => told),
          own.map(({ told }) => told),
          `${axis}, ${what}, ${width}`,
        );
        t.ok(inOrder(marks.map(({ y }, index) => ({ value: own[index]?.value ?? 0, at: -y }))), `${axis}, ${width}`);
      }
    }
  }
  t.match(document.querySelector('table[data-sheet=jobs]')?.textContent, 'refused: ENOSPC: no more of them here');
});

t.test('htmlReport() draws costs, pairs and all sets of a lattice as its tables say', async (t) => {
  const run = runs.lattice;
  const { document } = parseHTML(htmlReport(run, '1.2.3', plotting));
  const [flags, pairs] = [linesOf(document, 'data-sheet=flags'), linesOf(document, 'data-sheet=pairs')];
  t.same([flags.length, pairs.length], [run.marginal.length, run.marginal.length]);
  for (const [index, costs] of run.marginal.entries()) {
    const titles = costTitles(costs);
    const { name } = costUnit(costs);
    for (const width of WIDTHS) {
      const bars = marksOf(document, titles.flags, width, 'bar');
      const said = (flags[index] ?? []).map(([flag, adds]) => `${flag}: ${adds} ${name}`);
      t.same([said.length, bars.map(({ told }) => told)], [8, said], `${titles.flags}, ${width}`);
      const lengths = bars.map(({ width: at }, bar) => ({ value: Math.abs(Number(flags[index]?.[bar]?.[1])), at }));
      t.ok(inOrder(lengths), `${titles.flags}, ${width}: the dearer, the longer`);
      const cells = new Set(marksOf(document, titles.pairs, width, 'cell').map(({ told }) => told));
      const both = (pairs[index] ?? []).flatMap(([pair = '', adds]) => {
        const [a, b] = pair.split(' and ');
        return [`${a} and ${b}: ${adds} ${name}`, `${b} and ${a}: ${adds} ${name}`];
      });
      t.same([both.length, [...cells].sort()], [56, both.sort()], `${titles.pairs}, ${width}`);
    }
  }
  for (const table of run.tables) {
    const [lines = []] = linesOf(document, `data-quantity=${table.quantity}`);
    const title = `all sets: median ${QUANTITY_NAMES[table.quantity]}, ${unitOf(table).name}`;
    for (const width of WIDTHS) {
      const cells = marksOf(document, title, width, 'cell').map(({ told }) => told);
      const said = lines.map(([set, , p50]) => `${set}: ${p50} ${unitOf(table).name}`);
      t.same([said.length, cells.sort()], [256, said.sort()], `${title}, ${width}`);
    }
  }
});

t.test('logTicks() gives a few round numbers, whatever the scale', async (t) => {
  t.same(logTicks([0.19, 470], 10), [0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200]);
  t.same(logTicks([0.01, 1e6], 4), [0.01, 10, 10_000], 'not every decade');
  t.same(logTicks([5, 6.9], 10), [5, 5.2, 5.4, 5.6, 5.8, 6, 6.2, 6.4, 6.6, 6.8]);
  t.same(logTicks([0.011, 8], 4), [0.1, 1], 'three decades and little room');
  t.same(logTicks([100, 200], 5), [100, 150, 200]);
  t.same(logTicks([7, 7], 5), [7], 'one value');
  t.same([0.2, 15, 1500, 20_000].map(tickName), ['0.2', '15', '1.5k', '20k']);
  const spans = fc.tuple(
    fc.double({ min: 0.01, max: 1e6, noNaN: true }),
    fc.double({ min: 1.05, max: 1e6, noNaN: true }),
  );
  fc.assert(
    fc.property(spans, fc.integer({ min: 4, max: 12 }), ([low, factor], most) => {
      const ticks = logTicks([low, low * factor], most);
      const sorted = ticks.every((tick, index) => index === 0 || tick > (ticks[index - 1] ?? 0));
      return ticks.length >= 2 && ticks.length <= most + 1 && sorted && ticks.every((tick) => tick > 0);
    }),
  );
});

t.test('escapeHtml() leaves no tag and no end of an attribute', async (t) => {
  t.equal(escapeHtml('<b a="x">&'), '&lt;b a=&quot;x&quot;&gt;&amp;');
});

const chromium = findProgram('chromium') ?? findProgram('chromium-browser') ?? findProgram('google-chrome');

t.test(
  'htmlReport() opens from disk, light and dark, wide and narrow',
  { skip: chromium === null ? 'there is no Chromium' : false },
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'ns-bench-html-'));
    const page = await openPage(chromium ?? '');
    t.teardown(async () => {
      await page.close();
      rmSync(dir, { recursive: true });
    });
    for (const [name, , html] of pages) {
      const file = join(dir, `${name}.html`);
      writeFileSync(file, html);
      t.ok(statSync(file).size < MOST_BYTES);
      const url = pathToFileURL(file).href;
      const seen = new Set<unknown>();
      for (const scheme of ['light', 'dark']) {
        for (const [width, shown] of [
          [1280, 'wide'],
          [390, 'narrow'],
        ] as const) {
          await page.call('Emulation.setEmulatedMedia', {
            features: [{ name: 'prefers-color-scheme', value: scheme }],
          });
          await page.call('Emulation.setDeviceMetricsOverride', {
            width,
            height: 900,
            deviceScaleFactor: 1,
            mobile: width < 500,
          });
          await page.call('Page.navigate', { url });
          const where = `${name}, ${scheme}, ${width}`;
          t.ok(
            Number(await page.evaluate('document.documentElement.scrollWidth')) <= width,
            `${where}: nothing sticks out`,
          );
          const visible = `[...document.querySelectorAll('figure svg')].filter((svg) => svg.getBoundingClientRect().width > 0)`;
          t.ok(Number(await page.evaluate(`${visible}.length`)) > 0, `${where}: pictures`);
          t.equal(await page.evaluate(`${visible}.every((svg) => svg.closest('.${shown}') !== null)`), true, where);
          // What is written in a picture stays within it, give or take a few pixels.
          const cut = `${visible}.flatMap((svg) => { const box = svg.getBoundingClientRect(); return [...svg.querySelectorAll('text')].filter((text) => { const own = text.getBoundingClientRect(); return own.width > 0 && (own.left < box.left - 6 || own.right > box.right + 6); }).map((text) => text.textContent); })`;
          t.same(await page.evaluate(cut), [], `${where}: no text is cut`);
          // Ink and page must differ, whatever the light.
          const contrast = `(() => { const own = (color) => { const [r, g, b] = color.match(/[\\d.]+/g).map(Number).map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4)); return 0.2126 * r + 0.7152 * g + 0.0722 * b; }; const style = getComputedStyle(document.body); const [a, b] = [own(style.color), own(style.backgroundColor)].sort((x, y) => y - x); return (a + 0.05) / (b + 0.05); })()`;
          t.ok(Number(await page.evaluate(contrast)) > 7, `${where}: can be read`);
          seen.add(await page.evaluate('getComputedStyle(document.body).backgroundColor'));
          const keep = process.env['NS_KEEP_PICTURES'];
          const whole = { captureBeyondViewport: keep !== undefined };
          const { data } = await page.call('Page.captureScreenshot', { format: 'png', ...whole });
          const picture = Buffer.from(String(data), 'base64');
          t.ok(picture.length > 5_000, `${where}: something is drawn`);
          if (keep !== undefined) writeFileSync(join(keep, `${name}-${scheme}-${width}.png`), picture);
        }
      }
      t.equal(seen.size, 2, 'another page by night');
      t.same(
        new Set(page.requests.filter((asked) => asked !== 'about:blank')).size,
        1,
        'the file itself, and nothing else',
      );
      (page.requests as string[]).length = 0;
    }
    t.same(page.complaints, []);
  },
);
