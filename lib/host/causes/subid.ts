import { type Cause, leastSure } from '../cause.ts';
import { LINK, SPECIAL } from '../evidence.ts';
import type { Facts } from '../facts.ts';
import { type Failure, said } from '../failure.ts';
import { account, concerned, isHelper, isMute, saidNothing, says } from '../map-helper.ts';
import { asRoot } from '../remedy.ts';
import { overlap, overlapOf, ownRanges, SUBID_FILES, type SubidFile } from '../subid.ts';
import { giveRanges } from '../subid-remedy.ts';
import { toldRanges } from '../told-command.ts';

const files = (failure: Failure): readonly SubidFile[] => {
  const [only, other] = concerned(failure);
  return other !== undefined ? SUBID_FILES : only === 'newgidmap' ? ['/etc/subgid'] : ['/etc/subuid'];
};

const overlapping = (failure: Failure, facts: Facts): string | null => {
  for (const file of files(failure)) {
    const found = overlap(facts, file);
    if (found !== null) return found;
  }
  return null;
};

/** What a helper was told to map twice, where its command stands in the message. */
const toldTwice = (failure: Failure): string | null => {
  for (const helper of concerned(failure)) {
    const twice = overlapOf(toldRanges(failure.text ?? '', helper));
    if (twice !== null) return `${helper} was told to map outside ids twice, those of: ${twice.text}`;
  }
  return null;
};

const withoutRange = (failure: Failure, facts: Facts): readonly SubidFile[] =>
  files(failure).filter((file) => ownRanges(facts, file)?.length === 0);

const hasRanges = (failure: Failure, facts: Facts): boolean =>
  files(failure).every((file) => (ownRanges(facts, file)?.length ?? 0) > 0);

const usesOtherSource = (facts: Facts): boolean =>
  /^subid:\s*(?!files\s*$)\S/m.test(facts.evidence.read('/etc/nsswitch.conf') ?? '');

/** The ranges of subuid(5) and subgid(5). */
export const subidCauses: readonly Cause[] = [
  {
    id: 'subid-overlap',
    predicts: true,
    matches: (failure, facts) => {
      if (!isHelper(failure) || !said(failure, 'EINVAL')) return null;
      if (says(failure, /range of subids/)) return 'likely';
      // That a file cannot be given to an id says nothing of the map's own text.
      if (says(failure, /\blchown\b/)) return null;
      if (overlapping(failure, facts) !== null || toldTwice(failure) !== null) return 'certain';
      // Without the caller's own ids it is not known whether a range holds them.
      const isOpen = facts.uid() === undefined || files(failure).some((file) => ownRanges(facts, file) === undefined);
      return failure.errno === 'EINVAL' && isOpen ? 'possible' : null;
    },
    summary: (failure, facts) =>
      overlapping(failure, facts) ??
      toldTwice(failure) ??
      'ranges in /etc/subuid or /etc/subgid perhaps overlap, or hold the user’s own id',
    sources: files,
    remedy: (facts, failure) => {
      const found = overlapping(failure, facts);
      return found === null
        ? [`grep -n '' ${files(failure).join(' ')}`]
        : [`${asRoot(facts, `vi ${files(failure).join(' ')}`)}  # take out the line: ${found.replace(/^.*: /, '')}`];
    },
  },
  {
    id: 'subid-source-wrong',
    predicts: true,
    matches: (failure, facts) => {
      if (!isHelper(failure)) return null;
      const isLink = files(failure).some((file) => typeof facts.evidence.read(`${file}${LINK}`) === 'string');
      if (
        (isLink && (isMute(failure) || says(failure, /^$/))) ||
        (failure.errno === 'ELOOP' && says(failure, /\/etc\/sub[ug]id/))
      )
        return 'likely';
      if (says(failure, /no matching entries in passwd/i)) return 'likely';
      if (saidNothing(failure) && !files(failure).some((file) => facts.evidence.read(`${file}${LINK}`) === null))
        return 'possible';
      if (!said(failure, 'EPERM') && !says(failure, /not allowed/)) return null;
      return usesOtherSource(facts) && withoutRange(failure, facts).length > 0 ? 'likely' : null;
    },
    summary: (failure, facts) => {
      if (says(failure, /no matching entries in passwd/i))
        return 'the user most likely has no line in passwd(5), which programs look into to know whose ranges count';
      return usesOtherSource(facts)
        ? 'nsswitch.conf takes subordinate ids from elsewhere than the files, and this source probably has none for the user'
        : '/etc/subuid or /etc/subgid is a symbolic link, which newuidmap most likely refuses to follow';
    },
    sources: (failure) => [...files(failure).map((file) => `${file}${LINK}`), '/etc/nsswitch.conf#subid'],
    remedy: (facts) =>
      usesOtherSource(facts)
        ? [`getsubids ${account(facts)}`, `${asRoot(facts, 'vi /etc/nsswitch.conf')}  # subid: files`]
        : [
            asRoot(
              facts,
              'sh -c \'for f in /etc/subuid /etc/subgid; do cp --remove-destination "$(readlink -f $f)" $f; done\'',
            ),
          ],
  },
  {
    id: 'subid-missing',
    predicts: true,
    matches: (failure, facts) => {
      if (!isHelper(failure)) return null;
      // What an image's files belong to cannot be mapped: so say engines where there is one id alone.
      if (says(failure, /lchown .*invalid argument|enough (?:unused )?ids|insufficient uids|single mapping/i))
        return withoutRange(failure, facts).length > 0 ? 'likely' : hasRanges(failure, facts) ? null : 'possible';
      if (failure.errno === 'EINVAL') return null;
      const lacking = withoutRange(failure, facts);
      if (lacking.length > 0 && says(failure, /\/etc\/sub/)) return 'certain';
      if (lacking.length > 0 && (says(failure, /not allowed/) || said(failure, 'EPERM')))
        // Only of one's own name is it known for sure which lines count; a directory service may know more.
        return leastSure(
          'certain',
          usesOtherSource(facts) || facts.evidence.read(SPECIAL.account) === null ? 'likely' : 'certain',
        );
      return says(failure, /range .* not allowed|no sub[ug]id|\/etc\/sub[ug]\w*: no such file/i) ? 'likely' : null;
    },
    summary: (failure, facts) => {
      const lacking = withoutRange(failure, facts);
      return lacking.length > 0
        ? `${lacking.join(' and ')} ${lacking.length === 1 ? 'has' : 'have'} no range for ${account(facts)}`
        : 'the range is probably not given to this user in /etc/subuid or /etc/subgid';
    },
    sources: (failure) => [...files(failure), SPECIAL.account],
    remedy: (facts) => [
      ...giveRanges(facts),
      ...(facts.evidence.read('command podman') != null ? ['podman system migrate'] : []),
    ],
  },
];
