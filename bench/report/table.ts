import type { Cell } from 'cli-table3';
import type { Row, Table } from '../analysis.ts';
import { QUANTITY_NAMES } from '../warnings.ts';
import { type Column, columnsOf } from './columns.ts';
import type { Footnotes } from './footnotes.ts';
import { drawGrid } from './grid.ts';
import type { Look } from './paint.ts';
import { type Unit, unitFor } from './unit.ts';

const WHERE = {
  cloneNs: 'inside the program',
  totalNs: 'inside the program',
  exitKnownNs: 'from JavaScript',
  blockedNs: 'by one call, from JavaScript',
} as const satisfies Record<Table['quantity'], string>;

const refusedCell = ({ summary, refused }: Row, span: number, footnotes: Footnotes, { paint }: Look): Cell => {
  const after = summary === null ? '' : ` after ${summary.count} rounds`;
  const mark = refused === null ? '' : ` ${footnotes.mark(refused.message)}`;
  const what = refused === null ? 'no time' : `refused${after}: ${refused.type}`;
  return { content: paint.yellow(`${what}${mark}`), colSpan: span, hAlign: 'left' };
};

const draw = (table: Table, columns: readonly Column[], footnotes: Footnotes, look: Look): string => {
  const ways = new Set(table.rows.map(({ way }) => way)).size > 1;
  const names = ['flags', ...(ways ? ['way'] : [])].map((head) => ({ head, align: 'left' as const }));
  const numbers = columns.map(({ head }) => ({ head, align: 'right' as const }));
  const rows = table.rows.map((row) => {
    const { flags, way, summary, refused } = row;
    const cells =
      summary === null || refused !== null
        ? [refusedCell(row, columns.length, footnotes, look)]
        : columns.map(({ cell }) => cell(row, summary));
    return [flags, ...(ways ? [way] : []), ...cells];
  });
  const heads = [...names, ...numbers].map(({ head, align }) => ({ head: look.paint.cyan(head), align }));
  return drawGrid(heads, rows);
};

/** The colour codes of a text, which take no room. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what colour codes begin with
const CODES = /\u001b\[[0-9;]*m/g;

const widthOf = (text: string): number =>
  Math.max(...text.split('\n').map((line) => [...line.replace(CODES, '')].length));

/** A table as text, and the heads of the columns for which the terminal is too narrow. */
export interface DrawnTable {
  readonly text: string;
  readonly left: readonly string[];
}

/** The unit of a table's numbers. */
export const unitOf = ({ rows }: Table): Unit => {
  const medians = rows.flatMap(({ summary }) => (summary === null ? [] : [summary.p50]));
  return unitFor(medians.length === 0 ? 1e3 : Math.min(...medians));
};

/** What a table shows, where it was taken and in which unit. */
export const titleOf = (table: Table): string =>
  `${QUANTITY_NAMES[table.quantity]}, ${WHERE[table.quantity]}, ${unitOf(table).name}`;

/** Draws a table with as many columns as there is room for; the least telling ones go first. */
export const drawTable = (table: Table, footnotes: Footnotes, look: Look): DrawnTable => {
  const all = columnsOf(table, unitOf(table), look);
  let columns = all;
  let text = draw(table, columns, footnotes, look);
  while (widthOf(text) > look.width) {
    const last = Math.max(...columns.map(({ dispensable }) => dispensable));
    if (last === 0) break;
    columns = columns.filter(({ dispensable }) => dispensable < last);
    text = draw(table, columns, footnotes, look);
  }
  return {
    text: `${look.paint.bold(titleOf(table))}\n${text}`,
    left: all.filter((column) => !columns.includes(column)).map(({ head }) => head),
  };
};
