import type { Phase } from '../phases/phases.ts';
import type { BenchRun } from '../run.ts';
import { pointName } from '../scaling/axis.ts';
import type { Scaling } from '../scaling/scaling.ts';

/** One list of durations that another run may have, too. */
export interface Comparable {
  /** Unique within a run, together with the quantity. */
  readonly id: string;
  readonly quantity: string;
  readonly way: string;
  readonly flags: string;
  readonly samples: readonly number[];
}

/** What of a phase makes up its place in a run. */
export const phaseId = ({ group, operation }: Pick<Phase, 'group' | 'operation'>): string => `${group}:${operation}`;

/** The same of a row at a point of an axis. */
export const pointId = (
  axis: Scaling['axis'],
  value: number,
  { way, flags }: { readonly way: string; readonly flags: string },
): string => `${axis} ${pointName(axis, value)}:${way.replaceAll(' ', '-')}:${flags}`;

/** Everything that was measured in a run, in the order in which it is shown. */
export const comparablesOf = ({
  tables,
  phases,
  scaling,
}: Pick<BenchRun, 'tables' | 'phases' | 'scaling'>): readonly Comparable[] => [
  ...tables.flatMap(({ quantity, rows }) =>
    rows.map(({ id, way, flags, samples }) => ({ id, quantity, way, flags, samples })),
  ),
  ...phases.map((phase) => {
    const { group, operation, phase: quantity, samples } = phase;
    return { id: phaseId(phase), quantity, way: group, flags: operation, samples };
  }),
  ...scaling.flatMap(({ axis, values, rows }) =>
    rows.flatMap((row) =>
      values.map((value, point) => ({
        ...{ id: pointId(axis, value, row), quantity: row.quantity, flags: row.flags },
        way: `${row.way}, ${axis} ${pointName(axis, value)}`,
        samples: row.samples[point] ?? [],
      })),
    ),
  ),
];
