import { Command, CommanderError, type Option } from 'commander';
import { err, ok, type Result } from 'neverthrow';
import { type UsageError, usageError } from './usage-error.ts';

/** How an option looks in the help text; an optional value is written after "=", or right after the letter. */
export const usualTerm = ({ flags, short }: Option): string => {
  const written = flags.replace(/ \[(.*)\]/, '[=<$1>]');
  return short === undefined ? `    ${written}` : written;
};

/**
 * Makes a parser that writes nothing, ends nothing and remembers nothing from before.
 *
 * @param optionTerm - how an option looks in the help text, where that is not the usual way
 */
export const quietParser = (name: string, usage: string, description: string, optionTerm = usualTerm): Command =>
  new Command(name)
    .usage(usage)
    .description(description)
    .helpOption(false)
    .allowExcessArguments(false)
    .configureOutput({ writeOut: () => {}, writeErr: () => {} })
    .configureHelp({ optionTerm, optionDescription: ({ description: text }) => text, helpWidth: 110 })
    .exitOverride();

/** Parses options alone; what is wrong with them is said in a sentence of ours. */
export const parseQuietly = (command: Command, options: readonly string[]): Result<null, UsageError> => {
  try {
    command.parse([...options], { from: 'user' });
    return ok(null);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // "error: unknown option '--forc'\n(Did you mean --fork?)"
    const said = error.message
      .replace(/^error: /, '')
      .replaceAll("'", '"')
      .replace('\n', ' ');
    return err(usageError(said.charAt(0).toUpperCase() + said.slice(1)));
  }
};
