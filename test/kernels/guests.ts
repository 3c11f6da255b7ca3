import type { CheckName } from '../../lib/index.ts';

export type Arch = 'amd64' | 'arm64';

/** A policy that a guest loads, and that what is tried in it runs under. */
export const POLICIES = ['apparmor-no-userns', 'apparmor-no-capabilities', 'selinux-no-userns'] as const;

export type Policy = (typeof POLICIES)[number];

export const BACKENDS = ['ffi', 'shell'] as const;

export type Backend = (typeof BACKENDS)[number];

export const CALLERS = ['root', 'user'] as const;

/** Who runs ns-check and the contract suite in the guest. */
export type Caller = (typeof CALLERS)[number];

/** What ns-check is to say of a fault that a guest has. */
interface Expected {
  readonly cause: string;
  readonly remedy: RegExp;
  /** For whom. */
  readonly blocks: 'everybody' | 'ordinary users';
  /** What fails by it for sure. */
  readonly check: CheckName;
}

export interface Guest {
  readonly name: string;
  readonly release: string;
  readonly arch: Arch;
  /** Words for the kernel's command line. */
  readonly append?: string;
  readonly policy?: Policy;
  /** null: everything works but what `lacks` names. */
  readonly expected: Expected | null;
  /** What this kernel cannot do, and the cause that is to be named for it. */
  readonly lacks?: Readonly<Partial<Record<CheckName, string>>>;
  /** Whether the contract suite is run, too. */
  readonly hasContract: boolean;
}

/** The user has no cgroup of its own in any guest. */
const ALWAYS = { 'into-cgroup': 'cgroup-not-delegated' } as const;
/** All that a guest has lies in a tmpfs. */
const NO_TMPFS_IDMAP = {
  ...ALWAYS,
  'idmapped-mount': 'idmap-unsupported',
  'idmapped-root': 'idmap-unsupported',
  'idmapped-tmp': 'idmap-unsupported',
} as const;

export const GUESTS: readonly Guest[] = [
  {
    name: '5.10',
    release: 'bullseye',
    arch: 'amd64',
    expected: null,
    // Debian allows it there by a patch, which its own module parameter has to turn on.
    lacks: { ...NO_TMPFS_IDMAP, overlay: 'overlay-in-userns-too-old' },
    hasContract: true,
  },
  { name: '6.1', release: 'bookworm', arch: 'amd64', expected: null, lacks: NO_TMPFS_IDMAP, hasContract: true },
  {
    name: '6.1-clone-off',
    release: 'bookworm',
    arch: 'amd64',
    append: 'ns.clone=0',
    expected: {
      cause: 'unprivileged-userns-clone-off',
      remedy: /sysctl -w kernel\.unprivileged_userns_clone=1/,
      blocks: 'ordinary users',
      check: 'user',
    },
    lacks: NO_TMPFS_IDMAP,
    hasContract: true,
  },
  { name: '6.12', release: 'trixie', arch: 'amd64', expected: null, lacks: ALWAYS, hasContract: true },
  { name: 'forky', release: 'forky', arch: 'amd64', expected: null, lacks: ALWAYS, hasContract: true },
  { name: '6.1-arm64', release: 'bookworm', arch: 'arm64', expected: null, lacks: NO_TMPFS_IDMAP, hasContract: true },
  {
    name: '6.12-apparmor',
    release: 'trixie',
    arch: 'amd64',
    append: 'apparmor=1 security=apparmor',
    policy: 'apparmor-no-userns',
    expected: {
      cause: 'apparmor-profile-denies',
      remedy: /apparmor_parser -r/,
      blocks: 'everybody',
      check: 'user',
    },
    lacks: ALWAYS,
    hasContract: false,
  },
  {
    name: '6.12-apparmor-caps',
    release: 'trixie',
    arch: 'amd64',
    append: 'apparmor=1 security=apparmor',
    policy: 'apparmor-no-capabilities',
    expected: {
      cause: 'apparmor-profile-denies',
      remedy: /apparmor_parser -r/,
      blocks: 'everybody',
      check: 'mnt',
    },
    lacks: ALWAYS,
    hasContract: false,
  },
  {
    name: '6.1-selinux',
    release: 'bookworm',
    arch: 'amd64',
    append: 'selinux=1 security=selinux',
    policy: 'selinux-no-userns',
    expected: {
      cause: 'selinux-userns-create-denied',
      remedy: /audit2allow/,
      blocks: 'everybody',
      check: 'user',
    },
    lacks: NO_TMPFS_IDMAP,
    hasContract: false,
  },
];
