import type { Cause } from '../cause.ts';
import { isInContainer } from '../confinement.ts';
import { inEngine } from '../engine.ts';
import { OWNER } from '../evidence.ts';
import { type Facts, SOURCE } from '../facts.ts';
import { type Failure, said } from '../failure.ts';
import { isOlder } from '../kernel.ts';
import { asRoot, hostCommands } from '../remedy.ts';
import { ownRanges, SUBID_FILES } from '../subid.ts';
import { toldRanges } from '../told-command.ts';

const isMapOf = (failure: Failure, kind: 'uid' | 'gid'): boolean =>
  failure.step === 'id-map' && (failure.path ?? '').endsWith(`${kind}_map`);

const OWN_MAP_OWNER = `${SOURCE.uidMap}${OWNER}`;

const lacks = (failure: Failure, facts: Facts): 'CAP_SETUID' | 'CAP_SETGID' | null => {
  if (!isMapOf(failure, 'gid') && facts.has('CAP_SETUID') === false) return 'CAP_SETUID';
  return !isMapOf(failure, 'uid') && facts.has('CAP_SETGID') === false ? 'CAP_SETGID' : null;
};

/** Whether the caller has no CAP_SETGID, or, where nothing but that is known, is an ordinary user. */
const lacksSetgid = (facts: Facts): boolean =>
  facts.has('CAP_SETGID') === false || (facts.has('CAP_SETGID') === undefined && facts.isOrdinary() === true);

/** A range of outside ids that the caller's own user namespace has not all in one line of its map. */
interface UnmappedRange {
  /** Where it stands, as a sentence names it. */
  readonly where: string;
  readonly text: string;
}

const KINDS = [
  { file: '/etc/subuid', map: SOURCE.uidMap, helper: 'newuidmap' },
  { file: '/etc/subgid', map: SOURCE.gidMap, helper: 'newgidmap' },
] as const;

const unmappedRanges = (facts: Facts, { text }: Failure): readonly UnmappedRange[] =>
  KINDS.flatMap(({ file, map: source, helper }) => {
    const map = facts.evidence.read(source);
    if (map === null || map === undefined) return [];
    const lines = map.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
    const told = toldRanges(text ?? '', helper);
    const own = (ownRanges(facts, file) ?? []).map(({ line, ...range }) => ({ ...range, text: line }));
    return (told.length > 0 ? told : own)
      .filter(
        ({ first, count }) =>
          !lines.some(([inside = 0, , size = 0]) => first >= inside && first + count <= inside + size),
      )
      .map((range) => ({ where: told.length > 0 ? `what ${helper} was told` : file, text: range.text }));
  });

/** Whether a helper was told ids in a container, which has not more than 65536 unless it was made by root. */
const mayLackIds = ({ errno, text }: Failure, facts: Facts): boolean =>
  errno === 'EPERM' &&
  facts.confined() === 'container' &&
  facts.evidence.read(SOURCE.uidMap) === undefined &&
  toldRanges(text ?? '', 'newuidmap').some(({ first, count }) => first + count > 0x10000);

/** What the kernel asks of who writes uid_map, gid_map and setgroups; user_namespaces(7). */
export const idMapCauses: readonly Cause[] = [
  {
    id: 'target-not-dumpable',
    matches: (failure, facts) => {
      const owner = facts.number(OWN_MAP_OWNER);
      const uid = facts.status('Uid')?.split(/\s+/)[1];
      if (failure.step !== 'id-map' || !said(failure, 'EACCES') || owner === undefined || uid === undefined)
        return null;
      return owner === 0 && uid !== '0' ? 'certain' : null;
    },
    summary: () => 'this process is not dumpable, so its files in /proc, and its children’s, belong to root',
    sources: () => [OWN_MAP_OWNER, `${SOURCE.status}#Uid`],
    remedy: (facts) => [
      'start the program as this user, instead of changing to it',
      `chmod o+r ${facts.evidence.read(SOURCE.exe) ?? 'PROGRAM'}`,
    ],
  },
  {
    id: 'setgroups-not-denied',
    matches: (failure, facts) =>
      isMapOf(failure, 'gid') && said(failure, 'EPERM') && lacksSetgid(facts) ? 'likely' : null,
    summary: () =>
      'without CAP_SETGID a gid map may hold the caller’s own group alone, and only once setgroups is denied: one of the two is probably not so',
    sources: () => [`${SOURCE.status}#CapEff`],
    remedy: () => ['set setgroups to "deny" and map the own group alone'],
  },
  {
    id: 'id-map-needs-capability',
    matches: (failure, facts) =>
      failure.step === 'id-map' && said(failure, 'EPERM') && lacks(failure, facts) !== null ? 'likely' : null,
    summary: (failure, facts) =>
      `without ${lacks(failure, facts) ?? 'CAP_SETUID'} only the caller’s own id can be mapped; the map probably holds more`,
    sources: () => [`${SOURCE.status}#CapEff`],
    remedy: () => ['map the own user and group alone (mapRootUser, mapCurrentUser)'],
  },
  {
    id: 'map-exceeds-parent',
    predicts: true,
    matches: (failure, facts) => {
      if (!said(failure, 'EPERM')) return null;
      if (failure.step === 'newuidmap')
        return unmappedRanges(facts, failure).length > 0 ? 'certain' : mayLackIds(failure, facts) ? 'possible' : null;
      return failure.step === 'id-map' && facts.inFirstUserNamespace() === false ? 'likely' : null;
    },
    summary: (failure, facts) => {
      const [first] = failure.step === 'newuidmap' ? unmappedRanges(facts, failure) : [];
      return first === undefined
        ? 'the map probably names outside ids that the caller’s own user namespace does not have'
        : `the caller’s own user namespace does not have all ids of a range, in one line of its map, so they cannot be mapped in one below it: ${first.text} (${first.where})`;
    },
    sources: (failure) => {
      const maps = isMapOf(failure, 'gid') ? [SOURCE.gidMap] : [SOURCE.uidMap];
      return failure.step === 'newuidmap' ? [...maps, SOURCE.gidMap, ...SUBID_FILES] : maps;
    },
    remedy: (facts, failure) =>
      failure.step === 'newuidmap'
        ? [
            `${asRoot(facts, `vi ${SUBID_FILES.join(' ')}`)}  # only ids that /proc/self/uid_map and gid_map have, in their first column`,
            ...(isInContainer(facts.confined())
              ? hostCommands(facts, 'podman run --uidmap 0:0:SIZE ...  (give the container more ids)')
              : []),
          ]
        : [],
  },
  {
    id: 'uidmap-cap-setfcap',
    matches: (failure, facts) => {
      const kernel = facts.kernel();
      if (failure.step !== 'id-map' || isMapOf(failure, 'gid') || !said(failure, 'EPERM')) return null;
      if (facts.has('CAP_SETFCAP') !== false || (kernel !== null && isOlder(kernel, '5.12'))) return null;
      return facts.has('CAP_SETUID') === true ? 'likely' : null;
    },
    summary: () =>
      'the map probably names the outer id 0, which takes CAP_SETFCAP since Linux 5.12, and the caller has it not',
    sources: () => [`${SOURCE.status}#CapEff`, SOURCE.release],
    remedy: (facts) =>
      inEngine(facts, {
        options: ['--cap-add SETFCAP'],
        fields: ['securityContext: { capabilities: { add: [SETFCAP] } }'],
      }),
  },
  {
    id: 'id-map-too-long',
    matches: (failure, facts) => {
      if (failure.step !== 'id-map' || failure.errno !== 'EINVAL') return null;
      const kernel = facts.kernel();
      return kernel !== null && isOlder(kernel, '4.15') ? 'likely' : 'possible';
    },
    summary: (_, facts) => {
      const kernel = facts.kernel();
      return kernel !== null && isOlder(kernel, '4.15')
        ? 'before Linux 4.15 a map has 5 lines at most; this one probably has more'
        : 'the text of the map is perhaps longer than a page of memory, which is all that one write may hold';
    },
    sources: () => [SOURCE.release],
    remedy: () => [],
  },
];
