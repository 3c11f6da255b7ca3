import { Presets, SingleBar } from 'cli-progress';

/** A bar that grows with the rounds. */
export interface Progress {
  readonly update: (done: number, all: number) => void;
  readonly stop: () => void;
}

/**
 * How long a run still takes: as long for each round as for those before, and no longer than it may.
 *
 * @param mostMs - how long it may take; null for as long as it takes
 */
export const timeLeft = (elapsedMs: number, done: number, all: number, mostMs: number | null): string => {
  const byRounds = done === 0 ? Number.POSITIVE_INFINITY : (elapsedMs / done) * (all - done);
  const leftMs = Math.max(0, Math.min(byRounds, mostMs === null ? Number.POSITIVE_INFINITY : mostMs - elapsedMs));
  if (!Number.isFinite(leftMs)) return '?';
  const seconds = Math.ceil(leftMs / 1000);
  return seconds < 100 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
};

/** Shows progress on a terminal, and nothing anywhere else. */
export const progressOn = (
  stream: NodeJS.WritableStream & { readonly isTTY?: boolean },
  mostMs: number | null = null,
): Progress => {
  if (stream.isTTY !== true) return { update: () => undefined, stop: () => undefined };
  const bar = new SingleBar(
    {
      stream,
      format: 'measuring {bar} {value}/{total} rounds, {left} left',
      barsize: 30,
      // Drawing costs time between two samples: four times a second is enough.
      fps: 4,
      clearOnComplete: true,
      hideCursor: true,
      // SIGINT is the caller's, who stops the bar.
      gracefulExit: false,
    },
    Presets.shades_classic,
  );
  let started = false;
  let [start, before] = [0, 0];
  const left = (done: number, all: number): string =>
    timeLeft(performance.now() - start, done - before, all - before, mostMs);
  const stop = (): void => {
    if (started) bar.stop();
    started = false;
    process.off('exit', stop);
  };
  return {
    update: (done, all) => {
      if (started) return bar.update(done, { left: left(done, all) });
      started = true;
      [start, before] = [performance.now(), done];
      bar.start(all, done, { left: '?' });
      // An exit in the middle must not leave the terminal without a cursor.
      process.once('exit', stop);
    },
    stop,
  };
};
