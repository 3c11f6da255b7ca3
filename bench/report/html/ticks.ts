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

/** Steps at even distances: each at most twice the one before, so that two fit where the one before was too many. */
const STEPS = [1, 2, 2.5, 5, 10] as const;

/** Round numbers at even distances. */
const evenly = (low: number, high: number, most: number): readonly number[] => {
  const power = 10 ** Math.floor(Math.log10((high - low) / most));
  const ticks = STEPS.map((mantissa) => {
    const step = mantissa * power;
    const first = Math.ceil(low / step);
    return Array.from({ length: Math.max(Math.floor(high / step) - first + 1, 0) }, (_, index) =>
      Number(((first + index) * step).toPrecision(6)),
    );
  });
  return ticks.find(({ length }) => length <= most) ?? [];
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
  // Over a decade and more, even distances would leave all of it but the end without a number.
  return ticks.length >= LEAST || high / low >= 10 ? ticks : evenly(low, high, most);
};

/** A number as a scale shows it: `0.2`, `15`, `20k`. */
export const tickName = (value: number): string => (value >= 1000 ? `${value / 1000}k` : String(value));
