import type { FlagSet } from '../cases/flag-set.ts';
import type { Refusal } from '../measure/sample.ts';
import { startWorker } from '../measure/worker-process.ts';
import { type Summary, summarize } from '../statistics/summary.ts';
import type { Axis, AxisName } from './axis.ts';
import type { ScalingReply, ScalingRequest } from './worker.ts';

/** One thing that was measured at every point of an axis. */
interface ScalingRow {
  readonly way: string;
  readonly flags: string;
  /** What it is the time of: `totalNs`, `clone returned`... */
  readonly quantity: string;
  /** In the order of the axis' values; null where there is no time. */
  readonly points: readonly (Summary | null)[];
  readonly samples: readonly (readonly number[])[];
}

/** How times grow along one axis. */
export interface Scaling {
  readonly axis: AxisName;
  readonly values: readonly number[];
  readonly rows: readonly ScalingRow[];
  /** What was refused, by point. */
  readonly refused: readonly { readonly value: number; readonly what: string; readonly refusal: Refusal }[];
}

/** What to measure. */
export interface ScalingSpec {
  readonly sets: readonly FlagSet[];
  readonly command: string;
  readonly iterations: number;
  readonly seed: number;
  readonly privileged: boolean;
  readonly stop: AbortSignal;
  readonly onRound: (done: number, all: number) => void;
}

/** Rounds that a process measures before the next one has its turn; the first are warm-up. */
const BLOCK = 10;
const WARMUP = 1;

/** A worker with so many mounts needs a mount namespace of its own. */
const wrapper = (axis: AxisName, privileged: boolean): readonly string[] =>
  axis === 'mounts'
    ? ['unshare', '--mount', ...(privileged ? [] : ['--map-root-user']), '--propagation', 'private']
    : [];

type Collected = Map<string, number[]>[];

/** Measures at every point of an axis, in processes that take turns, so that what happens to the machine happens to all. */
export const measureScaling = async ({ name, values }: Axis, spec: ScalingSpec): Promise<Scaling> => {
  const { sets, command, iterations, seed, privileged, stop, onRound } = spec;
  const script = new URL('./worker.js', import.meta.url);
  const flags = JSON.stringify(sets.map(({ namespaces }) => namespaces));
  const collected: Collected = values.map(() => new Map());
  const refused: { value: number; what: string; refusal: Refusal }[] = [];
  const workers = values.map((value) =>
    startWorker<ScalingRequest, ScalingReply>(script, [name, String(value), flags, command], wrapper(name, privileged)),
  );
  const keep = (point: number, reply: ScalingReply): boolean => {
    const value = values[point] ?? 0;
    if ('failed' in reply) {
      refused.push({ value, what: 'everything', refusal: { type: 'not-prepared', message: reply.failed } });
      return false;
    }
    for (const [id, { samples, refused: refusal }] of reply.series) {
      if (refusal !== null && !refused.some((one) => one.value === value && one.what === id)) {
        refused.push({ value, what: id, refusal });
      }
      for (const [quantity, list = []] of Object.entries(samples)) {
        const key = `${id}|${quantity}`;
        const kept = collected[point]?.get(key) ?? [];
        collected[point]?.set(key, [...kept, ...list]);
      }
    }
    return true;
  };
  try {
    const ready = await Promise.all(
      workers.map(async (worker, point) => {
        const reply = await worker.first.catch((error: unknown): ScalingReply => ({ failed: String(error) }));
        return keep(point, reply);
      }),
    );
    for (let done = 0; done < iterations && !stop.aborted; done += BLOCK) {
      for (const [point, worker] of workers.entries()) {
        if (ready[point] !== true || stop.aborted) continue;
        const request = { iterations: Math.min(BLOCK, iterations - done), warmup: WARMUP, seed: seed + done };
        try {
          keep(point, await worker.ask(request));
        } catch (error) {
          ready[point] = keep(point, { failed: String(error) });
        }
      }
      onRound(Math.min(done + BLOCK, iterations), iterations);
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.end()));
  }
  const keys = [...new Set(collected.flatMap((lists) => [...lists.keys()]))];
  const rows = keys.map((key): ScalingRow => {
    const [way = '', of = '', quantity = ''] = key.split('|');
    const samples = collected.map((lists) => lists.get(key) ?? []);
    return { way, flags: of, quantity, samples, points: samples.map(summarize) };
  });
  return { axis: name, values, rows, refused };
};
