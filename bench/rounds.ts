import { parseArgs } from 'node:util';

/** How often a bench is told to measure (`-n`); null when it was told otherwise than can be meant, which is said on stderr. */
export const readRounds = (program: string, otherwise: number): number | null => {
  const wanted = 'wanted a whole number from 1 on';
  try {
    const { values } = parseArgs({ options: { iterations: { type: 'string', short: 'n' } } });
    const rounds = Number(values.iterations ?? otherwise);
    if (Number.isInteger(rounds) && rounds >= 1) return rounds;
    process.stderr.write(`${program}: Option "--iterations" is "${values.iterations}", ${wanted}\n`);
  } catch (error) {
    process.stderr.write(`${program}: ${(error as Error).message}; only "--iterations" is known, ${wanted}\n`);
  }
  return null;
};
