import { Presets, SingleBar } from 'cli-progress';

/** A bar that grows with the rounds. */
export interface Progress {
  readonly update: (done: number, all: number) => void;
  readonly stop: () => void;
}

/** Shows progress on a terminal, and nothing anywhere else. */
export const progressOn = (stream: NodeJS.WritableStream & { readonly isTTY?: boolean }): Progress => {
  if (stream.isTTY !== true) return { update: () => undefined, stop: () => undefined };
  const bar = new SingleBar(
    {
      stream,
      format: 'measuring {bar} {value}/{total} rounds, {eta_formatted} left',
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
  const stop = (): void => {
    if (started) bar.stop();
    started = false;
    process.off('exit', stop);
  };
  return {
    update: (done, all) => {
      if (started) return bar.update(done);
      started = true;
      bar.start(all, done);
      // An exit in the middle must not leave the terminal without a cursor.
      process.once('exit', stop);
    },
    stop,
  };
};
