import type { Table } from '../analysis.ts';
import type { BenchRun } from '../run.ts';
import { Footnotes } from './footnotes.ts';
import { drawHeader } from './header.ts';
import { drawMarginalCosts } from './marginal.ts';
import type { Look } from './paint.ts';
import { drawPhases } from './phases.ts';
import { drawScaling } from './scaling.ts';
import { drawTable } from './table.ts';
import { wrap } from './wrap.ts';

/** Of a lattice, a table of more rows is no longer read; --csv and --json have them. */
const MOST_ROWS = 16;

const isShort = ({ rows }: Table): boolean => rows.length <= MOST_ROWS;

const notesOf = ({ cases, tables, rounds, options }: BenchRun, left: ReadonlySet<string>): readonly string[] => {
  const withUser = cases.some(({ set }) => set.namespaces.includes('user'));
  const added = cases.some(({ set }) => set.added.length > 0);
  const shown = !options.lattice || tables.every(isShort);
  const costs = shown && tables.some(({ rows }) => rows.some(({ cost }) => cost !== null));
  return [
    ...(rounds.ended === 'interrupted'
      ? [`Interrupted: these are the ${rounds.rounds} of ${options.iterations} rounds that were whole.`]
      : []),
    ...(costs
      ? ['over none: median less that of none in the same way, ± half of its 95% interval; one around 0 says nothing.']
      : []),
    ...(added
      ? [
          '(+user): takes privilege that the caller lacks, so it is made inside a new user namespace, whose cost it includes.',
        ]
      : []),
    ...(withUser ? ['user: with the caller mapped to root inside, as unshare -r does.'] : []),
    ...(!shown ? [`All ${cases.length} rows stand in --csv, --json and --markdown.`] : []),
    ...(left.size > 0 ? [`Too narrow a terminal for: ${[...left].join(', ')}.`] : []),
  ];
};

/** The whole report, for a person to read. */
export const drawReport = (run: BenchRun, version: string, look: Look): string => {
  const footnotes = new Footnotes();
  const whole = run.rounds.rounds > 0 && (!run.options.lattice || run.tables.every(isShort));
  const drawn = whole ? run.tables.map((table) => drawTable(table, footnotes, look)) : [];
  const phases = drawPhases(run.phases, footnotes, look);
  const scaling = run.scaling.map((one) => drawScaling(one, look));
  const marginal = run.marginal.map((costs) => drawMarginalCosts(costs, look));
  const left = new Set(drawn.flatMap((table) => table.left));
  const notes = [...footnotes.lines(), ...notesOf(run, left)].map((line) => look.paint.dim(wrap(line, look.width, 2)));
  return `${[
    drawHeader(run, version, look),
    ...drawn.map(({ text }) => text),
    ...marginal,
    ...phases,
    ...scaling,
    notes.join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n')}\n`;
};
