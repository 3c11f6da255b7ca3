import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseHTML } from 'linkedom';
import t from 'tap';
import { findProgram } from '../../bench/measure/peers/find.ts';
import { escapeHtml } from '../../bench/report/html/escape.ts';
import { htmlReport } from '../../bench/report/html/page.ts';
import { loadPlotting } from '../../bench/report/html/plotting.ts';
import { titleOf } from '../../bench/report/table.ts';
import { openPage } from './chromium.ts';
import { fixedRun } from './fixed-run.ts';
import { latticeRun } from './lattice-run.ts';

const MOST_BYTES = 2 * 1024 * 1024;
const plotting = (await loadPlotting())._unsafeUnwrap();
const runs = { tables: fixedRun(), lattice: latticeRun() } as const;
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

t.test('htmlReport() draws costs, pairs and a heat map of a lattice', async (t) => {
  const run = runs.lattice;
  const { document } = parseHTML(htmlReport(run, '1.2.3', plotting));
  const told = [...document.querySelectorAll('.wide title')].map(({ textContent }) => textContent);
  for (const costs of run.marginal) {
    for (const { type } of costs.flags)
      t.ok(
        told.some((text) => text?.startsWith(`${type}: `)),
        type,
      );
    for (const {
      types: [a, b],
    } of costs.pairs)
      t.ok(told.some((text) => text?.startsWith(`${a} and ${b}: `)));
  }
  const cells = told.filter((text) => text?.startsWith('mnt+net: ') || text?.startsWith('none: '));
  t.equal(cells.length, 2 * run.tables.length, 'a cell for each set');
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
          const { data } = await page.call('Page.captureScreenshot', { format: 'png' });
          const picture = Buffer.from(String(data), 'base64');
          t.ok(picture.length > 5_000, `${where}: something is drawn`);
          const keep = process.env['NS_KEEP_PICTURES'];
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
