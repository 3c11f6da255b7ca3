/** The lines of a text that fit. */
export const linesThat = (text: string, fits: RegExp): string =>
  text
    .split('\n')
    .filter((line) => fits.test(line))
    .join('\n');
