import { type AxisName, pointName } from '../scaling/axis.ts';
import type { Scaling } from '../scaling/scaling.ts';
import { QUANTITY_NAMES } from '../warnings.ts';
import { drawGrid } from './grid.ts';
import type { Look } from './paint.ts';
import { inUnit, unitFor } from './unit.ts';

/** What an axis is called in a title. */
export const AXIS_TITLES: Readonly<Record<AxisName, string>> = {
  rss: 'memory of the parent',
  jobs: 'children at once',
  alive: 'namespaces already alive',
  mounts: 'mounts of the parent',
};

/** What a time is the time of, in words. */
export const quantityName = (quantity: string): string =>
  quantity === 'perChildNs'
    ? 'for each child'
    : ((QUANTITY_NAMES as Readonly<Record<string, string>>)[quantity] ?? quantity);

/** How times grow along one axis, for a person to read. */
export const drawScaling = ({ axis, values, rows, refused }: Scaling, { paint }: Look): string => {
  const medians = rows.flatMap(({ points }) => points.flatMap((point) => (point === null ? [] : [point.p50])));
  const unit = unitFor(medians.length === 0 ? 1e3 : Math.min(...medians));
  const left = ['flags', 'way', 'what'].map((head) => ({ head: paint.cyan(head), align: 'left' as const }));
  const right = [...values.map((value) => pointName(axis, value)), 'last : first', '95% interval'].map((head) => ({
    head: paint.cyan(head),
    align: 'right' as const,
  }));
  const lines = rows.map(({ way, flags, quantity, points, growth }) => {
    return [
      ...[flags, way, quantityName(quantity)],
      ...points.map((point) => (point === null ? '' : inUnit(point.p50, unit))),
      ...(growth === null
        ? ['', '']
        : [paint.bold(growth.value.toFixed(2)), `${growth.low.toFixed(2)} to ${growth.high.toFixed(2)}`]),
    ];
  });
  const notes = refused.map(
    ({ value, what, refusal }) => `at ${pointName(axis, value)}: ${what.replace('|', ' ')} refused: ${refusal.message}`,
  );
  const title = `medians by ${AXIS_TITLES[axis]}, ${unit.name}`;
  return [paint.bold(title), drawGrid([...left, ...right], lines), ...new Set(notes)].join('\n');
};
