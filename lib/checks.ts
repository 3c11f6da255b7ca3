import { err, ok, type Result } from 'neverthrow';
import { type InvalidOption, invalidOption } from './errors.ts';
import type { NamespaceType } from './namespace.ts';

/** What checking an option comes to. */
export type Checked<T> = Result<T, InvalidOption>;

/** The first error among the fields, or all of their values. */
export const all = <T extends object>(fields: { readonly [K in keyof T]: Checked<T[K]> }): Checked<T> => {
  const values: Partial<T> = {};
  for (const name of Object.keys(fields) as (keyof T)[]) {
    const field = fields[name];
    if (field.isErr()) return err(field.error);
    values[name] = field.value;
  }
  return ok(values as T);
};

/** A string that can be handed to the kernel: no NUL in it. */
export const kernelString = (option: string, value: unknown, wanted = 'a string without NUL'): Checked<string> =>
  typeof value === 'string' && !value.includes('\0') ? ok(value) : err(invalidOption(option, value, wanted));

/** A path: a string that can be handed to the kernel and is not empty. */
export const pathString = (option: string, value: unknown): Checked<string> =>
  kernelString(option, value, 'a path without NUL').andThen((path) =>
    path === '' ? err(invalidOption(option, value, 'a path that is not empty')) : ok(path),
  );

/** What an option that was left out comes to. */
export const NOTHING = ok(null);

/** Checks an option that may be left out; null then. */
export const optional = <T, R>(value: T | undefined, check: (value: T) => Checked<R>): Checked<R | null> =>
  value === undefined ? NOTHING : check(value);

/** A value that takes one of the namespaces of its spec. */
export const needs = <T>(
  option: string,
  value: T,
  types: ReadonlySet<NamespaceType>,
  type: NamespaceType,
): Checked<T> =>
  types.has(type) ? ok(value) : err(invalidOption(option, value, `"${type}" among the namespaces with it`));

/** A switch; off when left out. */
export const flag = (option: string, value: unknown): Checked<boolean> =>
  value === undefined || typeof value === 'boolean'
    ? ok(value === true)
    : err(invalidOption(option, value, 'true or false'));
