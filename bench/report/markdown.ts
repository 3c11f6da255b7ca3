import { Ansis } from 'ansis';
import type { BenchRun } from '../run.ts';
import { columnsOf } from './columns.ts';
import { factsOf, titleOf as runTitle } from './header.ts';
import { sheetsOf } from './sheets.ts';
import { titleOf, unitOf } from './table.ts';

/** Text that stays within its cell. */
const cellText = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

const line = (cells: readonly string[]): string => `| ${cells.map(cellText).join(' | ')} |`;

/** The report for an issue or a README: tables that GitHub draws. */
export const markdownReport = (run: BenchRun, version: string): string => {
  const look = { paint: new Ansis(0), width: Number.POSITIVE_INFINITY };
  const tables = run.tables.map((table) => {
    const columns = columnsOf(table, unitOf(table), look).filter(({ head }) => head !== 'distribution');
    const heads = ['flags', 'way', ...columns.map(({ head }) => head)];
    const rows = table.rows.map((row) => {
      const { flags, way, summary, refused } = row;
      if (summary === null || refused !== null) {
        return line([flags, way, `refused: ${refused?.message ?? 'no time'}`, ...columns.slice(1).map(() => '')]);
      }
      return line([flags, way, ...columns.map(({ cell }) => cell(row, summary))]);
    });
    const rule = heads.map((_, index) => (index < 2 ? ':--' : '--:'));
    return [`### ${titleOf(table)}`, '', line(heads), line(rule), ...rows].join('\n');
  });
  const sheets = sheetsOf(run).map(({ title, heads, names, rows, refused }) => {
    const rule = heads.map((_, index) => (index < names ? ':--' : '--:'));
    const empty = heads.slice(names + 1).map(() => '');
    const whys = refused.map((one) => line([...one.names, `refused: ${one.why}`, ...empty]));
    return [`### ${title}`, '', line(heads), line(rule), ...rows.map(line), ...whys].join('\n');
  });
  const warnings = run.warnings.map(({ message }) => `- ${message}`);
  return `${[
    `## ${runTitle(run, version)}`,
    factsOf(run)
      .map(([label, text]) => `- ${label}: ${text}`)
      .join('\n'),
    ...sheets,
    ...tables,
    ...(warnings.length === 0 ? [] : [`### Warnings\n\n${warnings.join('\n')}`]),
  ].join('\n\n')}\n`;
};
