import type { IdMapPlan } from '../../../lib/id-map.ts';
import { NAMESPACES, type NamespaceType } from '../../../lib/namespace.ts';
import type { KernelOperation } from '../../../lib/operation.ts';
import { AT, CLONE, CLONE_ARGS, FCNTL, MOUNT, OPEN, SIG } from '../abi/constants.ts';
import { type Argument, int32At, NULL, num, resultOf, shown, words } from '../program/argument.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';
import { RECORD } from '../program/layout.ts';
import { addOwnIdMaps } from '../spawn/id-map-ops.ts';
import { CLONE_FLAGS } from '../spawn/set-up-ops.ts';
import type { Stopwatch } from './stopwatch.ts';

/** An operation that is done in a carrier; a clone is when it is asked of a small process. */
export type InsideOperation = KernelOperation;

/** What the ops of a child are added to. */
export interface Inside {
  readonly program: ProgramBuilder;
  readonly watch: Stopwatch;
  readonly fail: Label;
  /** The pipe to Node. */
  readonly report: Argument;
  /** The environment of the carrier, for commands. */
  readonly environ: Argument;
  /** Maps the caller to root in a new user namespace. */
  readonly idMap: IdMapPlan;
}

/** How often a clone is made before the one that counts. */
const WARM_PASSES = 5;

const quiet = { onError: 'next' } as const;

const unshare = ({ program, fail }: Inside, type: NamespaceType): void => {
  program.op('unshare', [words(NAMESPACES[type].cloneFlag, CLONE_FLAGS)], {
    step: 'unshare',
    onError: fail,
    namespaces: [type],
  });
};

/** A new user namespace in which the child is root. */
const enterUser = (inside: Inside): void => {
  unshare(inside, 'user');
  addOwnIdMaps(inside.program, inside.idMap, inside.fail);
};

const addUnshare = (inside: Inside, type: NamespaceType): void => {
  inside.watch.stamp('before');
  unshare(inside, type);
  inside.watch.stamp(`unshare ${type}`);
};

/** Clones a process that lives until nobody holds the pipe any more; returns its pid and its pidfd. */
const addHolder = (
  inside: Inside,
  type: NamespaceType,
): { readonly pid: Argument; readonly done: () => void; readonly pidfd: Argument } => {
  const { program, fail } = inside;
  const hold = program.int32s(-1, -1);
  const pidfd = program.int32s(-1, -1);
  const holder = program.label();
  const after = program.label();
  program.op('pipe2', [shown(hold, 'hold'), words(OPEN.O_CLOEXEC, OPEN)], { step: 'prepare', onError: fail });
  // A time namespace is entered by children only.
  if (type === 'time') unshare(inside, 'time');
  const args = Array<number>(CLONE_ARGS.size / 8).fill(0);
  args[CLONE_ARGS.flags / 8] = CLONE.CLONE_PIDFD | (type === 'time' ? 0 : NAMESPACES[type].cloneFlag);
  args[CLONE_ARGS.pidfd / 8] = pidfd;
  args[CLONE_ARGS.exitSignal / 8] = SIG.SIGCHLD;
  const options = { step: 'clone', onError: fail, onZero: holder, namespaces: [type] } as const;
  const clone = program.op('clone3', [shown(program.int64s(args), '{flags}'), num(CLONE_ARGS.size)], options);
  program.op('close', [int32At(hold, 'hold.r')], { onError: after, onZero: after, expected: true });
  program.place(holder);
  program.op('close', [int32At(hold + 4, 'hold.w')], quiet);
  program.op('read', [int32At(hold, 'hold.r'), shown(program.zeros(8), 'buf'), num(1)], quiet);
  program.op('exit_group', [num(0)], quiet);
  program.place(after);
  const pid = resultOf(clone, 'holder');
  const done = (): void => {
    program.op('close', [int32At(hold + 4, 'hold.w')], quiet);
    program.op('wait4', [pid, NULL, num(0), NULL], quiet);
  };
  return { pid, pidfd: int32At(pidfd, 'pidfd'), done };
};

const addSetns = (inside: Inside, type: NamespaceType): void => {
  const { program, watch, fail } = inside;
  const { pidfd, done } = addHolder(inside, type);
  watch.stamp('before');
  program.op('setns', [pidfd, words(NAMESPACES[type].cloneFlag, CLONE_FLAGS)], {
    step: 'unshare',
    onError: fail,
    namespaces: [type],
  });
  watch.stamp(`setns ${type}`);
  done();
};

const addMounts = (inside: Inside): void => {
  const { program, watch, fail } = inside;
  unshare(inside, 'mnt');
  const mount = (name: string, source: string, target: string, type: Argument, flags: number): void => {
    const args = [program.string(source), program.string(target), type, words(flags, MOUNT), NULL];
    program.op('mount', args, { step: 'mount', onError: fail, path: target });
    watch.stamp(name);
  };
  watch.stamp('before');
  mount('all private', 'none', '/', NULL, MOUNT.MS_REC | MOUNT.MS_PRIVATE);
  mount('tmpfs', 'none', '/proc', program.string('tmpfs'), 0);
  mount('bind', '/dev/null', '/dev/null', NULL, MOUNT.MS_BIND);
  mount('proc', 'proc', '/proc', program.string('proc'), MOUNT.MS_NOSUID | MOUNT.MS_NODEV | MOUNT.MS_NOEXEC);
};

/** linux/sockios.h, linux/if.h: struct ifreq is 40 bytes, ifr_flags are the 16 bits behind the name. */
const IFREQ = { flags: 16, size: 40 } as const;
const SIOCSIFFLAGS = 0x8914;
const [IFF_UP, IFF_RUNNING] = [0x1, 0x40];
const [AF_INET, SOCK_DGRAM] = [2, 2];

const addNetwork = (inside: Inside): void => {
  const { program, watch, fail } = inside;
  unshare(inside, 'net');
  const request = Buffer.alloc(IFREQ.size);
  request.write('lo');
  request.writeUInt16LE(IFF_UP | IFF_RUNNING, IFREQ.flags);
  const options = { step: 'prepare', onError: fail } as const;
  watch.stamp('before');
  const socket = program.op('socket', [num(AF_INET), num(SOCK_DGRAM), num(0)], options);
  program.op(
    'ioctl',
    [resultOf(socket, 'fd'), num(SIOCSIFFLAGS), shown(program.data(request), '{lo, IFF_UP}')],
    options,
  );
  watch.stamp('lo up');
};

/**
 * The kernel tells by its limits when a namespace is gone: with a limit of one, another can be made only when the last
 * one of those before has been freed.
 */
const addTearDown = (inside: Inside, type: NamespaceType, count: number): void => {
  const { program, watch, fail } = inside;
  const path = `/proc/sys/user/max_${type}_namespaces`;
  const limit = (): Argument => {
    const args = [words(AT.AT_FDCWD, AT), program.string(path), words(OPEN.O_WRONLY | OPEN.O_CLOEXEC, OPEN)];
    return resultOf(program.op('openat', args, { step: 'prepare', onError: fail, path }), 'limit');
  };
  // Each is written once: the kernel takes a write at another place than the first for none.
  const [many, one] = [limit(), limit()];
  const set = (fd: Argument, value: string): void => {
    program.op('write', [fd, program.string(value), num(value.length)], { step: 'prepare', onError: fail, path });
  };
  const args = Array<number>(CLONE_ARGS.size / 8).fill(0);
  args[CLONE_ARGS.flags / 8] = CLONE.CLONE_VM | CLONE.CLONE_VFORK | NAMESPACES[type].cloneFlag;
  args[CLONE_ARGS.exitSignal / 8] = SIG.SIGCHLD;
  const cloneArgs = shown(program.int64s(args), '{flags}');
  const [child, again, busy, done] = [program.label(), program.label(), program.label(), program.label()];
  set(many, String(count + 1));
  watch.stamp('before');
  for (let index = 0; index < count; index += 1) {
    const options = { step: 'clone', onError: fail, onZero: child, namespaces: [type] } as const;
    const clone = program.op('clone3', [cloneArgs, num(CLONE_ARGS.size)], options);
    program.op('wait4', [resultOf(clone, 'child'), NULL, num(0), NULL], quiet);
  }
  watch.stamp('made and left');
  set(one, '1');
  program.place(again);
  program.op('unshare', [words(NAMESPACES[type].cloneFlag, CLONE_FLAGS)], {
    onError: busy,
    onZero: done,
    expected: true,
  });
  program.place(busy);
  program.op('sched_yield', [], { onError: again, onZero: again, expected: true });
  program.place(child);
  program.op('exit_group', [num(0)], quiet);
  program.place(done);
  watch.stamp('freed');
};

const addClone = (
  { program, watch, fail, report, environ }: Inside,
  { namespaces, call, command, delayCalls }: Extract<KernelOperation, { readonly type: 'clone' }>,
): void => {
  const [child, after, childFail] = [program.label(), program.label(), program.label()];
  const runs = watch.reserve('child runs');
  let flags: number = CLONE.CLONE_VM | CLONE.CLONE_VFORK;
  for (const type of namespaces) flags |= NAMESPACES[type].cloneFlag;
  const args = Array<number>(CLONE_ARGS.size / 8).fill(0);
  args[CLONE_ARGS.flags / 8] = flags;
  args[CLONE_ARGS.exitSignal / 8] = SIG.SIGCHLD;
  const cloneArgs = program.int64s(args);
  const options = { step: 'clone', onError: fail, onZero: child, namespaces } as const;
  // A child that exits at once is made several times, and the last one counts: the first ones touch every page. Each of
  // these fds is open until its pass has ended.
  const again = program.label();
  const dup = [report, words(FCNTL.F_DUPFD_CLOEXEC, FCNTL), num(0)];
  const passes = Array.from({ length: command === null ? WARM_PASSES : 0 }, () =>
    resultOf(program.op('fcntl', dup, { step: 'prepare', onError: fail }), 'pass'),
  );
  program.place(again);
  watch.stamp('before');
  const clone =
    call === 'clone3'
      ? program.op('clone3', [shown(cloneArgs, '{flags, exit_signal=SIGCHLD}'), num(CLONE_ARGS.size)], options)
      : program.op('clone', [words(flags | SIG.SIGCHLD, { ...CLONE_FLAGS, SIGCHLD: SIG.SIGCHLD }), NULL], options);
  watch.stamp('clone returned');
  program.op('wait4', [resultOf(clone, 'child'), NULL, num(0), NULL], quiet);
  watch.stamp('reaped');
  for (const pass of passes) program.op('close', [pass], { onError: 'next', onZero: again });
  // No fd at all: this leads over the child's part.
  program.op('close', [num(-1)], { onError: after, onZero: after, expected: true });
  program.place(child);
  watch.take(runs, 'runs');
  for (let count = 0; count < delayCalls; count += 1) program.op('getppid', [], quiet);
  if (command === null) program.op('exit_group', [num(0)], quiet);
  else {
    program.op('execve', [program.string(command), program.strings([command]), environ], {
      ...{ step: 'exec', onError: childFail, path: command },
    });
  }
  program.place(childFail);
  program.op('write', [report, shown(program.record, '{failed}'), num(RECORD.size)], quiet);
  program.op('exit_group', [num(1)], quiet);
  program.place(after);
};

/** Adds what an operation does in its child, stamps included; `inUser`: first a user namespace in which that is allowed. */
export const addInside = (inside: Inside, operation: InsideOperation, inUser: boolean): void => {
  const { program, watch, fail, idMap } = inside;
  switch (operation.type) {
    case 'clone':
      addClone(inside, operation);
      break;
    case 'nothing':
      watch.stamp('before');
      watch.stamp('nothing');
      break;
    case 'unshare':
      if (inUser && operation.namespace !== 'user') enterUser(inside);
      addUnshare(inside, operation.namespace);
      break;
    case 'setns':
      if (inUser && operation.namespace !== 'user') enterUser(inside);
      addSetns(inside, operation.namespace);
      break;
    case 'id-map':
      unshare(inside, 'user');
      watch.stamp('before');
      addOwnIdMaps(program, idMap, fail);
      watch.stamp('id maps');
      break;
    case 'mounts':
      // A new proc may be mounted by who owns the pid namespace: the child was cloned into both, and has written its maps.
      addMounts(inside);
      break;
    case 'network':
      if (inUser) enterUser(inside);
      addNetwork(inside);
      break;
    case 'tear-down':
      // The limits of the first user namespace are the machine's: those of a new one are nobody else's.
      enterUser(inside);
      addTearDown(inside, operation.namespace, operation.count);
      break;
  }
};
