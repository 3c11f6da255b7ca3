/**
 * One argument of an op. Each has the number that the kernel gets, or the address at which it will stand (`mem`), and
 * what it takes to print it as strace(1) would; nothing is rendered before somebody asks.
 */
export type Argument =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'words'; readonly value: number; readonly words: FlagTable }
  | { readonly kind: 'text'; readonly value: number; readonly text: string }
  | { readonly kind: 'string'; readonly value: number; readonly string: string }
  | { readonly kind: 'strings'; readonly value: number; readonly strings: readonly string[] }
  | { readonly kind: 'result'; readonly value: number; readonly wide: boolean; readonly name: string }
  | { readonly kind: 'op'; readonly value: number; readonly offset: number }
  | { readonly kind: 'memory'; readonly value: number; readonly wide: boolean; readonly name: string };

/** Names of flags by value. */
export type FlagTable = Readonly<Record<string, number>>;

/** A plain number. */
export const num = (value: number): Argument => ({ kind: 'number', value });

/** Flags, or one constant, printed by the names of a table. */
export const words = (value: number, table: FlagTable): Argument => ({ kind: 'words', value, words: table });

/** A number or an address that is printed as the given text. */
export const shown = (value: number, text: string): Argument => ({ kind: 'text', value, text });

/** A 32-bit number that will stand at an address when the op is reached. */
export const int32At = (address: number, name: string): Argument => ({
  kind: 'memory',
  value: address,
  wide: false,
  name,
});

/** A 64-bit number that will stand at an address when the op is reached. */
export const int64At = (address: number, name: string): Argument => ({
  kind: 'memory',
  value: address,
  wide: true,
  name,
});

/** What an earlier op returned; `value` is that op's index until the program is finished. */
export const resultOf = (op: number, name: string): Argument => ({ kind: 'result', value: op, wide: true, name });

/** The address of an op itself, or of a part of it: in its bytes stands its result. */
export const addressOfOp = (op: number, offset = 0): Argument => ({ kind: 'op', value: op, offset });

/** NULL. */
export const NULL: Argument = { kind: 'text', value: 0, text: 'NULL' };

const renderFlags = (value: number, table: FlagTable): string => {
  const exact = Object.keys(table).find((name) => table[name] === value);
  if (exact !== undefined) return exact;
  const names: string[] = [];
  let rest = value;
  for (const [name, bit] of Object.entries(table)) {
    if (bit !== 0 && (rest & bit) === bit) {
      names.push(name);
      rest &= ~bit;
    }
  }
  if (rest !== 0) names.push(`0x${(rest >>> 0).toString(16)}`);
  return names.join('|') || '0';
};

const quoted = (text: string): string => JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}...` : text);

const renderStrings = (strings: readonly string[]): string =>
  strings.length > 12 ? `[/* ${strings.length} strings */]` : `[${strings.map(quoted).join(', ')}]`;

/** One argument as strace(1) would print it. */
export const renderArgument = (argument: Argument): string => {
  switch (argument.kind) {
    case 'number':
      return String(argument.value);
    case 'words':
      return renderFlags(argument.value, argument.words);
    case 'text':
      return argument.text;
    case 'string':
      return quoted(argument.string);
    case 'strings':
      return renderStrings(argument.strings);
    case 'op':
      return `&op[${argument.value}]${argument.offset === 0 ? '' : '.result'}`;
    case 'result':
    case 'memory':
      return argument.name;
  }
};
