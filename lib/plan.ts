import type { Identity, IdMapPlan } from './id-map.ts';
import type { IpcRequest } from './ipc.ts';
import type { MountPlan, Propagation, RootPlan } from './mounts.ts';
import type { NamespaceType } from './namespace.ts';
import type { NetworkPlan } from './network.ts';
import type { RlimitPlan } from './rlimit.ts';

export type { MountAttributes, MountPlan, MountPropagation, Propagation, RootPlan } from './mounts.ts';

/** The size of a terminal, in characters. */
export interface PtySize {
  readonly columns: number;
  readonly rows: number;
}

/** One fd of the child: nothing (/dev/null), a pipe to us, its terminal, or a copy of one of ours. */
export type StdioPlan =
  | { readonly type: 'ignore' }
  | { readonly type: 'pipe' }
  | { readonly type: 'pty' }
  | { readonly type: 'fd'; readonly fd: number };

/** A namespace to join. */
export interface JoinPlan {
  readonly type: NamespaceType;
  /** Open in this process until the command runs. */
  readonly fd: number;
}

/** What a child takes over from elsewhere before anything is made for it. Its fds are open until the command runs. */
export interface EnterPlan {
  /** In the order of the alphabet, each type once; `user` stands where permissions want it. */
  readonly joins: readonly JoinPlan[];
  /** What enters a pid namespace is no new process, so that only its children are in it. */
  readonly noFork: boolean;
  /** A namespace whose owning user namespace is joined, too, or the parent of a user namespace. */
  readonly userParentOf: number | null;
  /** A directory that becomes the root directory. */
  readonly root: number | null;
  /** A directory that becomes the working directory, before `cwd` is looked up. */
  readonly workingDirectory: number | null;
  /** The cgroup.procs of the cgroup to join. */
  readonly cgroupProcs: number | null;
  /** The security context of the command; see setexeccon(3). */
  readonly securityContext: string | null;
  /** The ids to take on inside. */
  readonly uid: number | null;
  readonly gid: number | null;
  /** Supplementary groups are dropped with `gid`, unless the target's user namespace lets nobody do so. */
  readonly dropGroups: boolean;
}

/** Who the command is to be, and what it may do. Capabilities are lists of numbers, in their order. */
export interface CredentialsPlan {
  readonly uid: number | null;
  readonly gid: number | null;
  /** Supplementary groups; null: left as they are. */
  readonly groups: readonly number[] | null;
  /** What is left of the bounding set; null: all of it. */
  readonly bounding: readonly number[] | null;
  readonly inheritable: readonly number[] | null;
  readonly ambient: readonly number[] | null;
  /** All that are permitted become inheritable and ambient. */
  readonly keepCaps: boolean;
  readonly noNewPrivs: boolean;
  /** SECBIT_* bits. */
  readonly securebits: number | null;
  /** What is permitted before; null: everything. */
  readonly permitted: readonly number[] | null;
  /** What is inheritable before. */
  readonly inherited: readonly number[];
}

/** What the command's process is to be like. */
export interface ProcessPlan {
  readonly rlimits: readonly RlimitPlan[];
  readonly umask: number | null;
  readonly nice: number | null;
  readonly oomScoreAdj: number | null;
  /** The instructions of a BPF program, in base64. */
  readonly seccomp: string | null;
}

/** A cgroup in which the command starts, and which hierarchy it is of. */
export interface CgroupPlan {
  readonly path: string;
  readonly version: 1 | 2;
}

/** What is added to a clock inside; the nanoseconds are from 0 to 999,999,999. */
export interface ClockOffset {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** Offsets of the clocks of a new time namespace; null: that clock runs as outside. */
export interface TimeOffsetsPlan {
  readonly monotonic: ClockOffset | null;
  readonly boottime: ClockOffset | null;
}

/** A spec that has been checked, with every default filled in: what backends get. */
export interface SpawnPlan {
  readonly command: string;
  /** argv, with argv[0]. */
  readonly argv: readonly string[];
  /** `NAME=value` strings; null: the caller's own environment. */
  readonly env: readonly string[] | null;
  /** Directories in which a command without a slash is looked for. */
  readonly searchPath: readonly string[];
  /** In the order of the alphabet, each once. */
  readonly namespaces: readonly NamespaceType[];
  readonly hostname: string | null;
  readonly domainname: string | null;
  /** null: as the kernel makes it, with `lo` down. */
  readonly network: NetworkPlan | null;
  /** null without a new mount namespace. */
  readonly propagation: Propagation | null;
  /** In their order, after the propagation has been set and before proc is mounted. */
  readonly mounts: readonly MountPlan[];
  /** null: the caller's root. */
  readonly root: RootPlan | null;
  /** The directory on which proc is mounted. */
  readonly mountProc: string | null;
  /** The user, outside, that the new user namespace belongs to; null: the caller. */
  readonly owner: Identity | null;
  /** null without maps. */
  readonly idMap: IdMapPlan | null;
  readonly cgroups: readonly CgroupPlan[];
  readonly timeOffsets: TimeOffsetsPlan | null;
  readonly credentials: CredentialsPlan | null;
  readonly process: ProcessPlan | null;
  readonly cwd: string | null;
  readonly stdio: readonly StdioPlan[];
  /** The size of the terminal that some of stdio are; null where none is. */
  readonly pty: PtySize | null;
  /** The command is a child of a small pid 1. */
  readonly init: boolean;
  readonly detached: boolean;
  /** A signal number. */
  readonly parentDeathSignal: number | null;
  /** null: nothing is joined. */
  readonly enter: EnterPlan | null;
  /** What is done instead of executing the command, answers going to stdout; null: the command is executed. */
  readonly ipc: readonly IpcRequest[] | null;
  /** What is done instead of executing the command: what is in the network, or all that changes in it, goes to stdout. */
  readonly networkTask: 'read' | 'watch' | null;
}

/** Where a thread of this process is to go: what it joins first, then what is made anew. */
export interface ThreadPlan
  extends Pick<SpawnPlan, 'namespaces' | 'hostname' | 'domainname' | 'propagation' | 'network'> {
  readonly joins: readonly JoinPlan[];
}
