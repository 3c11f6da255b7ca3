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
  amzn: 'redhat',
  arch: 'arch',
  alpine: 'alpine',
  suse: 'suse',
  opensuse: 'suse',
  sles: 'suse',
  nixos: 'nixos',
};

/** Reads os-release(5): ID first, then what it is like. It words remedies and never chooses a cause. */
export const distributionFamily = ({ read }: Evidence): Family => {
  const text = read('/etc/os-release') ?? read('/usr/lib/os-release') ?? '';
  const value = (name: string): string => new RegExp(`^${name}=["']?([^"'\n]*)`, 'm').exec(text)?.[1] ?? '';
  for (const id of [value('ID'), ...value('ID_LIKE').split(/\s+/)]) {
    const family = FAMILIES[id] ?? FAMILIES[id.split('-')[0] ?? ''];
    if (family !== undefined) return family;
  }
  return 'other';
};
