import { capabilityName, SECUREBITS } from '../../lib/capability.ts';
import type { SpawnPlan } from '../../lib/plan.ts';

/** Capabilities as setpriv(1) names them. */
const word = (capability: number): string =>
  `+${capabilityName(capability)
    .toLowerCase()
    .replace(/^cap_(?!\d)/, '')}`;

/** A set that holds these and nothing else. */
const exactly = (set: readonly number[]): string => ['-all', ...set.map(word)].join(',');

const capabilityWords = ({ credentials }: SpawnPlan, kept: boolean): readonly string[] => {
  if (credentials?.keepCaps === true) return ['--inh-caps=+all', '--ambient-caps=+all'];
  const { inheritable = null, ambient = null, inherited = [] } = credentials ?? {};
  if (!kept && inheritable === null && ambient === null) return [];
  const all = [...new Set([...(inheritable ?? inherited), ...(ambient ?? [])])].sort((a, b) => a - b);
  return [
    `--inh-caps=${exactly(all)}`,
    ...(kept || ambient !== null ? [`--ambient-caps=${exactly(ambient ?? [])}`] : []),
  ];
};

/** Bits that not every release of setpriv(1) knows: they are named only where they are wanted. */
const YOUNG: readonly string[] = ['no_cap_ambient_raise', 'no_cap_ambient_raise_locked'];

const securebitWords = (bits: number | null): readonly string[] => {
  if (bits === null) return [];
  const words = Object.entries(SECUREBITS)
    .filter(([name, bit]) => (bits & bit) !== 0 || !YOUNG.includes(name))
    .map(([name, bit]) => `${(bits & bit) === 0 ? '-' : '+'}${name}`);
  return [`--securebits=${words.join(',')}`];
};

const idWords = ({ credentials }: SpawnPlan): readonly string[] => {
  if (credentials === null) return [];
  const { uid, gid, groups } = credentials;
  const list =
    groups === null ? '--keep-groups' : groups.length === 0 ? '--clear-groups' : `--groups=${groups.join(',')}`;
  return [
    ...(uid === null ? [] : [`--reuid=${uid}`]),
    ...(gid === null ? [] : [`--regid=${gid}`]),
    ...(gid === null && groups === null ? [] : [list]),
  ];
};

/**
 * The options of setpriv(1) that make the last stage who and what the command is to be.
 *
 * @param kept - unshare made all capabilities ambient to have them in the stages after it
 */
export const credentialWords = (plan: SpawnPlan, kept: boolean): readonly string[] => {
  const { credentials } = plan;
  const bounding = credentials?.bounding ?? null;
  return [
    ...idWords(plan),
    ...securebitWords(credentials?.securebits ?? null),
    ...(bounding === null ? [] : [`--bounding-set=${exactly(bounding)}`]),
    ...capabilityWords(plan, kept),
    ...(credentials?.noNewPrivs === true ? ['--no-new-privs'] : []),
  ];
};
