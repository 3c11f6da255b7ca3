import { readFileSync } from 'node:fs';

/** Capabilities by number, as in linux/capability.h; those from CAP_PERFMON on since Linux 5.8, the last since 5.9. */
export const CAPABILITY_NAMES = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
] as const;

/** A capability, by the name that capabilities(7) has for it. */
export type CapabilityName = (typeof CAPABILITY_NAMES)[number];

let last: number | null = null;

/** The number of the last capability that this kernel knows. */
export const lastCapability = (): number => {
  try {
    last ??= Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'latin1'));
  } catch {
    // Before Linux 3.2, or without /proc: those that have a name here.
  }
  return last ?? CAPABILITY_NAMES.length - 1;
};

/** A capability's name for people: one that is younger than this library has a number. */
export const capabilityName = (capability: number): string => CAPABILITY_NAMES[capability] ?? `cap_${capability}`;

/** linux/securebits.h: each bit, and the lock that keeps it. */
export const SECUREBITS = {
  noroot: 1,
  noroot_locked: 2,
  no_setuid_fixup: 4,
  no_setuid_fixup_locked: 8,
  keep_caps_locked: 0x20,
  no_cap_ambient_raise: 0x40,
  no_cap_ambient_raise_locked: 0x80,
} as const;

/** A securebit, by the name that setpriv(1) has for it; capabilities(7). */
export type SecurebitName = keyof typeof SECUREBITS;
