import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';

/** Everything that a test may leave behind, as readable lines. */
interface Belongings {
  readonly fds: ReadonlySet<string>;
  readonly processes: ReadonlySet<string>;
  readonly mounts: ReadonlySet<string>;
  readonly namespaces: ReadonlySet<string>;
}

/** Inherited by every child that is started with the caller's environment, so that orphans are found, too. */
const MARK = 'NS_TEST_FILE';

/** How long what is being closed may take to be gone. A test without a leak waits for none of it. */
const PATIENCE_MS = 5000;

const orNothing = <T>(read: () => T, nothing: T): T => {
  try {
    return read();
  } catch {
    // A process or thread that ends while we look has left nothing.
    return nothing;
  }
};

const links = (dir: string): string[] =>
  orNothing(() => readdirSync(dir), []).flatMap((name) =>
    orNothing(() => [`${name} -> ${readlinkSync(`${dir}/${name}`)}`], []),
  );

const openFds = (): Set<string> =>
  // The directory that is being read is itself open while it is.
  new Set(links('/proc/self/fd').filter((fd) => !fd.endsWith(`/proc/${process.pid}/fd`)));

/** PF_KTHREAD in the flags of /proc/PID/stat: the kernel's own, most of what a small machine runs. */
const KERNEL_THREAD = 0x20_0000;

/** Descendants by parent, and orphans by the mark in their environment; zombies included. */
const startedProcesses = (): Set<string> => {
  const mark = `${MARK}=${process.env[MARK]}`;
  const found = new Set<string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    const stat = orNothing(() => readFileSync(`/proc/${pid}/stat`, 'utf8'), '');
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    const [state, parent, , , , , flags] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(flags) & KERNEL_THREAD) continue;
    const marked = orNothing(() => readFileSync(`/proc/${pid}/environ`, 'utf8'), '')
      .split('\0')
      .includes(mark);
    if (Number(parent) === process.pid || marked) found.add(`${pid} ${name} (${state})`);
  }
  return found;
};

const mounts = (): Set<string> =>
  new Set(
    orNothing(() => readFileSync('/proc/self/mountinfo', 'utf8'), '')
      .split('\n')
      .filter(Boolean),
  );

/** Namespaces of every thread; those that an fd, a process or a mount keeps alive show among these. */
const ownNamespaces = (): Set<string> => {
  const main = links('/proc/self/ns');
  const threads = readdirSync('/proc/self/task').flatMap((tid) =>
    links(`/proc/self/task/${tid}/ns`)
      .filter((link) => !main.includes(link))
      .map((link) => `thread ${tid}: ${link}`),
  );
  return new Set([...main, ...threads]);
};

const belongings = (): Belongings => ({
  fds: openFds(),
  processes: startedProcesses(),
  mounts: mounts(),
  namespaces: ownNamespaces(),
});

const added = (before: Belongings, after: Belongings): string[] =>
  (Object.keys(before) as (keyof Belongings)[]).flatMap((kind) =>
    [...after[kind]].filter((line) => !before[kind].has(line)).map((line) => `${kind}: ${line}`),
  );

/** libuv keeps an fd of /dev/null from its first stream on; that stream is made here, and goes nowhere. */
const letNodeOpenItsOwn = (): void => {
  connect('/dev/null/nowhere').on('error', () => undefined);
};

/** Counts from now on; the function that is returned tells what has been left behind since, once it has settled. */
export const countLeaks = (patienceMs = PATIENCE_MS): (() => Promise<readonly string[]>) => {
  process.env[MARK] ??= `${process.pid}-${Date.now()}`;
  letNodeOpenItsOwn();
  const before = belongings();
  return async () => {
    const deadline = Date.now() + patienceMs;
    let left = added(before, belongings());
    while (left.length > 0 && Date.now() < deadline) {
      await sleep(20);
      left = added(before, belongings());
    }
    return left;
  };
};

/**
 * Fails a test that leaves file descriptors, processes, mounts or other namespaces behind.
 *
 * @remarks Call it at the head of a test file that spawns, with the root `t`. What a backend opens once and keeps on
 * purpose is no leak: use the backend once before.
 * @param t - the test, or the whole file
 */
export const watchLeaks = (t: Pick<Test, 'teardown'>): void => {
  const leaks = countLeaks();
  t.teardown(async () => {
    const left = await leaks();
    if (left.length > 0) throw new Error(`Left behind:\n${left.join('\n')}`);
  });
};
