import type { Readable, Writable } from 'node:stream';
import type { Result, ResultAsync } from 'neverthrow';
import type {
  BackendUnavailable,
  ExitLost,
  LaunchError,
  MoveError,
  SetupFailed,
  SignalFailed,
  Unsupported,
} from './errors.ts';
import type { ExitStatus } from './exit.ts';
import type { IpcAnswer, IpcRequest } from './ipc.ts';
import type { KernelReader, Relations } from './kernel-reader.ts';
import type { Mounter } from './mounter.ts';
import type { CallerMasquerade } from './network.ts';
import type { NetworkNews } from './network-news.ts';
import type { NetworkState } from './network-state.ts';
import type { Nsfs } from './nsfs.ts';
import type { KernelOperation, OperationTimes } from './operation.ts';
import type { PtySize, SpawnPlan, ThreadPlan } from './plan.ts';
import type { Probe } from './probe.ts';

/** A child on its way: set-up goes on while JavaScript does. */
export interface Launched {
  /**
   * The command's pid, as soon as its execve has succeeded. After an error nothing of the child is left: it has been
   * reaped, its streams are destroyed.
   */
  readonly started: ResultAsync<number, LaunchError>;
  /** How the command ended; settles only after `started` was a success. */
  readonly exit: ResultAsync<ExitStatus, ExitLost>;
  /**
   * Our ends of the pipes, by fd of the child; null where there is none. stdin is written to, all others are read. They
   * are there once `started` was a success, and have not ended before.
   */
  readonly stdio: readonly (Readable | Writable | null)[];
  /** Gives the command's terminal another size, or an errno; only there when the plan has a terminal. */
  readonly resize?: (size: PtySize) => Result<void, number>;
  /** Sends a signal to the command, or, before its execve, to what is about to become it. */
  readonly kill: (signal: number) => Result<void, SignalFailed>;
  /** Whether the event loop stays alive for this child; it does at first. */
  readonly setRef: (ref: boolean) => void;
}

/** What one spawn took, by timestamps next to the system calls; nothing of JavaScript is in it. */
export interface SpawnTiming {
  /** Until clone3(2) had returned to the caller, nanoseconds. */
  readonly cloneNs: number;
  /** Until the child had been reaped by wait4(2), nanoseconds. */
  readonly totalNs: number;
  readonly status: ExitStatus;
}

/** IPC requests under way: a child that answers on its stdout. */
export interface IpcRun {
  readonly launched: Launched;
  /** The answers in everything that came through stdout, in the order of the requests; null when something is missing. */
  readonly decode: (bytes: Buffer) => readonly IpcAnswer[] | null;
}

/** A question about a network under way: a child that answers on its stdout. */
export interface NetworkRun {
  readonly launched: Launched;
  /** What everything that came through stdout says; null when something is missing, `again` when it changed meanwhile. */
  readonly decode: (bytes: Buffer) => NetworkState | 'again' | null;
}

/** A network that is watched: a child that tells on its stdout, and ends with its stdin. */
export interface NetworkWatchRun {
  /** Once it has started it hears of everything that changes later. */
  readonly launched: Launched;
  /** What the next piece of stdout says; null: nothing that could be read. */
  readonly decode: (bytes: Buffer) => readonly NetworkNews[] | null;
}

/** Rules that stand until they are closed, or this process ends. */
export interface Masquerade {
  /** Takes the rules away. */
  readonly close: () => void;
}

/** The port: what a backend is. Verbs of this library talk to nothing else. */
export interface Backend {
  readonly name: string;
  /** One line on how this backend works here, or why it cannot. */
  readonly available: () => Result<string, BackendUnavailable>;
  /** What it cannot do here, though it is available: a tool, or an option of one, and what would have it. */
  readonly lacking?: () => readonly string[];
  /** Starts a child. Returns as soon as the caller is free to go on; the rest happens in the background. */
  readonly launch: (plan: SpawnPlan) => Result<Launched, LaunchError>;
  /** The fds that a plan enters are needed until `started` has settled, and not only until `launch` has returned. */
  readonly launchesLater?: true;
  /** What `launch` would do, for a person to read; runs nothing. */
  readonly explain: (plan: SpawnPlan) => Result<string, LaunchError>;
  /** Does one spawn from start to reaping, with the calling thread blocked, and tells how long it took. */
  readonly measure: (plan: SpawnPlan) => Result<SpawnTiming, LaunchError | ExitLost | Unsupported>;
  /** Tries what a machine can do; where a backend has it not, a check goes by evidence alone. */
  readonly probe?: Probe;
  /** The security.capability of a file, hex; null: it has none; undefined: that cannot be read. */
  readonly fileCapabilities?: (path: string) => string | null | undefined;
  /** Whether the root directory of this process is that of its mount namespace, by trying; undefined: that cannot be told. */
  readonly isRootOwn?: () => boolean | undefined;
  /** Does IPC in the namespaces that a plan enters; stdout is a pipe there. */
  readonly ipc?: (plan: SpawnPlan, requests: readonly IpcRequest[]) => Result<IpcRun, LaunchError>;
  /** Mounts where the calling thread is; without it nothing can be pinned. */
  readonly mounter?: () => Result<Mounter, BackendUnavailable | Unsupported>;
  /** Answers questions about namespaces; without it /proc is read by Node.js, and what only an ioctl tells stays unknown, but for what `lineage` tells. */
  readonly reader?: () => Result<KernelReader, BackendUnavailable>;
  /** Who owns whom, and is whose parent, as far as a tool tells: for a backend without `reader`. */
  readonly lineage?: () => readonly Relations[];
  /** Opens namespaces by socket, pidfd or id, and tells ids; without it that is unsupported, and ids are unknown. */
  readonly nsfs?: () => Result<Nsfs, BackendUnavailable>;
  /** Takes the time of one operation, with the calling thread blocked; left out by a backend that cannot. */
  readonly time?: (operation: KernelOperation) => Result<OperationTimes, LaunchError | ExitLost>;
  /** Moves the calling thread itself, or refuses to; a backend without it has no way to do so. */
  readonly moveThread?: (plan: ThreadPlan) => Result<void, MoveError>;
  /** Masquerades in the calling thread's own network, whose forwarding is on. */
  readonly masquerade?: (plan: CallerMasquerade) => Result<Masquerade, SetupFailed | Unsupported | BackendUnavailable>;
  /** Reads the network that a plan enters; stdout is a pipe there. */
  readonly readNetwork?: (plan: SpawnPlan) => Result<NetworkRun, LaunchError>;
  /** Watches the network that a plan enters; stdin and stdout are pipes there. */
  readonly watchNetwork?: (plan: SpawnPlan) => Result<NetworkWatchRun, LaunchError>;
}
