type Schema = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const typeOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** What this reads of JSON Schema; a keyword that is not here would hold for everything. */
const KNOWN: ReadonlySet<string> = new Set(
  '$schema $ref $defs title description type const enum pattern required properties additionalProperties propertyNames items anyOf'.split(
    ' ',
  ),
);

/** Where a value is not what a schema wants; empty: it is. */
export const mistakes = (value: unknown, schema: Schema, root: Schema = schema, at = ''): readonly string[] => {
  const { $ref: ref, type, const: constant, enum: allowed, pattern, anyOf, items, properties = {} } = schema;
  const unknown = Object.keys(schema).filter((keyword) => !KNOWN.has(keyword));
  if (unknown.length > 0) return [`${at}: the schema has ${unknown.join(', ')}`];
  const found: string[] = [];
  if (typeof ref === 'string') {
    const target = ref.split('/').slice(1);
    const inner = target.reduce<unknown>((from, key) => (isObject(from) ? from[key] : undefined), root);
    if (!isObject(inner)) return [`${at}: the schema has no ${ref}`];
    found.push(...mistakes(value, inner, root, at));
  }
  if (type !== undefined && ![type].flat().includes(typeOf(value))) return [`${at}: is of type ${typeOf(value)}`];
  if (constant !== undefined && value !== constant) found.push(`${at}: is not ${constant}`);
  if (allowed !== undefined && !list(allowed).includes(value)) found.push(`${at}: ${value} is none of ${allowed}`);
  if (typeof pattern === 'string' && typeof value === 'string' && !new RegExp(pattern, 'u').test(value))
    found.push(`${at}: ${value} is not like ${pattern}`);
  if (anyOf !== undefined && !list(anyOf).some((one) => mistakes(value, one as Schema, root, at).length === 0))
    found.push(`${at}: is none of what it may be`);
  if (Array.isArray(value) && isObject(items))
    found.push(...value.flatMap((one, index) => mistakes(one, items, root, `${at}/${index}`)));
  if (!isObject(value)) return found;
  for (const name of list(schema['required']))
    if (!Object.hasOwn(value, String(name))) found.push(`${at}: has no ${name}`);
  for (const [name, inner] of Object.entries(value)) {
    const own =
      isObject(properties) && Object.hasOwn(properties, name) ? properties[name] : schema['additionalProperties'];
    if (own === false) found.push(`${at}: has ${name}`);
    if (isObject(own)) found.push(...mistakes(inner, own, root, `${at}/${name}`));
  }
  return found;
};
