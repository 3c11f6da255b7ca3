import { type CheckName, typesFor } from '../../../lib/check-names.ts';
import { NAMESPACES, type NamespaceType } from '../../../lib/namespace.ts';
import type { ProbeFailure, ProbePlan } from '../../../lib/probe.ts';
import {
  AT,
  CLONE_ARGS,
  CLONE_INTO_CGROUP,
  IFF_UP_RUNNING,
  IFREQ,
  MOUNT,
  MOUNT_ATTR,
  MOUNT_ATTR_SIZE,
  OPEN,
  OPEN_TREE,
  PRCTL,
  SIG,
  SIOCSIFFLAGS,
  SOCKET,
  UMOUNT,
} from '../abi/constants.ts';
import type { SyscallName } from '../abi/syscalls.ts';
import { type Argument, int32At, NULL, num, resultOf, shown, words } from '../program/argument.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';
import { RECORD } from '../program/layout.ts';

/** What a record of a probe says. */
export const PROBE_RECORD = { failed: 1, works: 2 } as const;

/** linux/sched.h */
const CLONE_FILES = 0x400;

/** What an op that may fail says of the attempt that it belongs to. */
export interface Mark {
  readonly attempt: number;
  readonly failure: Omit<ProbeFailure, 'errno' | 'text'>;
}

/** A program of attempts, and what each of its ops would mean if it failed. */
export interface AttemptProgram {
  readonly program: ProgramBuilder;
  readonly marks: Map<number, Mark>;
  /** The pipe that records are written to, and the one that a helper's words go to, as pairs of fds. */
  readonly status: number;
  readonly words: number;
  /** Fds from here on are free: attempts give some a number that can stand in structures. */
  readonly freeFd: number;
}

type About = Pick<Mark['failure'], 'step'> & Partial<Mark['failure']>;

/** Adds the ops of one attempt: each one that fails ends it, with a record. */
class Attempt {
  readonly types: readonly NamespaceType[];
  readonly #to: AttemptProgram;
  readonly #index: number;
  readonly #fail: Label;

  constructor(to: AttemptProgram, index: number, types: readonly NamespaceType[], fail: Label) {
    this.#to = to;
    this.#index = index;
    this.types = types;
    this.#fail = fail;
  }

  get program(): ProgramBuilder {
    return this.#to.program;
  }

  /** The number that the one file gets which has to stand in a structure. */
  get fixedFd(): number {
    return this.#to.freeFd;
  }

  op(name: SyscallName, args: readonly Argument[], about: About, onZero?: Label): number {
    const options = { onError: this.#fail, ...(onZero === undefined ? {} : { onZero }) };
    const index = this.program.op(name, args, options);
    const { step, namespaces = this.types, path = null, filesystem = null, syscall = name } = about;
    const failure = { step, namespaces, requested: this.types, syscall, path, filesystem };
    this.#to.marks.set(index, { attempt: this.#index, failure });
    return index;
  }

  writeFile(path: string, content: string, step: 'id-map' | 'time-offsets'): void {
    const flags = words(OPEN.O_WRONLY | OPEN.O_CLOEXEC, OPEN);
    const fd = resultOf(this.op('openat', [HERE, this.program.string(path), flags], { step, path }), 'fd');
    this.op('write', [fd, this.program.string(content), num(Buffer.byteLength(content))], { step, path });
    this.program.op('close', [fd], { onError: 'next' });
  }

  mount(filesystem: string, target: string, options = ''): void {
    const { program } = this;
    const step = filesystem === 'proc' ? 'mount-proc' : 'mount';
    const data = options === '' ? NULL : program.string(options);
    const args = [program.string(filesystem), program.string(target), program.string(filesystem), num(0), data];
    this.op('mount', args, { step, path: target, filesystem });
  }

  /** Nothing that is mounted from here on is seen outside. */
  makePrivate(): void {
    const flags = words(MOUNT.MS_REC | MOUNT.MS_PRIVATE, MOUNT);
    const none = this.program.string('none');
    this.op('mount', [none, this.program.string('/'), NULL, flags, NULL], { step: 'propagation', path: '/' });
  }

  unshare(...types: readonly NamespaceType[]): void {
    for (const type of types) {
      this.op('unshare', [flagsOf([type])], { step: 'unshare', namespaces: [type] });
    }
  }
}

const HERE = words(AT.AT_FDCWD, AT);

/** An id that is to stay as it is. */
const SAME = num(-1);

const FLAGS = Object.fromEntries(Object.values(NAMESPACES).map(({ cloneName, cloneFlag }) => [cloneName, cloneFlag]));

const flagsOf = (types: readonly NamespaceType[]): Argument =>
  words(
    types.reduce((flags, type) => flags | NAMESPACES[type].cloneFlag, 0),
    FLAGS,
  );

const addLoopback = (attempt: Attempt): void => {
  const { program } = attempt;
  const kind = [num(SOCKET.AF_INET), num(SOCKET.SOCK_DGRAM | SOCKET.SOCK_CLOEXEC), num(0)];
  const socket = resultOf(attempt.op('socket', kind, { step: 'network' }), 'socket');
  const request = Buffer.alloc(IFREQ.size);
  request.write('lo', IFREQ.name);
  request.writeInt16LE(IFF_UP_RUNNING, IFREQ.flags);
  const argument = shown(program.data(request), '{lo, IFF_UP|IFF_RUNNING}');
  attempt.op('ioctl', [socket, words(SIOCSIFFLAGS, { SIOCSIFFLAGS }), argument], { step: 'network' });
};

const addPivot = (attempt: Attempt, { scratch }: ProbePlan): void => {
  const { program } = attempt;
  attempt.makePrivate();
  attempt.mount('tmpfs', scratch);
  attempt.op('chdir', [program.string(scratch)], { step: 'root', path: scratch });
  const dot = program.string('.');
  attempt.op('pivot_root', [dot, dot], { step: 'root', path: scratch });
  attempt.op('umount2', [dot, words(UMOUNT.MNT_DETACH, UMOUNT)], { step: 'root', path: '/' });
};

const addOverlay = (attempt: Attempt, { scratch }: ProbePlan): void => {
  const { program } = attempt;
  attempt.makePrivate();
  attempt.mount('tmpfs', scratch);
  const dirs = ['lower', 'upper', 'work', 'merged'].map((name) => `${scratch}/${name}`);
  for (const path of dirs) attempt.op('mkdirat', [HERE, program.string(path), num(0o700)], { step: 'mount', path });
  const [lower, upper, work, merged = scratch] = dirs;
  attempt.mount('overlay', merged, `lowerdir=${lower},upperdir=${upper},workdir=${work}`);
};

const addSetns = (attempt: Attempt): void => {
  const path = '/proc/self/ns/uts';
  const flags = words(OPEN.O_RDONLY | OPEN.O_CLOEXEC, OPEN);
  const step = 'setns';
  const fd = resultOf(attempt.op('openat', [HERE, attempt.program.string(path), flags], { step, path }), 'fd');
  attempt.unshare('uts');
  attempt.op('setns', [fd, flagsOf(['uts'])], { step, path, namespaces: ['uts'] });
};

/** Takes a copy of the mount at a path, and of no other, which is nowhere and ends with its fd. */
const addDetached = (attempt: Attempt, about: Pick<About, 'path' | 'filesystem'>): Argument => {
  const { program } = attempt;
  const flags = words(OPEN_TREE.OPEN_TREE_CLONE | OPEN_TREE.OPEN_TREE_CLOEXEC, OPEN_TREE);
  const tree = [HERE, program.string(about.path ?? '/'), flags];
  return resultOf(attempt.op('open_tree', tree, { step: 'idmapped-mount', ...about }), 'tree');
};

/** A user namespace with a map, whose file the shared table of fds keeps; then a detached mount with its ids. */
const addIdmappedMount = (attempt: Attempt, about: Pick<About, 'path' | 'filesystem'>): void => {
  const { program } = attempt;
  const step = 'idmapped-mount';
  const child = program.label();
  const flags = words(NAMESPACES.user.cloneFlag | CLONE_FILES | SIG.SIGCHLD, {
    ...FLAGS,
    CLONE_FILES,
    SIGCHLD: SIG.SIGCHLD,
  });
  const cloned = attempt.op('clone', [flags, NULL, NULL], { step: 'unshare', namespaces: ['user'] }, child);
  program.op('wait4', [resultOf(cloned, 'child'), NULL, num(0), NULL], { onError: 'next' });
  const opened = addDetached(attempt, about);
  const attributes = program.int64s([MOUNT_ATTR.MOUNT_ATTR_IDMAP, 0, 0, attempt.fixedFd]);
  const args = [
    opened,
    program.string(''),
    words(AT.AT_EMPTY_PATH, AT),
    shown(attributes, '{MOUNT_ATTR_IDMAP}'),
    num(MOUNT_ATTR_SIZE),
  ];
  attempt.op('mount_setattr', args, { step, ...about });
  const done = program.label();
  program.op('close', [num(-1)], { onError: done, expected: true });
  program.place(child);
  // Inside, the caller's ids are those that its own map gave it.
  addMaps(attempt, { uid: 0, gid: 0 });
  const own = [HERE, program.string('/proc/self/ns/user'), words(OPEN.O_RDONLY | OPEN.O_CLOEXEC, OPEN)];
  const user = resultOf(attempt.op('openat', own, { step }), 'user');
  attempt.op('dup3', [user, num(attempt.fixedFd), words(OPEN.O_CLOEXEC, OPEN)], { step });
  program.op('exit_group', [num(0)], { onError: 'next' });
  program.place(done);
};

/** A child that stays outside becomes a shell, whose parent is the process that is to be mapped. */
const addMapHelper = (attempt: Attempt, to: AttemptProgram, plan: ProbePlan): void => {
  const { program } = attempt;
  const { mapHelpers } = plan;
  if (mapHelpers === null) return;
  const step = 'newuidmap';
  const order = program.int32s(-1, -1);
  attempt.op('pipe2', [shown(order, 'order'), words(OPEN.O_CLOEXEC, OPEN)], { step });
  const helper = program.label();
  const cloned = attempt.op(
    'clone',
    [words(SIG.SIGCHLD, { SIGCHLD: SIG.SIGCHLD }), NULL, NULL],
    { step: 'clone', namespaces: [] },
    helper,
  );
  attempt.unshare('user');
  // The end of the pipe is the sign to go on.
  program.op('close', [int32At(order + 4, 'order.w')], { onError: 'next' });
  program.op('wait4', [resultOf(cloned, 'helper'), NULL, num(0), NULL], { onError: 'next' });
  // Only ids that are mapped can be taken on; as the real one alone, so that the capabilities stay.
  const path = 'newuidmap';
  attempt.op('setresuid', [num(1), SAME, SAME], { step, path, syscall: 'newuidmap' });
  attempt.op('setresgid', [num(1), num(1), num(1)], { step, path: 'newgidmap', syscall: 'newgidmap' });
  const done = program.label();
  program.op('close', [num(-1)], { onError: done, expected: true });
  program.place(helper);
  const go = program.label();
  program.op('close', [int32At(order + 4, 'order.w')], { onError: 'next' });
  program.op('read', [int32At(order, 'order.r'), shown(program.room(8), 'buf'), num(1)], {
    onError: go,
    onZero: go,
    expected: true,
  });
  program.place(go);
  program.op('dup3', [int32At(to.words + 4, 'words.w'), num(2), num(0)], { onError: 'next' });
  const script = 'u=$1 g=$2; shift 2; gids=$1; shift; "$u" $PPID "$@" && exec "$g" $PPID $gids';
  const { uid, gid } = mapHelpers;
  const argv = ['sh', '-c', script, 'sh', uid.path, gid.path, gid.args.join(' '), ...uid.args];
  program.op(
    'execve',
    [program.string('/bin/sh'), program.strings(argv), program.strings(['PATH=/usr/bin:/bin', 'LC_ALL=C'])],
    { onError: 'next' },
  );
  program.op('exit_group', [num(127)], { onError: 'next' });
  program.place(done);
};

/** What takes a privilege inside, for each check. */
const addAct = (attempt: Attempt, check: CheckName, to: AttemptProgram, plan: ProbePlan): void => {
  const { program } = attempt;
  switch (check) {
    case 'mnt':
      attempt.makePrivate();
      attempt.mount('tmpfs', plan.scratch);
      return;
    case 'net':
      addLoopback(attempt);
      return;
    case 'uts':
      attempt.op('sethostname', [program.string('ns-check'), num(8)], { step: 'hostname' });
      return;
    case 'time':
      attempt.unshare('time');
      return;
    case 'time-offsets':
      attempt.unshare('time');
      attempt.writeFile('/proc/self/timens_offsets', 'monotonic 1 0', 'time-offsets');
      return;
    case 'proc':
      attempt.makePrivate();
      attempt.mount('proc', '/proc');
      return;
    case 'pivot_root':
      addPivot(attempt, plan);
      return;
    case 'overlay':
      addOverlay(attempt, plan);
      return;
    case 'mqueue':
      attempt.makePrivate();
      attempt.mount('mqueue', plan.scratch);
      return;
    case 'setns':
      addSetns(attempt);
      return;
    case 'nesting':
      attempt.unshare('user');
      return;
    case 'newuidmap':
      addMapHelper(attempt, to, plan);
      return;
    case 'idmapped-mount':
      attempt.makePrivate();
      attempt.mount('tmpfs', plan.scratch);
      addIdmappedMount(attempt, { path: plan.scratch, filesystem: 'tmpfs' });
      return;
    case 'idmapped-root':
      addIdmappedMount(attempt, plan.filesystems.root);
      return;
    case 'idmapped-tmp':
      addIdmappedMount(attempt, plan.filesystems.tmp);
      return;
    case 'pidfd': {
      const pid = resultOf(program.op('getpid', [], { onError: 'next' }), 'pid');
      const fd = resultOf(attempt.op('pidfd_open', [pid, num(0)], { step: 'pidfd' }), 'pidfd');
      attempt.op('pidfd_send_signal', [fd, num(0), NULL, num(0)], { step: 'pidfd' });
      return;
    }
    case 'user':
    case 'pid':
    case 'ipc':
    case 'cgroup':
    case 'clone3':
    case 'into-cgroup':
      // That it was made, and that capabilities are there inside, is all.
      return;
  }
};

/** What kind of clone an attempt begins with; newuidmap makes its user namespace itself, when a child is there to map it. */
const addClone = (attempt: Attempt, check: CheckName, child: Label, { cgroup }: ProbePlan): number => {
  const { program, types } = attempt;
  if (check !== 'clone3' && check !== 'into-cgroup') {
    const flags = check === 'newuidmap' ? [] : types.filter((type) => type !== 'time');
    const value = flags.reduce((all, type) => all | NAMESPACES[type].cloneFlag, SIG.SIGCHLD as number);
    const about = { step: 'clone', namespaces: flags } as const;
    return attempt.op('clone', [words(value, { ...FLAGS, SIGCHLD: SIG.SIGCHLD }), NULL, NULL], about, child);
  }
  const args = Array<number>(CLONE_ARGS.size / 8).fill(0);
  args[CLONE_ARGS.exitSignal / 8] = SIG.SIGCHLD;
  if (check === 'into-cgroup' && cgroup !== null) {
    const step = 'into-cgroup';
    const dir = words(OPEN.O_PATH | OPEN.O_CLOEXEC, OPEN);
    const fd = resultOf(attempt.op('openat', [HERE, program.string(cgroup), dir], { step, path: cgroup }), 'dir');
    attempt.op('dup3', [fd, num(attempt.fixedFd), words(OPEN.O_CLOEXEC, OPEN)], { step });
    args[0] = CLONE_INTO_CGROUP;
    args[CLONE_ARGS.cgroup / 8] = attempt.fixedFd;
  }
  const step = check === 'clone3' ? 'clone' : 'into-cgroup';
  const path = check === 'clone3' ? null : cgroup;
  return attempt.op(
    'clone3',
    [shown(program.int64s(args), '{...}'), num(CLONE_ARGS.size)],
    { step, path, namespaces: [] },
    child,
  );
};

/** Maps the own ids to root inside: one line each. */
const addMaps = (attempt: Attempt, { uid, gid }: Pick<ProbePlan, 'uid' | 'gid'>): void => {
  const path = '/proc/self/setgroups';
  const flags = words(OPEN.O_WRONLY | OPEN.O_CLOEXEC, OPEN);
  const { program } = attempt;
  const before = program.label();
  // Before Linux 3.19 there is no such file, and no need for it.
  const fd = resultOf(
    program.op('openat', [HERE, program.string(path), flags], { onError: before, expected: true }),
    'fd',
  );
  attempt.op('write', [fd, program.string('deny'), num(4)], { step: 'id-map', path });
  program.place(before);
  attempt.writeFile('/proc/self/uid_map', `0 ${uid} 1`, 'id-map');
  attempt.writeFile('/proc/self/gid_map', `0 ${gid} 1`, 'id-map');
};

/** Adds one attempt: a clone whose child does what takes a privilege, says how it went, and ends. */
export const addAttempt = (to: AttemptProgram, plan: ProbePlan, index: number): void => {
  const { program } = to;
  const wanted = plan.attempts[index];
  if (wanted === undefined) throw new TypeError('No such attempt');
  const { check, inUserNamespace } = wanted;
  const [failed, child, next] = [program.label(), program.label(), program.label()];
  const attempt = new Attempt(to, index, typesFor(check, inUserNamespace), failed);
  const quiet = { onError: 'next' } as const;
  const status = int32At(to.status + 4, 'status.w');

  const parentFailed = program.label();
  const cloning = new Attempt(to, index, attempt.types, parentFailed);
  const cloned = addClone(cloning, check, child, plan);
  program.op('wait4', [resultOf(cloned, 'child'), NULL, num(0), NULL], quiet);
  program.op('close', [num(-1)], { onError: next, expected: true });

  program.place(child);
  program.op('prctl', [words(PRCTL.PR_SET_PDEATHSIG, PRCTL), num(SIG.SIGKILL)], quiet);
  if (attempt.types.includes('user') && check !== 'newuidmap') {
    addMaps(attempt, plan);
    // Takes CAP_SYS_CHROOT in the new user namespace, and changes nothing.
    attempt.op('chroot', [program.string('/')], { step: 'credentials', path: '/' });
  }
  addAct(attempt, check, to, plan);
  const works = program.int32s(PROBE_RECORD.works, index, 0, 0, 0, 0);
  program.op('write', [status, shown(works, '{works}'), num(RECORD.size)], quiet);
  program.op('exit_group', [num(0)], quiet);

  program.place(failed);
  program.op('write', [status, shown(program.record, '{failed}'), num(RECORD.size)], quiet);
  program.op('exit_group', [num(1)], quiet);
  program.place(parentFailed);
  program.op('write', [status, shown(program.record, '{failed}'), num(RECORD.size)], quiet);
  program.place(next);
  // Something has to stand here for the last one.
  program.op('close', [num(-1)], { onError: 'next' });
};
