import type { Child, PtySize } from '../../lib/index.ts';
import type { Io } from './io.ts';

/** What a terminal in its usual mode takes for the end of what is typed. */
const END_OF_INPUT = '\x04';

/** The size of the terminal that ns-run itself is on; nothing without one. */
export const ownSize = (): PtySize | undefined => {
  const terminal = [process.stdout, process.stderr].find(({ isTTY }) => isTTY);
  const [columns = 0, rows = 0] = terminal?.getWindowSize() ?? [];
  return columns > 0 && rows > 0 ? { columns, rows } : undefined;
};

/**
 * Passes on between ns-run's own terminal, or whatever its streams are, and that of the command.
 *
 * @returns waits until everything has been shown, and leaves ns-run's terminal as it was
 */
export const attachTerminal = (child: Child, io: Io): (() => Promise<void>) => {
  const { stdin: input } = process;
  const terminal = child.stdout;
  const type = (bytes: Buffer | string): void => {
    child.stdin?.write(bytes);
  };
  const onEnd = (): void => type(END_OF_INPUT);
  const onResize = (): void => {
    const size = ownSize();
    // That the command has ended meanwhile is no error.
    if (size !== undefined) child.resize(size).unwrapOr(undefined);
  };
  // Every key is the command's, ^C and ^Z too: its own terminal makes signals of them.
  if (input.isTTY) input.setRawMode(true);
  input.on('data', type).on('end', onEnd);
  process.on('SIGWINCH', onResize);
  const shown = new Promise<void>((resolve) => {
    terminal
      ?.on('data', (bytes: Buffer) => io.stdout(bytes))
      .on('end', resolve)
      .on('close', resolve);
  });
  return async () => {
    await shown;
    terminal?.destroy();
    process.off('SIGWINCH', onResize);
    input.off('data', type).off('end', onEnd).pause();
    if (input.isTTY) input.setRawMode(false);
  };
};
