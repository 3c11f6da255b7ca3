import type { Phase } from '../phases/phases.ts';
import { logBins } from '../statistics/histogram.ts';
import { bars } from './bars.ts';
import type { Footnotes } from './footnotes.ts';
import { drawGrid } from './grid.ts';
import type { Look } from './paint.ts';
import { inMicroseconds } from './unit.ts';

const TITLES = {
  spawn: 'phases of clone3 and execve, in the program, since the call, µs',
  step: 'single steps, in the program, µs',
  'tear-down': 'until the kernel has freed what a process left, in the program, µs',
} as const satisfies Record<Phase['group'], string>;

const BINS = 16;

const drawGroup = (group: Phase['group'], phases: readonly Phase[], footnotes: Footnotes, look: Look): string => {
  const { paint } = look;
  const wide = look.width >= 100;
  const heads = ['p50', 'p90', 'p99', ...(wide ? ['distribution'] : [])];
  let before = '';
  const rows = phases.map(({ operation, phase, summary, samples, refused }) => {
    const name = operation === before ? '' : operation;
    before = operation;
    if (summary === null) {
      const mark = refused === null ? 'no time' : `refused: ${refused.type} ${footnotes.mark(refused.message)}`;
      return [name, { content: paint.yellow(mark), colSpan: heads.length + 1, hAlign: 'left' as const }];
    }
    const { p50, p90, p99, min } = summary;
    const histogram = bars(logBins(samples, Math.max(1, min), p99, BINS));
    return [
      ...[name, phase, paint.bold(inMicroseconds(p50)), inMicroseconds(p90), inMicroseconds(p99)],
      ...(wide ? [histogram] : []),
    ];
  });
  const left = ['operation', 'what'].map((head) => ({ head: paint.cyan(head), align: 'left' as const }));
  const right = heads.map((head) => ({ head: paint.cyan(head), align: 'right' as const }));
  return `${paint.bold(TITLES[group])}\n${drawGrid([...left, ...right], rows)}`;
};

/** Where the time goes: a table for the phases of a spawn, one for single steps, one for what comes after the end. */
export const drawPhases = (phases: readonly Phase[], footnotes: Footnotes, look: Look): readonly string[] =>
  (['spawn', 'step', 'tear-down'] as const).flatMap((group) => {
    const own = phases.filter((phase) => phase.group === group);
    return own.length === 0 ? [] : [drawGroup(group, own, footnotes, look)];
  });
