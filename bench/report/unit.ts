/** A unit of time, and how many digits after the point a table gives in it. */
export interface Unit {
  readonly name: 'ns' | 'µs' | 'ms' | 's';
  readonly ns: number;
  readonly decimals: number;
}

const UNITS = [
  { name: 's', ns: 1e9 },
  { name: 'ms', ns: 1e6 },
  { name: 'µs', ns: 1e3 },
] as const;

/** From how many of a unit on it is the one to use; 1,870 µs reads better than 1.87 ms beside 33.1 µs. */
const ENOUGH = { s: 10, ms: 10, µs: 1 } as const;

/**
 * Picks one unit for a whole table, so that its columns can be compared by eye.
 *
 * @param smallestNs - the smallest of the table's medians: it keeps three digits
 */
export const unitFor = (smallestNs: number): Unit => {
  const unit = UNITS.find(({ name, ns }) => smallestNs >= ENOUGH[name] * ns) ?? { name: 'ns', ns: 1 };
  const value = smallestNs / unit.ns;
  const decimals = unit.name === 'ns' || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return { ...unit, decimals };
};

/** A duration in a unit, without its name. */
export const inUnit = (durationNs: number, { ns, decimals }: Unit): string => (durationNs / ns).toFixed(decimals);

/** A difference in a unit, with its sign. */
export const signedInUnit = (differenceNs: number, unit: Unit): string => {
  const text = inUnit(differenceNs, unit);
  return differenceNs > 0 && !text.startsWith('-') ? `+${text}` : text;
};

/** A duration in microseconds, with as many digits as it needs. */
export const inMicroseconds = (ns: number): string =>
  inUnit(ns, { name: 'µs', ns: 1000, decimals: unitFor(ns).name === 'ns' ? 2 : ns < 100_000 ? 1 : 0 });
