import { Ansis } from 'ansis';
import type { Table } from '../../analysis.ts';
import type { BenchRun } from '../../run.ts';
import { columnsOf } from '../columns.ts';
import { factsOf, titleOf as runTitle } from '../header.ts';
import { type Sheet, sheetsOf } from '../sheets.ts';
import { titleOf, unitOf } from '../table.ts';
import { escapeHtml } from './escape.ts';
import { figureHtml } from './figure.ts';
import { figuresOf } from './figures.ts';
import type { Plotting } from './plotting.ts';

/** Nothing is fetched and nothing runs: a report may be opened anywhere. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

const STYLE = `
:root { color-scheme: light dark; --page: #fff; --ink: #1b1f24; --dim: #59636e; --line: #d5dae0; --mark: #0b62c4; --soft: #8ab4e8; --second: #b5540c; --third: #2c7a3f; }
@media (prefers-color-scheme: dark) { :root { --page: #14171b; --ink: #e6e9ed; --dim: #9aa4b0; --line: #333a42; --mark: #6fb1ff; --soft: #3f6696; --second: #f2a05e; --third: #79c98c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 60rem; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.35rem; line-height: 1.3; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin-top: 2.5rem; } h3 { font-size: 1rem; margin: 0 0 .5rem; }
figure { margin: 0 0 2.5rem; } figcaption, .note { color: var(--dim); font-size: .875rem; }
figure figure { margin: 0; } figure svg { display: block; max-width: 100%; height: auto; --plot-background: var(--page); overflow: visible; }
.scroll { overflow-x: auto; margin-bottom: 2rem; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .875rem; }
th, td { padding: .15rem .75rem .15rem 0; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child, .left { text-align: left; } .facts td { white-space: normal; overflow-wrap: anywhere; text-align: left; vertical-align: top; }
.narrow { display: none; } @media (max-width: 620px) { .wide { display: none; } .narrow { display: block; } }
`;

const cell = (tag: 'td' | 'th', text: string, left: boolean): string =>
  `<${tag}${left ? ' class="left"' : ''}>${escapeHtml(text)}</${tag}>`;

const tableHtml = (table: Table): string => {
  const columns = columnsOf(table, unitOf(table), { paint: new Ansis(0), width: Number.POSITIVE_INFINITY });
  const heads = ['flags', 'way', ...columns.map(({ head }) => head)];
  const rows = table.rows.map((row) => {
    const { flags, way, summary, refused } = row;
    const names = [cell('td', flags, true), cell('td', way, true)];
    if (summary === null || refused !== null) {
      const why = `refused: ${refused?.message ?? 'no time'}`;
      return `<tr>${names.join('')}<td class="left" colspan="${columns.length}">${escapeHtml(why)}</td></tr>`;
    }
    return `<tr>${[...names, ...columns.map((column) => cell('td', column.cell(row, summary), false))].join('')}</tr>`;
  });
  const head = heads.map((text, index) => cell('th', text, index < 2)).join('');
  return `<h3>${escapeHtml(titleOf(table))}</h3><div class="scroll"><table data-quantity="${table.quantity}"><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
};

const sheetHtml = ({ kind, title, heads, names, rows, refused }: Sheet): string => {
  const line = (cells: readonly string[], tag: 'td' | 'th'): string =>
    cells.map((text, index) => cell(tag, text, index < names)).join('');
  const span = heads.length - names;
  const whys = refused.map(
    (one) =>
      `<tr>${line(one.names, 'td')}<td class="left" colspan="${span}">${escapeHtml(`refused: ${one.why}`)}</td></tr>`,
  );
  const body = [...rows.map((row) => `<tr>${line(row, 'td')}</tr>`), ...whys].join('');
  return `<h3>${escapeHtml(title)}</h3><div class="scroll"><table data-sheet="${kind}"><thead><tr>${line(heads, 'th')}</tr></thead><tbody>${body}</tbody></table></div>`;
};

const factsHtml = (run: BenchRun): string =>
  `<table class="facts">${factsOf(run)
    .map(([label, text]) => `<tr><th>${escapeHtml(label)}</th><td>${escapeHtml(text)}</td></tr>`)
    .join('')}</table>`;

/** A run as one HTML file that needs nothing else. */
export const htmlReport = (run: BenchRun, version: string, plotting: Plotting): string => {
  const title = runTitle(run, version);
  const tables = [...sheetsOf(run).map(sheetHtml), ...run.tables.map(tableHtml)];
  const warnings = run.warnings.map(({ message }) => `<li>${escapeHtml(message)}</li>`).join('');
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${escapeHtml(POLICY)}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body>`,
    `<h1>${escapeHtml(title)}</h1><p class="note">${run.startedAt.toISOString()}</p>`,
    ...figuresOf(plotting, run).map(figureHtml),
    ...(tables.length > 0 ? ['<h2>Tables</h2>', ...tables] : []),
    ...(warnings === '' ? [] : [`<h2>Warnings</h2><ul>${warnings}</ul>`]),
    '<h2>Machine</h2>',
    factsHtml(run),
    '</body></html>\n',
  ].join('\n');
};
