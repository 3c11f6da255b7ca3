import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Rounds, Series } from '../measure/rounds.ts';
import { startWorker } from '../measure/worker-process.ts';
import { meanLevels } from '../statistics/levels.ts';
import { seededRandom } from '../statistics/random.ts';
import { levelsOf, warmUpOf, withoutFirst } from '../warm-up.ts';
import type { Axis, AxisName } from './axis.ts';
import type { ScalingCases } from './cases.ts';
import { type Scaling, scalingRows } from './scaling.ts';
import type { ScalingPoint, ScalingReply, ScalingRequest } from './worker.ts';

/** What to measure. */
export interface ScalingSpec extends ScalingCases {
  readonly iterations: number;
  /** Rounds at the beginning that do not count; `auto`: as many as were slower than the rest. */
  readonly warmup: number | 'auto';
  /** Begins no block after so many milliseconds. */
  readonly mostMs: number | null;
  readonly seed: number;
  readonly privileged: boolean;
  readonly stop: AbortSignal;
  readonly onRound: (done: number, all: number) => void;
}

/** An axis, and what there is to know of its run. */
export interface AxisRun {
  readonly scaling: Scaling;
  /** Rounds that count, at the point that has most of them. */
  readonly rounds: number;
  /** Rounds that do not. */
  readonly warmup: number;
  /** How slow each round was, over all points. */
  readonly levels: readonly number[];
  readonly ended: Rounds['ended'];
}

/** Rounds that a process measures before the next one has its turn; the first are warm-up. */
const BLOCK = 10;
const WARMUP = 1;

/** A worker with so many mounts needs a mount namespace of its own. */
const wrapper = (axis: AxisName, privileged: boolean): readonly string[] =>
  axis === 'mounts'
    ? ['unshare', '--mount', ...(privileged ? [] : ['--map-root-user']), '--propagation', 'private']
    : [];

/** What a point has given so far. */
class PointRounds {
  #rounds = 0;
  readonly #series = new Map<string, Series>();

  add(rounds: number, series: readonly (readonly [string, Series])[]): void {
    this.#rounds += rounds;
    for (const [id, { samples, refused }] of series) {
      const before = this.#series.get(id);
      const lists = Object.entries(samples).map(([quantity, list = []]) => [
        quantity,
        [...(before?.samples[quantity] ?? []), ...list],
      ]);
      this.#series.set(id, {
        samples: { ...before?.samples, ...Object.fromEntries(lists) },
        refused: before?.refused ?? refused,
      });
    }
  }

  read(ended: Rounds['ended']): Rounds {
    return { rounds: this.#rounds, ended, series: this.#series };
  }
}

/** Measures at every point of an axis, in processes that take turns, so that what happens to the machine happens to all. */
export const measureScaling = async ({ name, values }: Axis, spec: ScalingSpec): Promise<AxisRun> => {
  const { sets, command, backends, peers, iterations, warmup, mostMs, seed, privileged, stop, onRound } = spec;
  const script = new URL('./worker.js', import.meta.url);
  const dir = await mkdtemp(join(tmpdir(), 'ns-bench-axis-'));
  const points = values.map(() => new PointRounds());
  const refused: Scaling['refused'][number][] = [];
  const refuse = (value: number, what: string, refusal: Scaling['refused'][number]['refusal']): void => {
    if (!refused.some((one) => one.value === value && one.what === what)) refused.push({ value, what, refusal });
  };
  const workers = values.map((value) => {
    const point: ScalingPoint = { sets, command, backends, peers, axis: name, value, dir };
    return startWorker<ScalingRequest, ScalingReply>(script, [JSON.stringify(point)], wrapper(name, privileged));
  });
  const keep = (index: number, reply: ScalingReply): boolean => {
    const value = values[index] ?? 0;
    if ('failed' in reply) {
      refuse(value, 'everything', { type: 'not-prepared', message: reply.failed });
      return false;
    }
    // Ctrl-C reaches the children, too: that they were killed by it is no refusal.
    const refusals = stop.aborted ? [] : reply.series;
    for (const [id, { refused: refusal }] of refusals) if (refusal !== null) refuse(value, id, refusal);
    points[index]?.add(reply.rounds, reply.series);
    return true;
  };
  const stopWorkers = (): void => {
    for (const worker of workers) worker.tell({ stop: true });
  };
  stop.addEventListener('abort', stopWorkers, { once: true });
  const stopped = new Promise<ScalingReply>((resolve) => {
    if (stop.aborted) resolve({ rounds: 0, series: [] });
    else stop.addEventListener('abort', () => resolve({ rounds: 0, series: [] }), { once: true });
  });
  const start = performance.now();
  let ended: Rounds['ended'] = 'complete';
  try {
    const ready = await Promise.all(
      workers.map(async ({ first }, index) => {
        const failed = (error: unknown): ScalingReply => ({ failed: String(error) });
        return keep(index, await Promise.race([first.catch(failed), stopped]));
      }),
    );
    for (let done = 0; done < iterations && !stop.aborted; done += BLOCK) {
      if (done > 0 && mostMs !== null && performance.now() - start > mostMs) {
        ended = 'out-of-time';
        break;
      }
      const uncounted = done === 0 && warmup !== 'auto' ? warmup : WARMUP;
      for (const [index, worker] of workers.entries()) {
        if (ready[index] !== true || stop.aborted) continue;
        const request = { iterations: Math.min(BLOCK, iterations - done), warmup: uncounted, seed: seed + done };
        try {
          keep(index, await worker.ask(request));
        } catch (error) {
          ready[index] = keep(index, { failed: String(error) });
        }
      }
      onRound(Math.min(done + BLOCK, iterations), iterations);
    }
  } finally {
    stop.removeEventListener('abort', stopWorkers);
    await Promise.all(workers.map((worker) => worker.end()));
    await rm(dir, { recursive: true, force: true });
  }
  if (stop.aborted) ended = 'interrupted';
  const all = points.map((point) => point.read(ended));
  // The same rounds of every point, so that they still belong together.
  const cut = warmup === 'auto' ? Math.max(0, ...all.map(warmUpOf)) : 0;
  const counted = all.map((rounds) => withoutFirst(rounds, cut));
  return {
    scaling: { axis: name, values, rows: scalingRows(counted, seededRandom(seed)), refused },
    rounds: Math.max(0, ...counted.map(({ rounds }) => rounds)),
    warmup: (warmup === 'auto' ? WARMUP : warmup) + cut,
    levels: meanLevels(counted.map(levelsOf)),
    ended,
  };
};
