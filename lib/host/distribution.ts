import type { Evidence } from './evidence.ts';

/** The families that differ in how a setting is made. */
export type Family = 'debian' | 'redhat' | 'arch' | 'alpine' | 'suse' | 'nixos' | 'other';

const FAMILIES: Readonly<Record<string, Family>> = {
  debian: 'debian',
  ubuntu: 'debian',
  rhel: 'redhat',
  centos: 'redhat',
  fedora: 'redhat',
  rocky: 'redhat',
  almalinux: 'redhat',
  ol: 'redhat',
  scientific: 'redhat',
  amzn: 'redhat',
  arch: 'arch',
  alpine: 'alpine',
  suse: 'suse',
  opensuse: 'suse',
  sles: 'suse',
  nixos: 'nixos',
};

/** Names as people write them, where there is no ID. */
const NAMES: readonly (readonly [RegExp, string])[] = [
  [/\bubuntu/i, 'ubuntu'],
  [/\bdebian/i, 'debian'],
  [/\bcentos/i, 'centos'],
  [/\b(?:red ?hat|rhel)/i, 'rhel'],
  [/\brocky/i, 'rocky'],
  [/\balma/i, 'almalinux'],
  [/\boracle/i, 'ol'],
  [/\bscientific linux/i, 'scientific'],
  [/\bamazon/i, 'amzn'],
  [/\bfedora/i, 'fedora'],
  [/\barch\b/i, 'arch'],
  [/\balpine/i, 'alpine'],
  [/\bsuse|\bsles/i, 'suse'],
  [/\bnixos/i, 'nixos'],
];

/** What a machine says of its distribution. */
export interface Distribution {
  /** As ID in os-release(5); empty where it is not known. */
  readonly id: string;
  /** What it is like, nearest first. */
  readonly like: readonly string[];
  /** The numbers of its version; none where it is rolling, or not known. */
  readonly version: readonly number[];
  /** All that is said, for a code name. */
  readonly text: string;
}

const numbersIn = (text: string): readonly number[] => text.split('.').map(Number);

/**
 * Reads os-release(5), and what came before it. A name in words, as people tell one another, does as well.
 *
 * @remarks Kernels are what causes are chosen by. This stands for them where nothing else is known, and for what is no
 * kernel's: profiles, packages, defaults.
 */
export const distributionOf = ({ read }: Evidence): Distribution => {
  const text = read('/etc/os-release') ?? read('/usr/lib/os-release') ?? read('/etc/redhat-release') ?? '';
  const value = (name: string): string => new RegExp(`^${name}=["']?([^"'\n]*)`, 'm').exec(text)?.[1] ?? '';
  const words = value('PRETTY_NAME') || value('NAME') || text;
  const named = NAMES.find(([name]) => name.test(words));
  const id = value('ID') || (named?.[1] ?? '');
  const behind = named === undefined ? '' : words.slice(named[0].exec(words)?.index ?? 0);
  const version = value('VERSION_ID') || (/\d+(?:\.\d+)*/.exec(behind)?.[0] ?? '');
  return {
    id,
    like: value('ID_LIKE').split(/\s+/),
    version: /^\d+(?:\.\d+)*/.test(version) ? numbersIn(/^\d+(?:\.\d+)*/.exec(version)?.[0] ?? '') : [],
    text,
  };
};

/** How settings are made here: by the distribution itself first, then by what it is like. */
export const distributionFamily = (evidence: Evidence): Family => {
  const { id, like } = distributionOf(evidence);
  for (const one of [id, ...like]) {
    const family = FAMILIES[one] ?? FAMILIES[one.split('-')[0] ?? ''];
    if (family !== undefined) return family;
  }
  return 'other';
};
