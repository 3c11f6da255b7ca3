// As pid 1 of a pid namespace in which pids are few: a pid that is used again is never entered through an older hold on it.
import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { host } from '../../backends/ffi/host.ts';
import { num } from '../../backends/ffi/program/argument.ts';
import { type Child, type EnterTarget, enter, openBackend, openProcess, spawn } from '../../lib/index.ts';
import { everything, withChild } from '../contract/inside.ts';
import { failure, value } from '../contract/outcome.ts';

/** RESERVED_PIDS and some room; a pid namespace takes no less. */
const FEW_PIDS = 400;

t.equal(process.pid, 1, 'this is a pid namespace of its own');
writeFileSync('/proc/sys/kernel/pid_max', String(FEW_PIDS));
t.equal(readFileSync('/proc/sys/kernel/pid_max', 'utf8').trim(), String(FEW_PIDS));

const named = (hostname: string): Promise<Child> =>
  value(spawn('cat', [], { namespaces: ['uts'], hostname, stdio: ['pipe', 'ignore', 'ignore'] }));

/** The first pid after all have been used once; linux/pid.h. */
const RESERVED_PIDS = 300;

/** Has the next process get that pid, where the kernel has CONFIG_CHECKPOINT_RESTORE; else it comes round by itself. */
const wishFor = (pid: number): void => {
  try {
    writeFileSync('/proc/sys/kernel/ns_last_pid', String(pid - 1));
  } catch {
    // Then it takes more children.
  }
};

/** A child whose pid can come round again. */
const lateTarget = async (): Promise<Child> => {
  wishFor(RESERVED_PIDS + 20);
  for (;;) {
    const child = await named('target');
    if (child.pid > RESERVED_PIDS) return child;
    await child[Symbol.asyncDispose]();
  }
};

/** Starts children, one at a time, until one has that pid. */
const untilReused = async (pid: number): Promise<Child> => {
  wishFor(pid);
  for (let attempt = 0; attempt < 4 * FEW_PIDS; attempt += 1) {
    const child = await named('somebody-else');
    if (child.pid === pid) return child;
    await child[Symbol.asyncDispose]();
  }
  throw new Error(`Pid ${pid} was not used again`);
};

const openPidfd = (pid: number): number | null => {
  const opened = host();
  if (opened.isErr()) return null;
  const program = opened.value.runCalls((ops) => ops.op('pidfd_open', [num(pid), num(0)], { onError: 'next' }));
  const fd = program.isOk() ? program.value.result(0) : -1;
  return fd < 0 ? null : fd;
};

const closePidfd = (fd: number): void => {
  host()
    .andThen((opened) => opened.runCalls((ops) => ops.op('close', [num(fd)], { onError: 'next' })))
    .unwrapOr(undefined);
};

for (const backend of (['ffi', 'shell'] as const).filter((name) => openBackend(name).isOk())) {
  t.test(`enter() on ${backend} says "no such process" of a target whose pid is another one's by now`, async (t) => {
    const target = await lateTarget();
    const { pid } = target;
    const held = await value(openProcess(target));
    const pidfd = openPidfd(pid);
    await target[Symbol.asyncDispose]();
    await withChild(await untilReused(pid), async (other) => {
      t.equal(other.pid, pid, `pid ${pid} is somebody else's now`);
      const old: readonly EnterTarget[] = [held, target, ...(pidfd === null ? [] : [{ pidfd }])];
      for (const hold of old) {
        const error = await failure(enter(hold, 'uname', ['-n'], { backend, types: ['uts'] }), 'process-gone');
        t.match(error.message, /is gone/);
      }
      // Who says the number now means the process that has it now.
      const now = await value(enter(pid, 'uname', ['-n'], { backend, types: ['uts'] }));
      await withChild(now, async () => {
        t.equal((await everything(now.stdout)).toString(), 'somebody-else\n');
        t.ok((await now.exit).isOk());
      });
    });
    held.close();
    if (pidfd !== null) closePidfd(pidfd);
  });
}
