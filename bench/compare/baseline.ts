import { readFileSync } from 'node:fs';
import { err, ok, type Result } from 'neverthrow';
import { AXIS_NAMES } from '../scaling/axis.ts';
import { SCHEMA, SCHEMA_VERSION } from '../schema.ts';
import { phaseId, pointId } from './comparable.ts';

type Lists = Readonly<Record<string, readonly number[]>>;

/** A cost of an earlier run's model; nanoseconds. */
interface BaselineCost {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** What flags and pairs cost in an earlier run. */
export interface BaselineCosts {
  readonly quantity: string;
  readonly way: string;
  readonly sets: number;
  readonly mean: number;
  /** The root of the mean square of what the model left. */
  readonly rms: number;
  /** By flag, or by both of a pair joined by " and ". */
  readonly costs: ReadonlyMap<string, BaselineCost>;
}

/** An earlier run, as far as a later one is compared with it. */
export interface Baseline {
  readonly version: string;
  readonly startedAt: string;
  readonly command: readonly string[];
  readonly context: Readonly<Record<string, unknown>>;
  /** Durations by id and quantity: of cases, phases, points of an axis. */
  readonly samples: ReadonlyMap<string, Lists>;
  readonly marginal: readonly BaselineCosts[];
}

type Plain = Readonly<Record<string, unknown>>;

const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const isText = (value: unknown): value is string => typeof value === 'string';

const isDurations = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((ns) => isNumber(ns) && ns >= 0);

/** The items of a list, read one by one; null when it is none, or when one of them cannot be read. */
const readAll = <T>(value: unknown, read: (item: Plain) => T | null): readonly T[] | null => {
  if (!Array.isArray(value)) return null;
  const items = value.map((item) => (isPlain(item) ? read(item) : null));
  return items.every((item) => item !== null) ? items : null;
};

type Series = readonly [id: string, lists: Lists];

const readCase = ({ id, samples }: Plain): Series | null =>
  isText(id) && isPlain(samples) && Object.values(samples).every(isDurations) ? [id, samples as Lists] : null;

const GROUPS = ['spawn', 'step', 'tear-down'] as const;

const readPhase = ({ group: of, operation, phase, samples }: Plain): Series | null => {
  const group = GROUPS.find((name) => name === of);
  return group !== undefined && isText(operation) && isText(phase) && isDurations(samples)
    ? [phaseId({ group, operation }), { [phase]: samples }]
    : null;
};

const readAxis = ({ axis: of, values, rows }: Plain): readonly Series[] | null => {
  const axis = AXIS_NAMES.find((name) => name === of);
  if (axis === undefined || !isDurations(values)) return null;
  const read = readAll(rows, ({ way, flags, quantity, samples }): readonly Series[] | null =>
    isText(way) && isText(flags) && isText(quantity) && Array.isArray(samples) && samples.every(isDurations)
      ? values.map((value, point) => [pointId(axis, value, { way, flags }), { [quantity]: samples[point] ?? [] }])
      : null,
  );
  return read?.flat() ?? null;
};

const readCost =
  (name: (item: Plain) => unknown) =>
  (item: Plain): readonly [string, BaselineCost] | null => {
    const [key, { cost }] = [name(item), item];
    if (!isText(key) || !isPlain(cost)) return null;
    const { value, low, high } = cost;
    return isNumber(value) && isNumber(low) && isNumber(high) ? [key, { value, low, high }] : null;
  };

const readCosts = ({ quantity, way, sets, mean, flags, pairs, residual }: Plain): BaselineCosts | null => {
  const costs = [
    readAll(
      flags,
      readCost(({ type }) => type),
    ),
    readAll(
      pairs,
      readCost(({ types }) => (Array.isArray(types) ? types.join(' and ') : null)),
    ),
  ];
  const [of, or] = costs;
  const [middle, rms] = [isPlain(mean) ? mean['value'] : null, isPlain(residual) ? residual['rms'] : null];
  if (!isText(quantity) || !isText(way) || !isNumber(sets) || !isNumber(middle) || !isNumber(rms)) return null;
  return of == null || or == null ? null : { quantity, way, sets, mean: middle, rms, costs: new Map([...of, ...or]) };
};

/** All series by their ids; those of one id are parts of one thing. */
const joined = (series: readonly Series[]): ReadonlyMap<string, Lists> => {
  const all = new Map<string, Lists>();
  for (const [id, lists] of series) all.set(id, { ...all.get(id), ...lists });
  return all;
};

/** Reads a run from the text of its JSON; or says what is wrong with it. */
export const parseBaseline = (text: string): Result<Baseline, string> => {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return err('it is no JSON');
  }
  if (!isPlain(json) || json['schema'] !== SCHEMA) return err('it is no run of ns-bench');
  if (json['schemaVersion'] !== SCHEMA_VERSION) {
    return err(`its schemaVersion is ${JSON.stringify(json['schemaVersion'])}, this ns-bench reads ${SCHEMA_VERSION}`);
  }
  const { version, startedAt, context, cases, phases, scaling, marginalCosts, options } = json;
  if (!isText(version) || !isText(startedAt) || !isPlain(context) || !Array.isArray(cases)) {
    return err('fields of a run are missing');
  }
  const { command, args } = isPlain(options) ? options : {};
  const parts = {
    cases: readAll(cases, readCase),
    // A run of an earlier version has none of these.
    phases: readAll(phases ?? [], readPhase),
    axes: readAll(scaling ?? [], readAxis),
    marginal: readAll(marginalCosts ?? [], readCosts),
  };
  if (parts.cases === null) return err('a case has no samples that can be read');
  if (parts.phases === null) return err('a phase has no samples that can be read');
  if (parts.axes === null) return err('an axis has no samples that can be read');
  if (parts.marginal === null) return err('its marginal costs cannot be read');
  return ok({
    ...{ version, startedAt, context, marginal: parts.marginal },
    samples: joined([...parts.cases, ...parts.phases, ...parts.axes.flat()]),
    command: [command, ...(Array.isArray(args) ? args : [])].filter(isText),
  });
};

/** Reads a run that was saved; or says why it cannot be. */
export const readBaseline = (path: string): Result<Baseline, string> => {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return err((error as NodeJS.ErrnoException).code ?? 'it cannot be read');
  }
  return parseBaseline(text);
};
