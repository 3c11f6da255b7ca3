import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { SignalName } from '../../lib/index.ts';

/** What /proc/PID/status says of a process that matters to its signals. */
export interface ProcessState {
  /** Stopped by a signal; not by a debugger. */
  readonly stopped: boolean;
  /** A zombie: it has ended, and nobody has waited for it. */
  readonly ended: boolean;
  /** Pid 1 of its pid namespace: the kernel keeps every signal from it that it has no handler for. */
  readonly init: boolean;
  /** Neither caught nor ignored. */
  readonly isDefault: (signal: SignalName) => boolean;
}

/** Where a process stands among process groups and sessions; proc_pid_stat(5). */
export interface ProcessPlace {
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** 0 without a controlling terminal. */
  readonly terminal: number;
  /** The process group in the terminal's foreground. */
  readonly foreground: number;
}

const read = (path: string): string | null => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // The process has ended, or /proc is hidden: nothing is known.
    return null;
  }
};

/** Reads a process' state; null when there is nothing to read. */
export const processState = (pid: number): ProcessState | null => {
  const text = read(`/proc/${pid}/status`);
  if (text === null) return null;
  const field = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(text)?.[1] ?? '';
  const mask = (name: string): bigint => BigInt(`0x${field(name) || '0'}`);
  const handled = mask('SigCgt') | mask('SigIgn');
  return {
    stopped: field('State').startsWith('T'),
    ended: /^[ZX]/.test(field('State')),
    init: field('NSpid').split(/\s+/).at(-1) === '1',
    isDefault: (signal) => ((handled >> BigInt(constants.signals[signal] - 1)) & 1n) === 0n,
  };
};

/** Reads where a process stands; null when there is nothing to read. */
export const processPlace = (pid: number | 'self'): ProcessPlace | null => {
  const text = read(`/proc/${pid}/stat`);
  if (text === null) return null;
  // The second field is the name, in parentheses; it may hold spaces and parentheses of its own.
  const [, parent, group, session, terminal, foreground] = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  if (parent === undefined || group === undefined || session === undefined) return null;
  return { parent, group, session, terminal: terminal ?? 0, foreground: foreground ?? -1 };
};
