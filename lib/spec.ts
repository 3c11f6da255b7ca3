import type { Backend } from './backend.ts';
import type { CapabilityName, SecurebitName } from './capability.ts';
import type { IdMapWord, IdRange } from './id-map.ts';
import type { MountSpec, Propagation, RootSpec } from './mounts.ts';
import type { NamespaceType } from './namespace.ts';
import type { NetworkSpec } from './network.ts';
import type { PtySize } from './plan.ts';
import type { Rlimit, RlimitName } from './rlimit.ts';
import type { SignalName } from './signal.ts';

/** One standard stream, or a further fd, of a child. */
export type Stdio = 'inherit' | 'ignore' | 'pipe' | 'pty' | number | { readonly fd: number };

/** Which backend is to do the work. */
export type BackendChoice = 'auto' | 'ffi' | 'shell' | Backend;

/** A set of capabilities, by name, or all that this kernel knows. */
export type CapabilitySet = 'all' | readonly CapabilityName[];

/** What is added to a clock: whole seconds, or seconds and nanoseconds from 0 to 999,999,999. */
export type TimeOffset = number | { readonly seconds: number; readonly nanoseconds?: number };

/** What a child is to be given. Everything is optional; an empty spec is a plain child process. */
export interface SpawnSpec {
  /** The namespaces to make anew; all others are shared with the caller. Privilege: CAP_SYS_ADMIN, or `user` among them. */
  readonly namespaces?: readonly NamespaceType[];
  /** The host name inside, at most 64 bytes; wants `uts`. See sethostname(2). */
  readonly hostname?: string;
  /** The NIS domain name inside, at most 64 bytes; wants `uts`. See setdomainname(2). */
  readonly domainname?: string;
  /** What the new network namespace is to have: `lo` up, interfaces, addresses, routes; wants `net`. See rtnetlink(7). */
  readonly network?: NetworkSpec;
  /** The propagation of all mounts inside; `private` when left out. Wants `mnt`. */
  readonly propagation?: Propagation;
  /** Mounts, and files, links and directories, to be made in this order. Wants `mnt`. */
  readonly mounts?: readonly MountSpec[];
  /** The root directory inside. The working directory is `/` then, unless `cwd` says otherwise. See pivot_root(2). */
  readonly root?: RootSpec;
  /** Mounts a new proc on `/proc`, or on the given directory; wants `mnt`, and `pid` to be of use. */
  readonly mountProc?: boolean | string;
  /** Maps the caller's user and group to 0 inside; wants `user`. Of other maps only words go with it. */
  readonly mapRootUser?: boolean;
  /** Maps the caller's user and group to the same ids inside; wants `user`. Of other maps only words go with it. */
  readonly mapCurrentUser?: boolean;
  /**
   * Lines of uid_map, and words that are looked up and fitted around them. More than the caller's own id takes CAP_SETUID
   * outside, or newuidmap(1) and a range in /etc/subuid. Wants `user`. See user_namespaces(7).
   */
  readonly uidMap?: IdMapWord | IdRange | readonly (IdRange | IdMapWord)[];
  /** Lines and words of gid_map, as in `uidMap`; CAP_SETGID, newgidmap(1), /etc/subgid. Wants `user`. */
  readonly gidMap?: IdMapWord | IdRange | readonly (IdRange | IdMapWord)[];
  /**
   * The user and group, outside, that the new user namespace belongs to: who may do everything in it, and join it. Wants
   * `user`. Privilege: CAP_SETUID and CAP_SETGID. See user_namespaces(7).
   */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Whether setgroups(2) may be called inside; `deny` when the child writes its own gid_map. Since Linux 3.19. */
  readonly setgroups?: 'allow' | 'deny';
  /**
   * Directories of cgroups in which the command starts: one of the unified hierarchy, and one of each other. Privilege: to
   * write their cgroup.procs, and that of a common ancestor. In the unified one it starts there (since Linux 5.7), in others
   * it moves there first of all. See cgroups(7).
   */
  readonly cgroup?: string | readonly string[];
  /** What CLOCK_MONOTONIC is ahead inside; wants `time`. Since Linux 5.6. See time_namespaces(7). */
  readonly monotonic?: TimeOffset;
  /** What CLOCK_BOOTTIME is ahead inside; wants `time`. Since Linux 5.6. See time_namespaces(7). */
  readonly boottime?: TimeOffset;
  /**
   * The user id that the command gets, as seen inside; taken on last, when everything else is set up. Privilege: CAP_SETUID
   * inside. Supplementary groups go with it, see `groups`. See setresuid(2).
   */
  readonly uid?: number;
  /** The group id that the command gets, as seen inside. Privilege: CAP_SETGID inside. See setresgid(2). */
  readonly gid?: number;
  /**
   * The supplementary groups, as seen inside; none when left out and `uid` or `gid` is given. `keep` leaves the caller's,
   * which has to be said by name: where setgroups(2) is denied nothing else is possible. See setgroups(2).
   */
  readonly groups?: 'keep' | readonly number[];
  /**
   * Sets of capabilities: what is left of the bounding set, what is inheritable, what is ambient (and inheritable with it).
   * Those left out stay as they are. A command that is not uid 0 inside has the ambient ones alone. See capabilities(7).
   */
  readonly capabilities?: {
    readonly bounding?: CapabilitySet;
    readonly inheritable?: CapabilitySet;
    readonly ambient?: CapabilitySet;
  };
  /** Keeps all capabilities of a new user namespace, whatever the command's uid is; wants `user`. Since Linux 4.3. */
  readonly keepCaps?: boolean;
  /** Denies the command every gain of privilege by execve(2), for good; on with `seccomp`. See PR_SET_NO_NEW_PRIVS in prctl(2). */
  readonly noNewPrivs?: boolean;
  /** Securebits that are set, all others are cleared. Privilege: CAP_SETPCAP inside. See capabilities(7). */
  readonly securebits?: readonly SecurebitName[];
  /** Resource limits; to raise a hard one takes CAP_SYS_RESOURCE outside of any user namespace. See setrlimit(2). */
  readonly rlimits?: Readonly<Partial<Record<RlimitName, Rlimit>>>;
  /** The file mode creation mask, 0 to 0o777. See umask(2). */
  readonly umask?: number;
  /** The nice value, -20 to 19, not what is added to the caller's. Privilege to lower it: CAP_SYS_NICE. See setpriority(2). */
  readonly nice?: number;
  /** How willingly the kernel kills the command when memory is short, -1000 to 1000; to lower it takes CAP_SYS_RESOURCE. */
  readonly oomScoreAdj?: number;
  /**
   * A seccomp filter: BPF instructions as the kernel takes them, 8 bytes each. Installed last of all, so that it has to
   * let pass execve(2) alone. See seccomp(2).
   */
  readonly seccomp?: Uint8Array;
  /** The working directory, as seen inside. */
  readonly cwd?: string;
  /** The whole environment; the caller's when left out. PATH in it is what the command is searched in. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** argv[0], when it is to differ from the command. */
  readonly argv0?: string;
  /**
   * The streams: one word for stdin, stdout and stderr, or a list whose index is the fd in the child. `pipe` when
   * left out. `pty` is a new pseudo-terminal, one for all that say so, which controls the session that the command leads
   * then; it is of the devpts that the child sees, when `mounts` give it one. Since Linux 4.13. A stream with an open `fd` may stand for its number.
   */
  readonly stdio?: 'inherit' | 'ignore' | 'pipe' | 'pty' | readonly Stdio[];
  /** The size of the terminal at first, characters; 80 by 24 when left out. Wants a `pty` among stdio. */
  readonly ptySize?: Partial<PtySize>;
  /** Written to the child's stdin, which is then closed; wants stdin to be a pipe. */
  readonly stdin?: string | Uint8Array;
  /** Kills the child with `killSignal` when aborted. */
  readonly signal?: AbortSignal;
  /** Kills the child with `killSignal` when it still runs after so many milliseconds. */
  readonly timeoutMs?: number;
  /** `SIGKILL` when left out: pid 1 of a pid namespace ignores every signal it has no handler for but this one. */
  readonly killSignal?: SignalName;
  /**
   * Makes a small process pid 1, and the command its child: it takes the status of every orphan, passes on every signal that
   * can be caught, and its end ends whatever is left inside. The child's pid is that of pid 1. Wants `pid`. Without it the
   * command itself is pid 1: signals that it has no handler for do nothing to it, and orphans become its children.
   */
  readonly init?: boolean;
  /** Starts the child in a session of its own; see setsid(2). */
  readonly detached?: boolean;
  /**
   * Kills the command (SIGKILL) when the thread that spawned it ends, or has ended meanwhile: spawn from the main thread,
   * whose end is the process's. An execve of a set-user-ID program ends it. See PR_SET_PDEATHSIG in prctl(2).
   */
  readonly dieWithParent?: boolean;
  /** The signal that the child gets when the thread that spawned it ends; see PR_SET_PDEATHSIG in prctl(2). */
  readonly parentDeathSignal?: SignalName;
  /** `auto` when left out: ffi, else shell; or what the environment variable NS_BACKEND says. */
  readonly backend?: BackendChoice;
}

/** What {@link run} takes: a spec whose stdout and stderr are collected. */
export interface RunSpec extends Omit<SpawnSpec, 'stdio' | 'detached'> {
  /** The most that is collected of each stream, bytes; 64 MiB when left out. The child is killed beyond it. */
  readonly maxOutputBytes?: number;
}
