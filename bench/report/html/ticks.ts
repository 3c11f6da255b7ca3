/** Steps of a scale that a person counts in, from fine to coarse. */
const MANTISSAS = [[1, 1.5, 2, 3, 4, 5, 7], [1, 2, 3, 5], [1, 2, 5], [1, 3], [1]] as const;

const within = (mantissas: readonly number[], low: number, high: number): readonly number[] => {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power += 1) {
    for (const mantissa of mantissas) {
      const tick = Number((mantissa * 10 ** power).toPrecision(3));
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  }
  return ticks;
};

/** Below this many a scale cannot be read. */
const LEAST = 3;

/** Round numbers at even distances. */
const evenly = (low: number, high: number, most: number): readonly number[] => {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((mantissa) => mantissa * power >= rough) ?? 10);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(6)),
  );
};

/**
 * Round numbers for a logarithmic scale, each with its own label.
 *
 * @param values - what is drawn, above 0
 * @param most - how many labels there is room for
 */
export const logTicks = (values: readonly number[], most: number): readonly number[] => {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (!(low > 0 && high > low)) return values.slice(0, 1);
  const decades = within([1], low, high);
  const every = Math.ceil(decades.length / most);
  if (every > 1) return decades.filter((_, index) => index % every === 0);
  const ticks = MANTISSAS.map((mantissas) => within(mantissas, low, high)).find(({ length }) => length <= most) ?? [];
  return ticks.length >= LEAST ? ticks : evenly(low, high, most);
};

/** A number as a scale shows it: `0.2`, `15`, `20k`. */
export const tickName = (value: number): string => (value >= 1000 ? `${value / 1000}k` : String(value));
