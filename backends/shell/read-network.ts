import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { err, ok, type Result } from 'neverthrow';
import { type Unsupported, unsupported } from '../../lib/errors.ts';
import type { NetworkState } from '../../lib/network-state.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import { stateFromJson } from './network-json.ts';
import { quote } from './quote.ts';
import { ask } from './run.ts';
import type { Tools } from './tools.ts';

/** Whether an ip(8) knows `-j`, by its path. */
const printsJson = new Map<string, boolean>();

const jsonPrinter = ({ ip }: Tools, what: string): Result<string, Unsupported> => {
  if (ip === null) return err(unsupported('shell', what, 'ip(8) of iproute2'));
  const prints = printsJson.get(ip) ?? !/unknown|invalid|unrecognized|usage/i.test(ask(ip, ['-j', '-V']));
  printsJson.set(ip, prints);
  return prints ? ok(ip) : err(unsupported('shell', what, 'an ip(8) that knows "-j": iproute2 4.16 or newer'));
};

const QUESTIONS = ['-j -d address show', '-j -d -4 route show table main', '-j -d -6 route show table main'];

const ENVIRONMENT = (): readonly string[] => [`PATH=${process.env['PATH'] ?? '/usr/bin:/bin'}`, 'LC_ALL=C'];

/** The plan whose command prints what is in the network. */
export const readingPlan = (plan: SpawnPlan, tools: Tools): Result<SpawnPlan, Unsupported> =>
  jsonPrinter(tools, 'reading a network').andThen((ip) => {
    const [shell] = tools.shells;
    if (shell === undefined) return err(unsupported('shell', 'reading a network', 'a shell'));
    // A kernel without IPv6 has no routes of it.
    const script = QUESTIONS.map((words) => `${quote(ip)} ${words} 2>/dev/null; printf '\\000'`).join('\n');
    return ok({ ...plan, command: shell.path, argv: ['sh', '-c', script], env: ENVIRONMENT(), searchPath: [] });
  });

/** Reads what the command of {@link readingPlan} has printed; null when something is missing. */
export const decodeReading = (bytes: Buffer): NetworkState | null => {
  const [addresses, routes4, routes6, end] = bytes.toString('utf8').split('\0');
  return addresses === undefined || routes4 === undefined || routes6 === undefined || end === undefined
    ? null
    : stateFromJson(addresses, routes4, routes6);
};

/** linux/signal.h */
const SIGKILL = 9;

/** The plan whose command prints something whenever the network changes. */
export const watchingPlan = (plan: SpawnPlan, tools: Tools): Result<SpawnPlan, Unsupported> =>
  jsonPrinter(tools, 'watching a network').map((ip) => ({
    ...plan,
    command: ip,
    argv: ['ip', 'monitor', 'link', 'address', 'route'],
    env: ENVIRONMENT(),
    searchPath: [],
    // It would wait for the next change before it found that nobody reads.
    parentDeathSignal: SIGKILL,
  }));

const PATIENCE_MS = 1_000;
const PAUSE_MS = 2;

/** Whether a process has a socket of rtnetlink(7) that belongs to groups. */
const listens = (pid: number): boolean => {
  try {
    return readFileSync(`/proc/${pid}/net/netlink`, 'utf8')
      .split('\n')
      .slice(1)
      .some((line) => {
        const [, protocol, port, groups] = line.trim().split(/\s+/);
        return protocol === '0' && port === String(pid) && groups !== '00000000';
      });
  } catch {
    return false;
  }
};

/** Waits until ip-monitor(8) listens: it runs before it does. */
export const listening = async (pid: number): Promise<number> => {
  const deadline = Date.now() + PATIENCE_MS;
  while (!listens(pid) && Date.now() < deadline) await sleep(PAUSE_MS);
  return pid;
};
