import type { Backend } from './backend.ts';
import type { IdMapWord, IdRange } from './id-map.ts';
import type { MountSpec, Propagation, RootSpec } from './mounts.ts';
import type { NamespaceType } from './namespace.ts';
import type { NetworkSpec } from './network.ts';
import type { SignalName } from './signal.ts';

/** One standard stream, or a further fd, of a child. */
export type Stdio = 'inherit' | 'ignore' | 'pipe' | number | { readonly fd: number };

/** Which backend is to do the work. */
export type BackendChoice = 'auto' | 'ffi' | 'shell' | Backend;

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
  /** Whether setgroups(2) may be called inside; `deny` when the child writes its own gid_map. Since Linux 3.19. */
  readonly setgroups?: 'allow' | 'deny';
  /** The working directory, as seen inside. */
  readonly cwd?: string;
  /** The whole environment; the caller's when left out. PATH in it is what the command is searched in. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** argv[0], when it is to differ from the command. */
  readonly argv0?: string;
  /**
   * The streams: one word for stdin, stdout and stderr, or a list whose index is the fd in the child. `pipe` when
   * left out. A stream with an open `fd` may stand for its number.
   */
  readonly stdio?: 'inherit' | 'ignore' | 'pipe' | readonly Stdio[];
  /** Written to the child's stdin, which is then closed; wants stdin to be a pipe. */
  readonly stdin?: string | Uint8Array;
  /** Kills the child with `killSignal` when aborted. */
  readonly signal?: AbortSignal;
  /** Kills the child with `killSignal` when it still runs after so many milliseconds. */
  readonly timeoutMs?: number;
  /** `SIGKILL` when left out: pid 1 of a pid namespace ignores every signal it has no handler for but this one. */
  readonly killSignal?: SignalName;
  /** Starts the child in a session of its own; see setsid(2). */
  readonly detached?: boolean;
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
