import type { Environment } from '../ns-run/host.ts';
import { type Cell, COLUMNS, type ColumnName } from './columns.ts';
import type { Line } from './lines.ts';

/** How lines are printed. */
export interface Layout {
  readonly columns: readonly ColumnName[];
  /** The column in which the tree is drawn; null for none. */
  readonly treeColumn: ColumnName | null;
  readonly headings: boolean;
  readonly wrap: boolean;
  readonly env: Environment;
  /** How wide the terminal is; null when the output is cut nowhere. */
  readonly width: number | null;
}

interface Art {
  readonly branch: string;
  readonly last: string;
  readonly down: string;
  readonly none: string;
}

const UTF8: Art = { branch: '├─', last: '└─', down: '│ ', none: '  ' };
const ASCII: Art = { branch: '|-', last: '`-', down: '| ', none: '  ' };

const isUtf8 = (env: Environment): boolean => /utf-?8/i.test(env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '');

interface DrawnLine {
  readonly line: Line;
  readonly art: string;
  /** What stands below it in further rows of the same line. */
  readonly under: string;
}

const draw = (lines: readonly Line[], art: Art, above = '', isRoot = true): readonly DrawnLine[] =>
  lines.flatMap((line, index) => {
    const isLast = index === lines.length - 1;
    const own = isRoot ? '' : isLast ? art.last : art.branch;
    const below = isRoot ? '' : `${above}${isLast ? art.none : art.down}`;
    return [{ line, art: `${above}${own}`, under: below }, ...draw(line.children, art, below, false)];
  });

/** Control characters would move the cursor of who reads. */
const harmless = (text: string): string =>
  text.replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);

const cellRows = (cell: Cell, wrap: boolean): readonly string[] => {
  if (cell === null) return [''];
  if (typeof cell !== 'object') return [harmless(String(cell))];
  return wrap ? cell.map(harmless) : [cell.map(harmless).join(',')];
};

const widthOf = (text: string): number => [...text].length;

const pad = (text: string, width: number, right: boolean): string => {
  const blanks = ' '.repeat(Math.max(width - widthOf(text), 0));
  return right ? blanks + text : text + blanks;
};

const cut = (text: string, width: number | null): string =>
  width === null || widthOf(text) <= width ? text : [...text].slice(0, width).join('');

/** Lines as a table: a blank between columns, numbers to the right, nothing behind the last one. */
export const printTable = (lines: readonly Line[], layout: Layout): string => {
  const { columns, treeColumn, wrap, headings, width } = layout;
  if (lines.length === 0) return '';
  const drawn = draw(lines, isUtf8(layout.env) ? UTF8 : ASCII);
  const rows = drawn.flatMap(({ line, art, under }) => {
    const cells = columns.map((name) => cellRows(COLUMNS[name].cell(line.subject), wrap));
    const height = Math.max(...cells.map(({ length }) => length));
    return Array.from({ length: height }, (_, row) =>
      columns.map((name, index) => {
        const text = cells[index]?.[row] ?? '';
        return name === treeColumn ? `${row === 0 ? art : under}${text}` : text;
      }),
    );
  });
  const widths = columns.map((name, index) => {
    const widest = Math.max(...rows.map((row) => widthOf(row[index] ?? '')));
    const { hint = 0 } = COLUMNS[name];
    return widest < name.length ? name.length : Math.max(widest, name.length < hint ? hint : 0);
  });
  if (headings) rows.unshift([...columns]);
  return rows
    .map((row) => {
      const texts = row.map((text, index) => {
        const name = columns[index] as ColumnName;
        const right = COLUMNS[name].right && name !== treeColumn;
        return index === row.length - 1 && !right ? text : pad(text, widths[index] ?? 0, right);
      });
      return `${cut(texts.join(' '), width)}\n`;
    })
    .join('');
};

/** Bytes that would end a word, or that not every terminal can show, in hexadecimal. */
const rawWord = (text: string): string =>
  [...Buffer.from(text, 'utf8')]
    .map((byte) =>
      byte > 0x20 && byte < 0x7f && byte !== 0x5c
        ? String.fromCharCode(byte)
        : `\\x${byte.toString(16).padStart(2, '0')}`,
    )
    .join('');

const plainText = (cell: Cell): string => {
  if (cell === null) return '';
  return typeof cell === 'object' ? cell.join(',') : String(cell);
};

/** Lines for a program to read: words, each without a blank. */
export const printRaw = (lines: readonly Line[], { columns, treeColumn, headings, env }: Layout): string => {
  if (lines.length === 0) return '';
  const rows = draw(lines, isUtf8(env) ? UTF8 : ASCII).map(({ line, art }) =>
    columns.map((name) => {
      const text = plainText(COLUMNS[name].cell(line.subject));
      return rawWord(name === treeColumn ? art + text : text);
    }),
  );
  return [...(headings ? [columns as readonly string[]] : []), ...rows].map((row) => `${row.join(' ')}\n`).join('');
};

type Json = { readonly [name: string]: Cell | readonly Json[] };

const jsonCell = (name: ColumnName, cell: Cell): Cell =>
  // One path is a text, as older releases of lsns have it; more are a list.
  name === 'NSFS' && typeof cell === 'object' && cell !== null && cell.length === 1 ? (cell[0] ?? null) : cell;

const jsonLine = ({ subject, children }: Line, columns: readonly ColumnName[]): Json => ({
  ...Object.fromEntries(columns.map((name) => [name.toLowerCase(), jsonCell(name, COLUMNS[name].cell(subject))])),
  ...(children.length === 0 ? {} : { children: children.map((child) => jsonLine(child, columns)) }),
});

/** Lines as JSON: `{"namespaces": [...]}`, those below in `children`. */
export const printJson = (lines: readonly Line[], { columns }: Layout): string =>
  `${JSON.stringify({ namespaces: lines.map((line) => jsonLine(line, columns)) }, null, 3)}\n`;
