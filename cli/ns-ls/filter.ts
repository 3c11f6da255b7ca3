import { err, ok, type Result } from 'neverthrow';
import type { Cell } from './columns.ts';

/** Tells whether a line is wanted, by its cells. */
export type Filter = (cell: (column: string) => Cell) => boolean;

type Value = string | number | boolean | null;
type Eval = (cell: (column: string) => Cell) => Value;
type Parsed<T> = Result<T, string>;

const TOKEN = /\s*(?:(\d+)|"([^"]*)"|'([^']*)'|(=~|!~|==|!=|<=|>=|&&|\|\||[<>!()])|([A-Za-z_][A-Za-z0-9_-]*))/y;

/** Operators in words mean the same as in signs, as in scols-filter(5). */
const WORDS: Readonly<Record<string, string>> = {
  eq: '==',
  ne: '!=',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
  and: '&&',
  or: '||',
  not: '!',
};

type Token =
  | { readonly kind: 'sign'; readonly text: string }
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'column'; readonly name: string };

const tokens = (text: string): Parsed<readonly Token[]> => {
  const found: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const at = TOKEN.lastIndex;
    const [, digits, double, single, sign, word] = TOKEN.exec(text) ?? [];
    if (digits !== undefined) found.push({ kind: 'value', value: Number(digits) });
    else if (double !== undefined || single !== undefined) found.push({ kind: 'value', value: double ?? single ?? '' });
    else if (sign !== undefined) found.push({ kind: 'sign', text: sign });
    else if (word === undefined) return err(`"${text.slice(at).trim()}" cannot be read`);
    else if (/^(true|false)$/i.test(word)) found.push({ kind: 'value', value: /^true$/i.test(word) });
    else {
      const named = WORDS[word.toLowerCase()];
      found.push(named === undefined ? { kind: 'column', name: word } : { kind: 'sign', text: named });
    }
  }
  return ok(found);
};

const plain = (cell: Cell): Value => (typeof cell === 'object' && cell !== null ? cell.join(',') : (cell as Value));

const isTrue = (value: Value): boolean => value !== null && value !== false && value !== 0 && value !== '';

/** A number beside a number is compared as such, everything else as text; nothing is equal to nothing only. */
const compare = (a: Value, b: Value): number | null => {
  if (a === null || b === null) return a === b ? 0 : null;
  const [x, y] = [Number(a), Number(b)];
  if (a !== '' && b !== '' && !Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  const [p, q] = [String(a), String(b)];
  if (p === q) return 0;
  return p < q ? -1 : 1;
};

const COMPARISONS: Readonly<Record<string, (order: number | null) => boolean>> = {
  '==': (order) => order === 0,
  '!=': (order) => order !== 0,
  '<': (order) => order !== null && order < 0,
  '<=': (order) => order !== null && order <= 0,
  '>': (order) => order !== null && order > 0,
  '>=': (order) => order !== null && order >= 0,
};

/** Recursive descent: or, and, not, comparison, in this order of binding. */
class Parser {
  readonly #tokens: readonly Token[];
  readonly #isColumn: (name: string) => boolean;
  #at = 0;

  constructor(all: readonly Token[], isColumn: (name: string) => boolean) {
    this.#tokens = all;
    this.#isColumn = isColumn;
  }

  parse(): Parsed<Eval> {
    return this.#either().andThen((whole) =>
      this.#at === this.#tokens.length ? ok(whole) : err('there is more after its end'),
    );
  }

  #take(...signs: readonly string[]): string | null {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'sign' || !signs.includes(token.text)) return null;
    this.#at += 1;
    return token.text;
  }

  #chain(sign: string, part: () => Parsed<Eval>, join: (a: Value, b: () => Value) => boolean): Parsed<Eval> {
    let left = part();
    while (left.isOk() && this.#take(sign) !== null) {
      const [a, right] = [left.value, part()];
      left = right.map(
        (b): Eval =>
          (cell) =>
            join(a(cell), () => b(cell)),
      );
    }
    return left;
  }

  #either(): Parsed<Eval> {
    return this.#chain(
      '||',
      () => this.#both(),
      (a, b) => isTrue(a) || isTrue(b()),
    );
  }

  #both(): Parsed<Eval> {
    return this.#chain(
      '&&',
      () => this.#not(),
      (a, b) => isTrue(a) && isTrue(b()),
    );
  }

  #not(): Parsed<Eval> {
    if (this.#take('!') === null) return this.#comparison();
    return this.#not().map(
      (inner): Eval =>
        (cell) =>
          !isTrue(inner(cell)),
    );
  }

  #comparison(): Parsed<Eval> {
    const left = this.#operand();
    if (left.isErr()) return left;
    const sign = this.#take('=~', '!~', ...Object.keys(COMPARISONS));
    if (sign === null) return left;
    if (sign === '=~' || sign === '!~') return this.#matching(left.value, sign === '=~');
    const test = COMPARISONS[sign];
    return this.#operand().map(
      (right): Eval =>
        (cell) =>
          test?.(compare(left.value(cell), right(cell))) === true,
    );
  }

  #matching(left: Eval, wanted: boolean): Parsed<Eval> {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'value' || typeof token.value !== 'string') return err('a pattern in quotes is missing');
    this.#at += 1;
    try {
      const pattern = new RegExp(token.value);
      return ok((cell) => {
        const value = left(cell);
        return pattern.test(value === null ? '' : String(value)) === wanted;
      });
    } catch {
      return err(`"${token.value}" is no pattern`);
    }
  }

  #operand(): Parsed<Eval> {
    if (this.#take('(') !== null) {
      return this.#either().andThen((inner) => (this.#take(')') === null ? err('a ")" is missing') : ok(inner)));
    }
    const token = this.#tokens[this.#at];
    this.#at += 1;
    if (token?.kind === 'value') return ok(() => token.value);
    if (token?.kind !== 'column') return err('a column, a number or a text in quotes is missing');
    const name = token.name.toUpperCase();
    return this.#isColumn(name) ? ok((cell) => plain(cell(name))) : err(`there is no column "${token.name}"`);
  }
}

/**
 * Reads a filter expression as scols-filter(5) has it: columns, numbers, texts in quotes, comparisons, `=~` with a regular
 * expression, `&&`, `||`, `!` and parentheses, or the same in words.
 *
 * @returns the filter, or what is wrong with the text
 */
export const parseFilter = (text: string, isColumn: (name: string) => boolean): Result<Filter, string> =>
  tokens(text)
    .andThen((all) => (all.length === 0 ? err('it is empty') : new Parser(all, isColumn).parse()))
    .map(
      (evaluate): Filter =>
        (cell) =>
          isTrue(evaluate(cell)),
    );
