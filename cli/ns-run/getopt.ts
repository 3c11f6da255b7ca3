import type { Option } from 'commander';
import { err, ok, type Result } from 'neverthrow';
import { type UsageError, usageError } from './usage-error.ts';

/** A command line, cut where the command begins. */
export interface SplitLine {
  /** Every option in its long form, with `=value` where it takes one. */
  readonly options: readonly string[];
  /** The command and its arguments, untouched. */
  readonly command: readonly string[];
}

/** Where the tools differ. */
export interface Rules {
  /** An optional value may stand right after its letter, as nsenter has it: `-n/run/netns/blue`. */
  readonly attachedLetters: boolean;
  /** Long names that have to be written out, so that they take no abbreviation away from others. */
  readonly unabbreviated?: ReadonlySet<string>;
}

const NONE: ReadonlySet<string> = new Set();

type Step = Result<{ readonly tokens: readonly string[]; readonly taken: number }, UsageError>;

const longOf = (option: Option): string => option.long ?? '';

/** An exact name, or the start of just one, as for getopt_long(3); undefined for a name that is none. */
const byName = (
  name: string,
  known: readonly Option[],
  { unabbreviated = NONE }: Rules,
): Result<Option | undefined, UsageError> => {
  const exact = known.find((option) => option.long === name);
  if (exact !== undefined) return ok(exact);
  const candidates =
    name.length > 2
      ? known.filter((option) => longOf(option).startsWith(name) && !unabbreviated.has(longOf(option)))
      : [];
  return candidates.length > 1
    ? err(usageError(`Option "${name}" is ambiguous, wanted one of ${candidates.map(longOf).join(', ')}`))
    : ok(candidates[0]);
};

/** How many words are an option's value: `--bind <source> <target>`. They are joined by NUL, which no word can hold. */
const values = ({ flags }: Option): number => flags.split('<').length - 1;

/** An option's token, with its value from the same word, from its preset or from the next word. */
const withValue = (option: Option, attached: string | undefined, next: readonly string[]): Step => {
  const name = longOf(option);
  if (attached !== undefined) {
    return (option.required && values(option) === 1) || option.optional
      ? ok({ tokens: [`${name}=${attached}`], taken: 1 })
      : err(
          usageError(
            `Option "${name}" is given "${attached}", wanted ${option.required ? `${values(option)} words after it` : 'no value'}`,
          ),
        );
  }
  // Like getopt_long(3), an optional value stands in the same word or nowhere: `--mount-proc ls` runs ls.
  if (option.optional) return ok({ tokens: [`${name}=${option.presetArg ?? ''}`], taken: 1 });
  if (!option.required) return ok({ tokens: [name], taken: 1 });
  const wanted = values(option);
  if (next.length >= wanted) return ok({ tokens: [`${name}=${next.slice(0, wanted).join('\0')}`], taken: 1 + wanted });
  return err(
    usageError(
      wanted === 1
        ? `Option "${name}" is the last word, wanted a value after it`
        : `Option "${name}" has ${next.length} of ${wanted} words after it`,
    ),
  );
};

const longOption = (word: string, next: readonly string[], known: readonly Option[], rules: Rules): Step => {
  const equals = word.indexOf('=');
  const name = equals === -1 ? word : word.slice(0, equals);
  const attached = equals === -1 ? undefined : word.slice(equals + 1);
  return byName(name, known, rules).andThen((option) =>
    // What is not known is handed on, for the parser to complain about and to suggest what is near.
    option === undefined ? ok({ tokens: [name], taken: 1 }) : withValue(option, attached, next),
  );
};

/** Letters in one word: `-Urpf`, and the last one's value in the rest of the word (`-pw/tmp`) or the next word. */
const shortOptions = (
  word: string,
  next: readonly string[],
  known: readonly Option[],
  { attachedLetters }: Rules,
): Step => {
  const tokens: string[] = [];
  for (let at = 1; at < word.length; at += 1) {
    const letter = `-${word[at]}`;
    const option = known.find(({ short }) => short === letter);
    if (option === undefined) return ok({ tokens: [...tokens, letter], taken: 1 });
    const rest = word.slice(at + 1);
    const takesRest = option.required || (option.optional && attachedLetters);
    const valued = takesRest && rest !== '';
    const step = withValue(option, valued ? rest : undefined, next);
    if (step.isErr()) return err(step.error);
    tokens.push(...step.value.tokens);
    if (valued || option.required) return ok({ tokens, taken: step.value.taken });
  }
  return ok({ tokens, taken: 1 });
};

/**
 * Cuts a command line into options and command, by the rules of getopt_long(3) with a leading `+`, which are unshare's.
 *
 * @remarks commander alone reads `--mount-proc ls` as a value and has no abbreviations.
 * @param argv - the words after the program's name
 * @param known - all options there are
 * @param rules - where the tools differ
 */
export const splitLine = (
  argv: readonly string[],
  known: readonly Option[],
  rules: Rules = { attachedLetters: false },
): Result<SplitLine, UsageError> => {
  const options: string[] = [];
  let at = 0;
  for (let word = argv[at]; word !== undefined; word = argv[at]) {
    if (word === '--') return ok({ options, command: argv.slice(at + 1) });
    if (!word.startsWith('-') || word === '-') break;
    const next = argv.slice(at + 1);
    const step = word.startsWith('--') ? longOption(word, next, known, rules) : shortOptions(word, next, known, rules);
    if (step.isErr()) return err(step.error);
    options.push(...step.value.tokens);
    at += step.value.taken;
  }
  return ok({ options, command: argv.slice(at) });
};
