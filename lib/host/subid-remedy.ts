import { distributionFamily } from './distribution.ts';
import { SPECIAL } from './evidence.ts';
import type { Facts } from './facts.ts';
import { asRoot } from './remedy.ts';
import { ownRanges, SUBID_FILES, type SubidFile } from './subid.ts';

/** As many as a user needs for all ids of a distribution; useradd(8) gives as many. */
const COUNT = 65_536;

/** Where useradd(8) begins. */
const LOWEST = 100_000;

/** The first ids that are in no range, of nobody: who shares a range owns the files of the other. */
const firstFree = (facts: Facts): number => {
  const taken = SUBID_FILES.flatMap((file) => (facts.evidence.read(file) ?? '').split('\n'))
    .map((line) => line.split(':').slice(1).map(Number))
    .flatMap(([first, count]) =>
      first !== undefined && count !== undefined && Number.isInteger(first) && count > 0
        ? [{ first, end: first + count }]
        : [],
    )
    .sort((a, b) => a.first - b.first);
  let free = LOWEST;
  for (const { first, end } of taken) if (first < free + COUNT) free = Math.max(free, end);
  return free;
};

/** What each file is called by those who write it. */
const WORDS: Readonly<Record<SubidFile, { readonly option: string; readonly nix: string; readonly start: string }>> = {
  '/etc/subuid': { option: '--add-subuids', nix: 'subUidRanges', start: 'startUid' },
  '/etc/subgid': { option: '--add-subgids', nix: 'subGidRanges', start: 'startGid' },
};

/** Gives a user a range of its own, in each file that has none for it, the way of this distribution. */
export const giveRanges = (facts: Facts): readonly string[] => {
  const user = facts.evidence.read(SPECIAL.account)?.split(':')[0] ?? 'USER';
  const first = firstFree(facts);
  const files = SUBID_FILES.filter((file) => (ownRanges(facts, file)?.length ?? 0) === 0);
  const wanted = files.length === 0 ? SUBID_FILES : files;
  switch (distributionFamily(facts.evidence)) {
    case 'nixos': {
      const ranges = wanted.map((file) => {
        const { nix, start } = WORDS[file];
        return `users.users.${user}.${nix} = [ { ${start} = ${first}; count = ${COUNT}; } ];`;
      });
      return [`${ranges.join(' ')}  # in configuration.nix, then nixos-rebuild switch`];
    }
    case 'alpine':
      // usermod(8) is not there before somebody installs it.
      return [`echo '${user}:${first}:${COUNT}' | ${asRoot(facts, `tee -a ${wanted.join(' ')}`)}`];
    default: {
      const options = wanted.map((file) => `${WORDS[file].option} ${first}-${first + COUNT - 1}`);
      return [asRoot(facts, `usermod ${options.join(' ')} ${user}`)];
    }
  }
};
