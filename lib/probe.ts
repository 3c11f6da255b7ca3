import type { ResultAsync } from 'neverthrow';
import type { CheckName } from './check-names.ts';
import type { ErrnoName } from './errno.ts';
import type { LaunchError, SetupStep } from './errors.ts';
import type { NamespaceType } from './namespace.ts';

/** Steps that are no part of a spawn's set-up, but fail for reasons of the host, too. */
export const OTHER_STEPS = [
  /** newuidmap(1) or newgidmap(1). */
  'newuidmap',
  /** setns(2), or opening the file of a namespace. */
  'setns',
  /** mount(2) of what is not proc. */
  'mount',
  /** Setting up a network interface. */
  'network',
  /** Writing /proc/PID/timens_offsets. */
  'time-offsets',
  /** mount_setattr(2) with MOUNT_ATTR_IDMAP. */
  'idmapped-mount',
  /** Being put into a cgroup. */
  'into-cgroup',
  /** pidfd_open(2) and pidfd_send_signal(2). */
  'pidfd',
] as const;

/** A step of a set-up, or something else that was tried. */
export type FailureStep = SetupStep | (typeof OTHER_STEPS)[number];

/** What failed when something was tried. */
export interface ProbeFailure {
  readonly step: FailureStep;
  readonly errno: ErrnoName | `errno ${number}` | null;
  readonly namespaces: readonly NamespaceType[];
  readonly requested: readonly NamespaceType[];
  readonly syscall: string;
  readonly path: string | null;
  readonly filesystem: string | null;
  /** What a tool said. */
  readonly text: string | null;
}

/** What came of one attempt. */
export interface ProbeOutcome {
  readonly check: CheckName;
  /** Whether the types were asked for together with a user namespace. */
  readonly inUserNamespace: boolean;
  /** null: it works, with a privileged act in it. `untried` with a reason where it could not be tried. */
  readonly failure: ProbeFailure | null | { readonly step: 'untried'; readonly reason: string };
  /** The type of the file system that it was tried on, where that matters. */
  readonly filesystem?: string | null;
}

/** A program that writes id maps, and what it is to write. */
export interface ProbeMapHelper {
  readonly path: string;
  /** The words behind the pid: inside, outside, count, and so on. */
  readonly args: readonly string[];
}

/** What is to be tried, and as whom. */
export interface ProbePlan {
  /** The user to become first; null: the caller stays who it is. */
  readonly become: { readonly uid: number; readonly gid: number } | null;
  /** The ids that attempts run with: what they map. */
  readonly uid: number;
  readonly gid: number;
  readonly attempts: readonly { readonly check: CheckName; readonly inUserNamespace: boolean }[];
  /** A directory that is there, to mount on; in mount namespaces of the attempts' own. */
  readonly scratch: string;
  /** The directory of the own cgroup of version 2; null: there is none. */
  readonly cgroup: string | null;
  /** The file systems of the root directory and of the directory for temporary files, by a place and a type. */
  readonly filesystems: Readonly<Record<'root' | 'tmp', { readonly path: string; readonly filesystem: string | null }>>;
  /** Both helpers; null: one is missing. */
  readonly mapHelpers: { readonly uid: ProbeMapHelper; readonly gid: ProbeMapHelper } | null;
  /** Everything is killed after so many milliseconds. */
  readonly timeoutMs: number;
}

/** Tries things in throw-away children; leaves nothing. */
export type Probe = (plan: ProbePlan) => ResultAsync<readonly ProbeOutcome[], LaunchError>;
