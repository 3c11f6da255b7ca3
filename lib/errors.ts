import { type ErrnoName, errnoName } from './errno.ts';
import type { ExitStatus } from './exit.ts';
import type { NamespaceType } from './namespace.ts';

/** An option that cannot be meant; found before anything is created. */
export interface InvalidOption {
  readonly type: 'invalid-option';
  readonly option: string;
  readonly value: unknown;
  readonly wanted: string;
  readonly message: string;
}

/** What this backend, or the installed version of its tools, cannot do. */
export interface Unsupported {
  readonly type: 'unsupported';
  readonly backend: string;
  readonly what: string;
  readonly needs: string;
  readonly message: string;
}

/** A backend that cannot be used on this machine, and why. */
export interface BackendUnavailable {
  readonly type: 'backend-unavailable';
  readonly backend: string;
  readonly reason: string;
  readonly message: string;
}

/** The steps of a set-up, in the order in which they are done. */
export const SETUP_STEPS = [
  'prepare',
  'clone',
  'id-map',
  'carrier',
  'cgroup',
  'oom-score',
  'nice',
  'join-cgroup',
  'join',
  'target-root',
  'target-cwd',
  'unshare',
  'time-offsets',
  'credentials',
  'network',
  'propagation',
  'root',
  'mount',
  'mount-proc',
  'hostname',
  'domainname',
  'pty',
  'init',
  'stdio',
  'rlimits',
  'capabilities',
  'securebits',
  'no-new-privs',
  'parent-death',
  'session',
  'umask',
  'cwd',
  'signals',
  'seccomp',
] as const;

/** A step of the set-up of a child. */
export type SetupStep = (typeof SETUP_STEPS)[number];

/** Why a step failed, as far as the machine tells; made only after a failure. */
export interface Diagnosis {
  /** The cause's id, stable across versions: `max-userns-zero`. */
  readonly cause: string;
  /** One sentence; a guess is worded as a guess. */
  readonly summary: string;
  readonly confidence: 'certain' | 'likely' | 'possible';
  /** The files that were read, and what stood there. */
  readonly evidence: readonly { readonly source: string; readonly value: string }[];
  /** What to type, or to change in the spec, best first; empty when there is no remedy. */
  readonly remedy: readonly string[];
}

/** A system call of the set-up said no; the command never ran. */
export interface SetupFailed {
  readonly type: 'setup-failed';
  readonly backend: string;
  readonly step: SetupStep;
  /** The system call, or the tool that made it. */
  readonly syscall: string;
  /** The call as strace would print it, or what the tool said. */
  readonly call: string;
  /** The errno's name; null when a tool said only words. */
  readonly errno: ErrnoName | `errno ${number}` | null;
  /** The namespace types that the step was to make. */
  readonly namespaces: readonly NamespaceType[];
  readonly path: string | null;
  readonly diagnosis: Diagnosis | null;
  readonly message: string;
}

/** The set-up is done, but execve of the command failed. */
export interface ExecFailed {
  readonly type: 'exec-failed';
  readonly reason: 'not-found' | 'not-executable' | 'too-long' | 'failed';
  readonly errno: ErrnoName | `errno ${number}`;
  readonly command: string;
  readonly message: string;
}

/** The time of `timeoutMs` ran out; the child has been killed and reaped. */
export interface TimedOut {
  readonly type: 'timed-out';
  readonly timeoutMs: number;
  /** How the child ended; null when it was still being set up. */
  readonly status: ExitStatus | null;
  readonly message: string;
}

/** The `signal` was aborted; the child, if there was one, has been killed and reaped. */
export interface Aborted {
  readonly type: 'aborted';
  readonly reason: unknown;
  readonly status: ExitStatus | null;
  readonly message: string;
}

/** The command wrote more than `maxOutputBytes`; it has been killed and reaped. */
export interface OutputLimit {
  readonly type: 'output-limit';
  readonly stream: 'stdout' | 'stderr';
  readonly maxOutputBytes: number;
  readonly status: ExitStatus;
  readonly message: string;
}

/** The exit status cannot be had: somebody else waited for this child. */
export interface ExitLost {
  readonly type: 'exit-lost';
  readonly pid: number;
  readonly message: string;
}

/** A signal could not be sent. */
export interface SignalFailed {
  readonly type: 'signal-failed';
  readonly pid: number;
  readonly errno: ErrnoName | `errno ${number}`;
  readonly message: string;
}

/** The terminal of a child could not be given another size. */
export interface ResizeFailed {
  readonly type: 'resize-failed';
  readonly pid: number;
  readonly errno: ErrnoName | `errno ${number}`;
  readonly message: string;
}

/** The child is gone, or /proc does not show it. */
export interface ProcessGone {
  readonly type: 'process-gone';
  readonly pid: number;
  readonly message: string;
}

/** A namespace's file, or another of its process, could not be opened. */
export interface NamespaceUnavailable {
  readonly type: 'namespace-unavailable';
  readonly path: string;
  readonly errno: ErrnoName | `errno ${number}`;
  readonly message: string;
}

/** A namespace could not be pinned, or unpinned. */
export interface PinFailed {
  readonly type: 'pin-failed';
  readonly path: string;
  /** The system call, or the tool that made it. */
  readonly syscall: string;
  /** null when a tool said only words. */
  readonly errno: ErrnoName | `errno ${number}` | null;
  /** Who has it open, where that is why. */
  readonly holders: readonly { readonly pid: number; readonly fd: number }[];
  /** Why, where more is known than the errno. */
  readonly reason: string | null;
  readonly message: string;
}

/** The kernel said no to an IPC call. */
export interface IpcFailed {
  readonly type: 'ipc-failed';
  /** The call as strace would print it, or what the tool said. */
  readonly call: string;
  readonly errno: ErrnoName | `errno ${number}`;
  readonly message: string;
}

/** What may come of asking a backend to start a child, before anything ran. */
export type LaunchError = Unsupported | BackendUnavailable | SetupFailed | ExecFailed;
/** The pool has been closed. */
export interface PoolClosed {
  readonly type: 'pool-closed';
  readonly message: string;
}

/** A network is no longer watched, though nobody closed the watcher. */
export interface WatchEnded {
  readonly type: 'watch-ended';
  readonly reason: string;
  readonly message: string;
}

/** What may come of asking a backend to move the calling thread. */
export type MoveError = Unsupported | BackendUnavailable | SetupFailed;
/** What may come of {@link spawn}. */
export type SpawnError = InvalidOption | LaunchError | TimedOut | Aborted;
/** What may come of waiting for a child. */
export type ExitError = ExitLost | TimedOut | Aborted;
/** What may come of {@link run}. */
export type RunError = SpawnError | ExitError | OutputLimit;
/** What may come of `enter`. */
export type EnterError = SpawnError | ProcessGone | NamespaceUnavailable;
/** Every error of this library. */
export type NamespaceError =
  | RunError
  | EnterError
  | SignalFailed
  | PinFailed
  | ResizeFailed
  | IpcFailed
  | PoolClosed
  | WatchEnded;

const shown = (value: unknown): string => {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`;
  try {
    const text = JSON.stringify(value) ?? String(value);
    return text.length > 80 ? `${text.slice(0, 77)}...` : text;
  } catch {
    return 'an object that cannot be shown';
  }
};

export const invalidOption = (option: string, value: unknown, wanted: string): InvalidOption => ({
  type: 'invalid-option',
  option,
  value,
  wanted,
  message: `Option "${option}" is ${shown(value)}, wanted ${wanted}`,
});

export const unsupported = (backend: string, what: string, needs: string): Unsupported => ({
  type: 'unsupported',
  backend,
  what,
  needs,
  message: `The ${backend} backend cannot do ${what} here: needs ${needs}`,
});

export const backendUnavailable = (backend: string, reason: string): BackendUnavailable => ({
  type: 'backend-unavailable',
  backend,
  reason,
  message: `The ${backend} backend is not available: ${reason}`,
});

export const setupFailed = (facts: Omit<SetupFailed, 'type' | 'message'>): SetupFailed => {
  const why = facts.diagnosis === null ? '' : `: ${facts.diagnosis.summary}`;
  const remedy = facts.diagnosis?.remedy[0];
  const hint = remedy === undefined ? '' : ` (hint: ${remedy})`;
  const errno = facts.errno === null ? '' : `: ${facts.errno}`;
  return {
    type: 'setup-failed',
    ...facts,
    message: `Set-up failed at ${facts.step}: ${facts.call}${errno}${why}${hint}`,
  };
};

const EXEC_REASONS = {
  'not-found': 'command not found',
  'not-executable': 'command is not executable',
  'too-long': 'arguments and environment are too long',
  failed: 'command could not be executed',
} as const satisfies Record<ExecFailed['reason'], string>;

const execReason = (errno: ExecFailed['errno']): ExecFailed['reason'] => {
  if (errno === 'ENOENT' || errno === 'ENOTDIR') return 'not-found';
  if (errno === 'EACCES' || errno === 'ENOEXEC') return 'not-executable';
  return errno === 'E2BIG' ? 'too-long' : 'failed';
};

export const execFailed = (command: string, code: number): ExecFailed => {
  const errno = errnoName(code);
  const reason = execReason(errno);
  return {
    type: 'exec-failed',
    reason,
    errno,
    command,
    message: `execve(${shown(command)}): ${errno}: ${EXEC_REASONS[reason]}`,
  };
};

export const timedOut = (timeoutMs: number, status: ExitStatus | null): TimedOut => ({
  type: 'timed-out',
  timeoutMs,
  status,
  message: `Timed out after ${timeoutMs} ms`,
});

export const aborted = (reason: unknown, status: ExitStatus | null): Aborted => ({
  type: 'aborted',
  reason,
  status,
  message: `Aborted: ${reason instanceof Error ? reason.message : shown(reason)}`,
});

export const outputLimit = (
  stream: OutputLimit['stream'],
  maxOutputBytes: number,
  status: ExitStatus,
): OutputLimit => ({
  type: 'output-limit',
  stream,
  maxOutputBytes,
  status,
  message: `The command wrote more than ${maxOutputBytes} bytes to ${stream} and was killed`,
});

export const exitLost = (pid: number): ExitLost => ({
  type: 'exit-lost',
  pid,
  message: `The exit status of process ${pid} was taken by somebody else`,
});

export const signalFailed = (pid: number, code: number): SignalFailed => ({
  type: 'signal-failed',
  pid,
  errno: errnoName(code),
  message: `Process ${pid} could not be signalled: ${errnoName(code)}`,
});

export const resizeFailed = (pid: number, code: number): ResizeFailed => ({
  type: 'resize-failed',
  pid,
  errno: errnoName(code),
  message: `The terminal of process ${pid} could not be resized: ${errnoName(code)}`,
});

export const processGone = (pid: number): ProcessGone => ({
  type: 'process-gone',
  pid,
  message: `Process ${pid} is gone`,
});

const unavailableReason = (errno: string): string => {
  if (errno === 'EINVAL') return 'it is no namespace';
  return errno === 'EACCES' || errno === 'EPERM' ? 'not yours to look at' : 'it cannot be opened';
};

export const namespaceUnavailable = (path: string, code: number): NamespaceUnavailable => ({
  type: 'namespace-unavailable',
  path,
  errno: errnoName(code),
  message: `${shown(path)}: ${errnoName(code)}: ${unavailableReason(errnoName(code))}`,
});

export const pinFailed = ({
  path,
  syscall,
  errno: code,
  holders,
  reason,
}: Pick<PinFailed, 'path' | 'syscall' | 'holders' | 'reason'> & { readonly errno: number | null }): PinFailed => {
  const errno = code === null ? null : errnoName(code);
  const by = holders.map(({ pid, fd }) => `process ${pid} (fd ${fd})`).join(', ');
  return {
    type: 'pin-failed',
    path,
    syscall,
    errno,
    holders,
    reason,
    message: `${syscall}(${shown(path)}): ${errno ?? 'failed'}${reason === null ? '' : `: ${reason}`}${by === '' ? '' : `: held by ${by}`}`,
  };
};

export const ipcFailed = (call: string, code: number): IpcFailed => ({
  type: 'ipc-failed',
  call,
  errno: errnoName(code),
  message: `${call}: ${errnoName(code)}`,
});
export const poolClosed = (): PoolClosed => ({ type: 'pool-closed', message: 'The pool is closed' });

export const watchEnded = (reason: string): WatchEnded => ({
  type: 'watch-ended',
  reason,
  message: `The network is no longer watched: ${reason}`,
});
