import { Option } from 'commander';

/** Options of unshare(1) for which the library has nothing yet, and what they would do. */
const REFUSED = [
  { flags: '--mount-binfmt [dir]', does: 'mount binfmt_misc' },
  { flags: '-l, --load-interp <definition>', does: 'register a binary format' },
] as const;

/** What the refused options would do, by long name. */
export const REFUSED_DEEDS: ReadonlyMap<string, string> = new Map(
  REFUSED.map(({ flags, does }) => [new Option(flags).long ?? flags, does]),
);

/** The refused options as options: known, so that they are told from a typing error, and in no help text. */
export const refusedOptions = (): readonly Option[] => REFUSED.map(({ flags }) => new Option(flags).hideHelp());

/** The one sentence that refuses. */
export const refusal = (written: string, does: string): string =>
  `Option "${written}" is not supported yet: ns-run cannot ${does}`;
