import type { SpawnPlan } from '../../../lib/plan.ts';
import { AT, FCNTL, KERNEL_SIGACTION_SIZE, KERNEL_SIGSET_SIZE, OPEN, SIG } from '../abi/constants.ts';
import { addNetworkDump } from '../netlink/dump-ops.ts';
import { addCallerSide, addNetwork, type Refusal } from '../netlink/network-ops.ts';
import { addNetworkWatch } from '../netlink/watch-ops.ts';
import {
  type Argument,
  addressOfOp,
  int32At,
  int64At,
  NULL,
  num,
  resultOf,
  shown,
  words,
} from '../program/argument.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';
import { OP, RECORD } from '../program/layout.ts';
import { addCgroupWrites } from './cgroup-ops.ts';
import { addCredentials } from './credential-ops.ts';
import { addEnter, addEnteredIds, enteredFds } from './enter-ops.ts';
import { ownEnv } from './environment.ts';
import { addEarlyIdMaps } from './id-map-ops.ts';
import { addInit } from './init-ops.ts';
import { addIpc } from './ipc/requests.ts';
import { addMountProc, addMounts } from './mount-ops.ts';
import type { MountApi } from './mount-target.ts';
import { addOwner, addUserInside } from './owner-ops.ts';
import { layOutParent } from './parent-ops.ts';
import type { HostKind, Placement } from './placement.ts';
import { addPriorities, addRlimits, addSeccomp } from './process-ops.ts';
import { addControllingTerminal, addEarlyPty, addLatePty } from './pty-ops.ts';
import { RECORD_KIND, SETUP_FAILED_CODE } from './records.ts';
import { addEnterRoot, addOpenRoot } from './root-ops.ts';
import {
  addBecome,
  addEnteringClone,
  addNames,
  addNestedClone,
  addProcess,
  addPropagation,
  addUnshare,
  IGNORED_BY_NODE,
} from './set-up-ops.ts';
import { addCloseOthers, addEarlyDevNull, addStdio } from './stdio-ops.ts';
import { addTimeOffsets } from './time-ops.ts';

/** Where the launch leaves what the child needs, as addresses in the child's program; -1 until then. */
export interface Mailbox {
  /** Status pipe: [our end, the child's]. */
  readonly status: number;
  /** The pipe on which the child waits until its id maps are written: [the child's end, ours]; null without. */
  readonly go: number | null;
  /** A struct pollfd with a pidfd of the parent; null where its death is of no interest. */
  readonly parent: number | null;
  /** The fds of what is entered, one after the other. */
  readonly entered: number;
  /** The one of `pipes` that is a socket, through which the master of a terminal comes; -1 for none. */
  readonly socket: number;
  /** Pipes of stdio: both ends as pipe2 gives them; null where there is none. With init one more, where it tells how the command ended. */
  readonly pipes: readonly (number | null)[];
}

/** Lays out the mailbox in the child's program. */
export const addMailbox = (program: ProgramBuilder, plan: SpawnPlan): Mailbox => {
  const { idMap, stdio, init, pty } = plan;
  const pair = (): number => program.int32s(-1, -1);
  return {
    status: pair(),
    go: idMap?.writer === 'parent' ? pair() : null,
    parent: layOutParent(program, plan),
    entered: program.int32s(...enteredFds(plan)),
    pipes: [
      ...stdio.map(({ type }) => (type === 'pipe' ? pair() : null)),
      ...(init ? [pair()] : []),
      ...(pty === null ? [] : [pair()]),
    ],
    socket: pty === null ? -1 : stdio.length + (init ? 1 : 0),
  };
};

/** Which end of a pipe of stdio is the child's: it reads from fd 0, and writes to all others. */
export const childEndOffset = (fd: number): number => (fd === 0 ? 0 : 4);

/** What the child's program is made for. */
export interface ChildContext {
  readonly plan: SpawnPlan;
  readonly placement: Placement;
  /** Capabilities had to be made ambient to outlive the execve of the carrier. */
  readonly keptCapabilities: boolean;
  readonly mountApi: MountApi;
  /** The clone has put the child into its cgroup of the unified hierarchy. */
  readonly cloned: boolean;
  /** Open fds to be closed one by one, where close_range cannot. */
  readonly strays: readonly number[] | null;
  /** Where the child finds the caller's environment, when the plan has none; null: only in process.env. */
  readonly envp: number | null;
  readonly host: HostKind;
  /** Handlers of Node's may be left, which neither an execve nor the clone has taken away. */
  readonly handlers: boolean;
}

const addSignals = (program: ProgramBuilder, handlers: boolean, fail: Label): void => {
  const options = { step: 'signals', onError: fail } as const;
  const action = shown(program.zeros(KERNEL_SIGACTION_SIZE), '{SIG_DFL}');
  const mask = shown(program.zeros(KERNEL_SIGSET_SIZE), '[]');
  // The execve of the carrier and CLONE_CLEAR_SIGHAND put handlers back, but not what is ignored. Without either, no
  // handler of Node's may ever run in a child that shares its memory: then all have to go before the mask is opened.
  const signals = handlers ? Array.from({ length: 64 }, (_, index) => index + 1) : IGNORED_BY_NODE;
  for (const signal of signals) {
    if (signal === SIG.SIGKILL || signal === SIG.SIGSTOP) continue;
    const args = [words(signal, SIG), action, NULL, num(KERNEL_SIGSET_SIZE)];
    program.op('rt_sigaction', args, options);
  }
  program.op(
    'rt_sigprocmask',
    [words(SIG.SIG_SETMASK, { SIG_SETMASK: 2 }), mask, NULL, num(KERNEL_SIGSET_SIZE)],
    options,
  );
};

const addExec = (program: ProgramBuilder, { plan, envp }: ChildContext, status: Argument): void => {
  const { command, argv, env, searchPath } = plan;
  const args = program.strings(argv);
  const environment = env === null && envp !== null ? int64At(envp, 'environ') : program.strings(env ?? ownEnv());
  const paths = searchPath.length === 0 ? [command] : searchPath.map((dir) => `${dir}/${command}`);
  const first = program.ops.length;
  for (const path of paths) {
    const next = program.label();
    program.op('execve', [program.string(path), args, environment], { step: 'exec', onError: next, path });
    program.place(next);
  }
  // All that were tried: which error the search as a whole has is decided by who reads it.
  const options = { step: 'exec', onError: 'next' } as const;
  program.op('write', [status, shown(program.record, '{failed}'), num(RECORD.size)], options);
  program.op('write', [status, addressOfOp(first), num(paths.length * OP.size)], options);
};

/** Tells the parent what the kernel answered, behind the record of the op that it answered to. */
const refusal =
  (program: ProgramBuilder, status: Argument): Refusal =>
  (op, answer, size) => {
    const kind = program.read32(program.record + RECORD.kind);
    const record = shown(program.int32s(kind, op, 0, 0, 0, 0), '{refused}');
    const quiet = { onError: 'next' } as const;
    program.op('write', [status, record, num(RECORD.size)], quiet);
    program.op('write', [status, answer, size], quiet);
    program.op('exit_group', [num(SETUP_FAILED_CODE)], quiet);
  };

/** Says that everything is done but execve; fails when nobody is there to hear it. */
const addReady = (program: ProgramBuilder, status: Argument, fail: Label): null => {
  const ready = program.int32s(RECORD_KIND.ready, -1, 0, 0, 0, 0);
  program.op('write', [status, shown(ready, '{ready}'), num(RECORD.size)], { step: 'signals', onError: fail });
  return null;
};

/**
 * The same without a word, where the caller reads the child's memory: it is woken once, by the execve, and not twice.
 *
 * @param status - the op whose result is the fd of the status pipe, which makes it a struct pollfd that waits for nothing
 */
const addListening = (program: ProgramBuilder, status: number, fail: Label): number => {
  const proceed = program.label();
  const args = [addressOfOp(status, OP.result), num(1), shown(program.int64s([0, 0]), '{0}'), NULL, num(0)];
  const listening = program.op('ppoll', args, { step: 'signals', onError: fail, onZero: proceed });
  program.op('exit_group', [num(SETUP_FAILED_CODE)], { onError: 'next' });
  program.place(proceed);
  return listening;
};

/** Waits until the id maps have been written from outside, or ends when they will not be. */
const addWait = (program: ProgramBuilder, mailbox: Mailbox, fail: Label): void => {
  const quiet = { onError: 'next' } as const;
  if (mailbox.go !== null) {
    const go = int32At(mailbox.go, 'go');
    const gone = program.label();
    const proceed = program.label();
    program.op('read', [go, shown(program.zeros(8), 'buf'), num(1)], { step: 'id-map', onError: fail, onZero: gone });
    program.op('close', [go], { onError: proceed, onZero: proceed, expected: true });
    program.place(gone);
    program.op('exit_group', [num(SETUP_FAILED_CODE)], quiet);
    program.place(proceed);
  }
};

/** Opens the caller's /proc, for what is done after it may be out of sight; null where nothing of that kind is done. */
const addProc = (
  program: ProgramBuilder,
  { enter, namespaces }: SpawnPlan,
  { enters }: Placement,
  fail: Label,
): Argument | null => {
  if (enter === null || !(enters || namespaces.includes('user'))) return null;
  const flags = words(OPEN.O_PATH | OPEN.O_CLOEXEC, OPEN);
  const args = [words(AT.AT_FDCWD, AT), program.string('/proc'), flags];
  return resultOf(program.op('openat', args, { step: 'prepare', onError: fail, path: '/proc' }), 'proc');
};

/**
 * Adds everything that is done in the child from the first instruction of its host on, in the order of the table in
 * ARCHITECTURE.md, up to the execve of the command.
 *
 * @returns the op that has the result 0 when all is done but execve; null: a record says so
 */
export const addChild = (program: ProgramBuilder, mailbox: Mailbox, context: ChildContext): number | null => {
  const { plan, host, placement, keptCapabilities, mountApi, strays } = context;
  const fail = program.label();
  const quiet = { onError: 'next' } as const;
  if (host !== 'carrier') {
    // Nobody but the caller may hold its end: that the caller is gone shows when "ready" cannot be written.
    program.op('close', [int32At(mailbox.status, 'status.r')], quiet);
  }
  const inherited = int32At(mailbox.status + 4, 'status');
  const high = [inherited, words(FCNTL.F_DUPFD_CLOEXEC, FCNTL), num(plan.stdio.length)];
  const statusOp = program.op('fcntl', high, { step: 'stdio', onError: fail });
  const status = resultOf(statusOp, 'status');
  program.op('close', [inherited], quiet);
  // A carrier comes with its maps.
  if (host !== 'carrier') addEarlyIdMaps(program, plan, fail);
  addCgroupWrites(program, plan, context.cloned, fail);
  addPriorities(program, plan, fail);
  addOwner(program, plan, status, fail);
  // What waits inside of something that is entered waits later.
  if (plan.enter === null) addWait(program, mailbox, fail);
  const proc = addProc(program, plan, placement, fail);
  addEnter(program, plan.enter, mailbox.entered, fail);
  addEnteringClone(program, placement, status, fail);
  addUserInside(program, plan, { status, proc }, fail);
  if (plan.enter !== null) addWait(program, mailbox, fail);
  const caller = addCallerSide(program, plan.network, fail);
  addUnshare(program, placement, fail);
  addTimeOffsets(program, plan, fail);
  addNestedClone(program, placement, proc, status, fail);
  // No link of what is entered is to lead to it.
  if (proc !== null) program.op('close', [proc], quiet);
  addBecome(program, plan, fail);
  if (plan.network !== null) {
    for (const fd of addNetwork(program, plan.network, caller, refusal(program, status), fail)) {
      program.op('close', [fd], quiet);
    }
  }
  const ends = mailbox.pipes.map((pair, fd) =>
    pair === null ? null : int32At(pair + childEndOffset(fd), `pipe${fd}`),
  );
  const socket = ends[mailbox.socket] ?? null;
  const devNull = addEarlyDevNull(program, plan, fail);
  const early = addEarlyPty(program, plan, socket, fail);
  addPropagation(program, plan, fail);
  const mounting = addOpenRoot(program, plan, mountApi, fail);
  addMounts(mounting, plan, fail);
  addMountProc(mounting, plan, fail);
  addEnterRoot(mounting, plan, fail);
  addNames(program, plan, fail);
  const pty = early ?? addLatePty(program, plan, socket, fail);
  const tell = ends[plan.stdio.length];
  if (plan.init && tell) {
    const others = [status, devNull, ...(pty?.fds ?? []), ...ends].filter((fd) => fd !== null);
    addInit(program, plan, { tell, others, strays, parent: mailbox.parent }, fail);
  }
  addStdio(program, plan, ends, { opened: devNull, slave: pty?.slave ?? null }, fail);
  addCloseOthers(program, plan, strays, fail);
  addRlimits(program, plan, fail);
  addCredentials(program, plan, keptCapabilities, fail);
  if (!plan.namespaces.includes('user')) addEnteredIds(program, plan.enter, fail);
  addProcess(program, plan, mailbox.parent, fail);
  addControllingTerminal(program, plan, fail);
  const ready = host === 'beside' ? addListening(program, statusOp, fail) : addReady(program, status, fail);
  addSignals(program, context.handlers, fail);
  addSeccomp(program, plan, fail);
  if (plan.networkTask === 'read') {
    program.op('close', [status], quiet);
    addNetworkDump(program);
  } else if (plan.networkTask === 'watch') {
    addNetworkWatch(program, status, fail);
  } else if (plan.ipc === null) {
    addExec(program, context, status);
    program.op('exit_group', [num(SETUP_FAILED_CODE)], quiet);
  } else {
    program.op('close', [status], quiet);
    addIpc(program, plan.ipc);
    program.op('exit_group', [num(0)], quiet);
  }
  program.place(fail);
  program.op('write', [status, shown(program.record, '{failed}'), num(RECORD.size)], quiet);
  program.op('exit_group', [num(SETUP_FAILED_CODE)], quiet);
  return ready;
};
