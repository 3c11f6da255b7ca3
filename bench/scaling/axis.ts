import { err, ok, type Result } from 'neverthrow';

/** What is varied: memory of the parent, children at once, namespaces already alive, mounts of the parent. */
export const AXIS_NAMES = ['rss', 'jobs', 'alive', 'mounts'] as const;
export type AxisName = (typeof AXIS_NAMES)[number];

/** An axis and its points. */
export interface Axis {
  readonly name: AxisName;
  /** Bytes for `rss`, numbers for the others. */
  readonly values: readonly number[];
}

const GIBIBYTE = 1024 ** 3;

/** The most that may be asked for; beyond it a machine is more likely to fall over than to tell anything. */
const MOST: Readonly<Record<AxisName, number>> = { rss: 64 * GIBIBYTE, jobs: 256, alive: 5000, mounts: 20_000 };
const LEAST: Readonly<Record<AxisName, number>> = { rss: 0, jobs: 1, alive: 0, mounts: 0 };

const FACTORS: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: GIBIBYTE };

const parseOne = (name: AxisName, text: string): number | null => {
  const [, digits, letter = ''] = /^(\d+)([KMG]?)$/.exec(text) ?? [];
  if (digits === undefined || (letter !== '' && name !== 'rss')) return null;
  const value = Number(digits) * (FACTORS[letter] ?? Number.NaN);
  return value >= LEAST[name] && value <= MOST[name] ? value : null;
};

/** Reads points as a person writes them: `50M,1G`, `1,4,16`; or says what is wanted. */
export const parseAxis = (name: AxisName, text: string): Result<Axis, string> => {
  const values = text.split(',').map((part) => parseOne(name, part));
  const known = values.flatMap((value) => (value === null ? [] : [value]));
  if (known.length === values.length) return ok({ name, values: [...new Set(known)].sort((a, b) => a - b) });
  return err(
    name === 'rss'
      ? 'sizes up to 64G joined by ",", such as 50M,1G'
      : `whole numbers from ${LEAST[name]} to ${MOST[name]} joined by ","`,
  );
};

/** A point as a table shows it. */
export const pointName = (name: AxisName, value: number): string => {
  if (name !== 'rss' || value === 0) return String(value);
  const [letter, factor] = value >= GIBIBYTE ? ['G', GIBIBYTE] : value >= 1024 ** 2 ? ['M', 1024 ** 2] : ['K', 1024];
  return `${Number((value / Number(factor)).toFixed(1))}${letter}`;
};
