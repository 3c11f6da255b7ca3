import type { BenchRun } from '../run.ts';
import { Footnotes } from './footnotes.ts';
import { drawHeader } from './header.ts';
import type { Look } from './paint.ts';
import { drawTable } from './table.ts';
import { wrap } from './wrap.ts';

const notesOf = ({ cases, tables, rounds, options }: BenchRun, left: ReadonlySet<string>): readonly string[] => {
  const withUser = cases.some(({ set }) => set.namespaces.includes('user'));
  const added = cases.some(({ set }) => set.added.length > 0);
  const costs = tables.some(({ rows }) => rows.some(({ cost }) => cost !== null));
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
    ...(left.size > 0 ? [`Too narrow a terminal for: ${[...left].join(', ')}.`] : []),
  ];
};

/** The whole report, for a person to read. */
export const drawReport = (run: BenchRun, version: string, look: Look): string => {
  const footnotes = new Footnotes();
  const drawn = run.rounds.rounds === 0 ? [] : run.tables.map((table) => drawTable(table, footnotes, look));
  const left = new Set(drawn.flatMap((table) => table.left));
  const notes = [...footnotes.lines(), ...notesOf(run, left)].map((line) => look.paint.dim(wrap(line, look.width, 2)));
  return `${[drawHeader(run, version, look), ...drawn.map(({ text }) => text), notes.join('\n')]
    .filter((part) => part !== '')
    .join('\n\n')}\n`;
};
