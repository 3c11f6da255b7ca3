import CliTable, { type Cell } from 'cli-table3';

/** Columns by space, a line below the head and nothing else: it is the numbers that are to be seen. */
const CHARS = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', right: '', 'right-mid': '' },
  ...{ mid: '─', 'mid-mid': '──', middle: '  ' },
};

/** A column's head, and the side to which its cells are moved. */
export interface GridColumn {
  readonly head: string;
  readonly align: 'left' | 'right';
}

/** Draws cells in columns; every row may hold coloured text and cells that span several columns. */
export const drawGrid = (columns: readonly GridColumn[], rows: readonly (readonly Cell[])[]): string => {
  const table = new CliTable({
    head: columns.map(({ head }) => head),
    colAligns: columns.map(({ align }) => align),
    chars: CHARS,
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) table.push([...row]);
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
};
