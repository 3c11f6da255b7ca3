import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openBackend } from '../../lib/index.ts';
import { PRIVILEGED, unmet } from '../contract/caller.ts';
import { withoutRunner } from '../without-runner.ts';

/** ns-run as a command line. */
export const NS_RUN: readonly string[] = [
  process.execPath,
  fileURLToPath(new URL('../../published/ns-run.js', import.meta.url)),
];

/** A command that handles signals as it is told. */
export const HANDLER: readonly string[] = [
  process.execPath,
  fileURLToPath(new URL('./fixtures/handler.js', import.meta.url)),
];

/** What makes a pid namespace for whoever the caller is. */
export const NEW_PID: readonly string[] = PRIVILEGED ? ['-p'] : ['-r', '-p'];

/** Why there can be no pid namespace here, or false. */
export const noNewPid: string | false = unmet('namespaces') ?? false;

/** The backends, and why one cannot be tested here. */
export const BACKENDS = (['ffi', 'shell'] as const).map((backend) => {
  const opened = openBackend(backend);
  return { backend, skip: opened.isOk() ? (false as const) : opened.error.message };
});

/** The environment without what a test runner put into it: its loaders slow every Node.js down. */
export const plainEnv = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('NODE_') && !name.startsWith('_TAPJS')),
  );

/** Waits until something holds; the tests' own limit ends a wait in vain. */
export const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await sleep(10);
};

/** The letter of a process' state in /proc; null when it is gone. */
export const stateOf = (pid: number): string | null => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2)[0] ?? null;
  } catch {
    return null;
  }
};

/** Whether a process has ended; a zombie has. */
export const isGone = (pid: number): boolean => {
  const state = stateOf(pid);
  return state === null || state === 'Z' || state === 'X';
};

/** All processes below one, at this moment. */
export const descendants = (pid: number): readonly number[] => {
  const parents = readdirSync('/proc').flatMap((name) => {
    try {
      const stat = /^\d+$/.test(name) ? readFileSync(`/proc/${name}/stat`, 'latin1') : '';
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      return Number.isNaN(parent) ? [] : [[Number(name), parent] as const];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
  const below = (root: number): readonly number[] =>
    parents.filter(([, parent]) => parent === root).flatMap(([child]) => [child, ...below(child)]);
  return below(pid);
};

/** A running ns-run, and what it has written so far. */
export class Running {
  readonly process: ChildProcess;
  /** As a shell shows it; and the signal that killed ns-run itself. */
  readonly ended: Promise<{ readonly code: number; readonly signal: NodeJS.Signals | null; readonly out: string }>;
  #out = '';
  #changed: () => void = () => {};

  constructor(...argv: string[]) {
    const [file = '', ...args] = withoutRunner(...NS_RUN, ...argv);
    const child = spawn(file, args, { env: plainEnv(), stdio: ['ignore', 'pipe', 'pipe'] });
    this.process = child;
    const collect = (chunk: Buffer): void => {
      this.#out += chunk;
      this.#changed();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    this.ended = new Promise((resolve) => {
      child.on('close', (code, signal) =>
        resolve({ code: code ?? 128 + (signal === null ? 0 : constants.signals[signal]), signal, out: this.#out }),
      );
    });
  }

  /** Waits until it has written a text; returns the whole match. */
  async wrote(wanted: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = wanted.exec(this.#out);
      if (found !== null) return found;
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }
}
