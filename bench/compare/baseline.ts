import { readFileSync } from 'node:fs';
import { err, ok, type Result } from 'neverthrow';
import { QUANTITIES, type Quantity } from '../measure/sample.ts';
import { SCHEMA, SCHEMA_VERSION } from '../schema.ts';

/** An earlier run, as far as a later one is compared with it. */
export interface Baseline {
  readonly version: string;
  readonly startedAt: string;
  readonly command: readonly string[];
  readonly context: Readonly<Record<string, unknown>>;
  /** Durations by case and quantity. */
  readonly samples: ReadonlyMap<string, Readonly<Partial<Record<Quantity, readonly number[]>>>>;
}

type Plain = Readonly<Record<string, unknown>>;

const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isDurations = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((ns) => typeof ns === 'number' && Number.isFinite(ns) && ns >= 0);

const samplesOf = (value: unknown): Readonly<Partial<Record<Quantity, readonly number[]>>> | null => {
  if (!isPlain(value)) return null;
  const known: Partial<Record<Quantity, readonly number[]>> = {};
  for (const quantity of QUANTITIES) {
    const list = value[quantity];
    if (list === undefined) continue;
    if (!isDurations(list)) return null;
    known[quantity] = list;
  }
  return known;
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
  const { version, startedAt, context, cases, options } = json;
  if (typeof version !== 'string' || typeof startedAt !== 'string' || !isPlain(context) || !Array.isArray(cases)) {
    return err('fields of a run are missing');
  }
  const { command, args } = isPlain(options) ? options : {};
  const samples = new Map<string, Readonly<Partial<Record<Quantity, readonly number[]>>>>();
  for (const one of cases) {
    const [id, own] = isPlain(one) ? [one['id'], samplesOf(one['samples'])] : [undefined, null];
    if (typeof id !== 'string' || own === null) return err('a case has no samples that can be read');
    samples.set(id, own);
  }
  return ok({
    ...{ version, startedAt, context, samples },
    command: [command, ...(Array.isArray(args) ? args : [])].filter((word) => typeof word === 'string'),
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
