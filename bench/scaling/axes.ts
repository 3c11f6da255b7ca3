import type { Rounds } from '../measure/rounds.ts';
import type { Axis } from './axis.ts';
import { type AxisRun, measureScaling, type ScalingSpec } from './run.ts';

/** All axes of a run, and what there is to know of it as a whole. */
export interface AxesRun extends Pick<AxisRun, 'rounds' | 'warmup' | 'ended'> {
  readonly axes: readonly AxisRun[];
}

const endOf = (axes: readonly AxisRun[], stop: AbortSignal): Rounds['ended'] => {
  if (stop.aborted) return 'interrupted';
  return axes.some(({ ended }) => ended === 'out-of-time') ? 'out-of-time' : 'complete';
};

/** Measures axes one after the other; each may take its part of what is left of the time. */
export const measureAxes = async (axes: readonly Axis[], spec: ScalingSpec): Promise<AxesRun> => {
  const { iterations, mostMs, stop, onRound } = spec;
  const start = performance.now();
  const runs: AxisRun[] = [];
  for (const [index, axis] of axes.entries()) {
    if (stop.aborted) break;
    const left = mostMs === null ? null : mostMs - (performance.now() - start);
    runs.push(
      await measureScaling(axis, {
        ...spec,
        mostMs: left === null ? null : left / (axes.length - index),
        onRound: (done) => onRound(index * iterations + done, axes.length * iterations),
      }),
    );
  }
  const most = (numbers: readonly number[]): number => Math.max(0, ...numbers);
  return {
    axes: runs,
    rounds: most(runs.map(({ rounds }) => rounds)),
    warmup: most(runs.map(({ warmup }) => warmup)),
    ended: endOf(runs, stop),
  };
};
