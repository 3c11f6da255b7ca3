import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { err, ok, type Result } from 'neverthrow';
import { NAMESPACES, type NamespaceType } from '../../lib/index.ts';
import type { Target } from './backend-sampler.ts';
import { killTree } from './process-tree.ts';
import { commandFailed, nsSince, type Refusal, type Sampler } from './sample.ts';

/** The options of unshare(1) that make the same namespaces for a command as our backends do. */
export const unshareOptions = (namespaces: readonly NamespaceType[]): readonly string[] => [
  ...namespaces.map((type) => `--${NAMESPACES[type].option}`),
  ...(namespaces.includes('user') ? ['--map-root-user'] : []),
  // unshare(CLONE_NEWPID) moves the children only.
  ...(namespaces.includes('pid') ? ['--fork'] : []),
];

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly exitKnownNs: number;
}

const ended = (child: ChildProcess, start: bigint): Promise<Result<Ended, Refusal>> =>
  new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(ok({ code, signal, exitKnownNs: nsSince(start) })));
    child.once('error', ({ message }) => resolve(err({ type: 'peer-failed', message })));
  });

/** Runs a failed command once more, untimed, to hear what it has to say. */
const firstWords = (file: string, args: readonly string[]): string => {
  const { stderr } = spawnSync(file, args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 5000 });
  return (stderr ?? '').toString().trim().split('\n')[0] ?? '';
};

/** How a program is ended early. */
interface Ending {
  /** Whether it has a session of its own, so that Ctrl-C does not reach it. */
  readonly detached: boolean;
  /** Begins to end it; what is given back is called when it has ended. */
  readonly kill: (pid: number) => () => void;
}

const AT_ONCE: Ending = {
  detached: false,
  kill: (pid) => {
    killTree(pid);
    return () => undefined;
  },
};

/** Times child_process.spawn of a program, until it is known to have exited. */
export const processSampler =
  (file: string, args: readonly string[], { detached, kill }: Ending = AT_ONCE): Sampler =>
  async (onRunning) => {
    const start = process.hrtime.bigint();
    const child = spawn(file, args, { stdio: 'ignore', detached });
    const blockedNs = nsSince(start);
    const { pid } = child;
    const killed: (() => void)[] = [];
    if (pid !== undefined) onRunning(() => killed.push(kill(pid)));
    const end = await ended(child, start);
    for (const over of killed) over();
    if (end.isErr()) return err(end.error);
    const { code, signal, exitKnownNs } = end.value;
    if (signal !== null) return err(commandFailed(file, `was killed by ${signal}`));
    if (code === 0) return ok({ blockedNs, exitKnownNs });
    const words = killed.length > 0 ? '' : firstWords(file, args);
    return err(commandFailed(file, `exited with ${code}${words === '' ? '' : ` (${words})`}`));
  };

/** Times child_process.spawn of the command itself. */
export const childProcessSampler = ({ command, args }: Target): Sampler => processSampler(command, args);

/** Times child_process.spawn of unshare(1), which makes the namespaces and becomes the command, or forks it. */
export const unshareSampler = ({ command, args, namespaces }: Target): Sampler =>
  processSampler('unshare', [...unshareOptions(namespaces), '--', command, ...args]);
