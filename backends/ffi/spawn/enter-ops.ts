import { NAMESPACES } from '../../../lib/namespace.ts';
import type { EnterPlan, JoinPlan, SpawnPlan } from '../../../lib/plan.ts';
import { AT, NSFS, OPEN } from '../abi/constants.ts';
import { type Argument, int32At, NULL, num, resultOf, words } from '../program/argument.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';
import { CLONE_FLAGS } from './set-up-ops.ts';

/** The fds of the caller that a child needs to enter something. */
export const enteredFds = ({ enter }: Pick<SpawnPlan, 'enter'>): readonly number[] => {
  if (enter === null) return [];
  const { joins, userParentOf, root, workingDirectory, cgroupProcs } = enter;
  const fds = [...joins.map(({ fd }) => fd), userParentOf, root, workingDirectory, cgroupProcs];
  return [...new Set(fds.filter((fd) => fd !== null))];
};

/** The same with other numbers for the fds. */
const renumbered = (enter: EnterPlan, change: (fd: number) => number): EnterPlan => {
  const changeIfAny = (fd: number | null): number | null => (fd === null ? null : change(fd));
  return {
    ...enter,
    joins: enter.joins.map(({ type, fd }) => ({ type, fd: change(fd) })),
    userParentOf: changeIfAny(enter.userParentOf),
    root: changeIfAny(enter.root),
    workingDirectory: changeIfAny(enter.workingDirectory),
    cgroupProcs: changeIfAny(enter.cgroupProcs),
  };
};

/** What of an entry is the same for all targets that are entered alike: each fd is its place among {@link enteredFds}. */
export const withoutFds = (plan: Pick<SpawnPlan, 'enter'>): EnterPlan | null => {
  const fds = enteredFds(plan);
  return plan.enter && renumbered(plan.enter, (fd) => fds.indexOf(fd));
};

/** Where an fd comes from, as its name below /proc/PID; another entry may have another number for it. */
const nameOf = ({ joins, root, workingDirectory, cgroupProcs }: EnterPlan, fd: number): string => {
  if (fd === root) return 'root';
  if (fd === workingDirectory) return 'cwd';
  if (fd === cgroupProcs) return 'cgroup.procs';
  return `ns/${joins.find((join) => join.fd === fd)?.type ?? 'user'}`;
};

/** The fds of an entry as arguments: they stand in the mailbox, by the place that {@link enteredFds} gives them. */
export const enteredArguments = (enter: EnterPlan, entered: number): ((fd: number) => Argument) => {
  const fds = enteredFds({ enter });
  return (fd) => int32At(entered + 4 * fds.indexOf(fd), nameOf(enter, fd));
};

type ArgumentOf = ReturnType<typeof enteredArguments>;

const setnsArgs = (fd: Argument, type: JoinPlan['type']): readonly Argument[] => [
  fd,
  words(NAMESPACES[type].cloneFlag, CLONE_FLAGS),
];

/** Joins everything but the user namespace, as far as the caller's own capabilities allow; what was joined is closed. */
const addFirstPass = (program: ProgramBuilder, joins: readonly JoinPlan[], at: ArgumentOf): void => {
  for (const { type, fd } of joins) {
    const refused = program.label();
    const joined = program.label();
    program.op('setns', setnsArgs(at(fd), type), { onError: refused, onZero: joined, expected: true });
    program.place(joined);
    program.op('close', [at(fd)], { onError: 'next' });
    program.place(refused);
  }
};

/** Joins what is left, now with the capabilities that the user namespace gave. */
const addSecondPass = (program: ProgramBuilder, joins: readonly JoinPlan[], at: ArgumentOf, fail: Label): void => {
  for (const { type, fd } of joins) {
    const done = program.label();
    program.op('fcntl', [at(fd), words(1, { F_GETFD: 1 })], { onError: done, expected: true });
    program.op('setns', setnsArgs(at(fd), type), { step: 'join', onError: fail, namespaces: [type] });
    program.place(done);
  }
};

const addJoins = (program: ProgramBuilder, { joins, userParentOf }: EnterPlan, at: ArgumentOf, fail: Label): void => {
  const user = joins.find(({ type }) => type === 'user');
  const others = joins.filter(({ type }) => type !== 'user');
  const options = { step: 'join', onError: fail } as const;
  if (user === undefined && userParentOf === null) {
    for (const { type, fd } of others) program.op('setns', setnsArgs(at(fd), type), { ...options, namespaces: [type] });
    return;
  }
  let fd: Argument = user === undefined ? num(-1) : at(user.fd);
  if (userParentOf !== null) {
    // Asked before anything is left: a user namespace that is not below the one the asker is in is not told.
    const owner = program.op('ioctl', [at(userParentOf), words(NSFS.NS_GET_USERNS, NSFS)], {
      ...options,
      namespaces: ['user'],
    });
    fd = resultOf(owner, 'owner');
  }
  addFirstPass(program, others, at);
  program.op('setns', setnsArgs(fd, 'user'), { ...options, namespaces: ['user'] });
  addSecondPass(program, others, at, fail);
};

const addTargetRoot = (
  program: ProgramBuilder,
  { root, workingDirectory }: EnterPlan,
  at: ArgumentOf,
  fail: Label,
): void => {
  if (root !== null) {
    program.op('fchdir', [at(root)], { step: 'target-root', onError: fail });
    program.op('chroot', [program.string('.')], { step: 'target-root', onError: fail });
  }
  if (workingDirectory !== null) {
    program.op('fchdir', [at(workingDirectory)], { step: 'target-cwd', onError: fail });
  }
};

/**
 * Enters what the plan names: cgroup, namespaces, root and working directory. The fds are the child's own copies, and are
 * closed where they would outlive the command's execve no longer than that.
 */
export const addEnter = (program: ProgramBuilder, enter: EnterPlan | null, entered: number, fail: Label): void => {
  if (enter === null) return;
  const at = enteredArguments(enter, entered);
  const { cgroupProcs, securityContext } = enter;
  if (securityContext !== null) {
    const path = '/proc/thread-self/attr/exec';
    const options = { step: 'join', onError: fail, path } as const;
    const here = words(AT.AT_FDCWD, AT);
    const attribute = resultOf(
      program.op('openat', [here, program.string(path), words(OPEN.O_WRONLY | OPEN.O_CLOEXEC, OPEN)], options),
      'attr',
    );
    program.op('write', [attribute, program.string(securityContext), num(Buffer.byteLength(securityContext))], options);
  }
  if (cgroupProcs !== null) {
    // 0 is whoever writes.
    program.op('write', [at(cgroupProcs), program.string('0'), num(1)], { step: 'join-cgroup', onError: fail });
  }
  // Groups that only the caller may drop, and others that only the target's user namespace lets it drop.
  if (enter.dropGroups && (enter.joins.length > 0 || enter.userParentOf !== null))
    program.op('setgroups', [num(0), NULL], { onError: 'next' });
  addJoins(program, enter, at, fail);
  addTargetRoot(program, enter, at, fail);
};

/** Takes on the ids that the command is to have inside. */
export const addEnteredIds = (program: ProgramBuilder, enter: EnterPlan | null, fail: Label): void => {
  if (enter === null) return;
  const options = { step: 'credentials', onError: fail } as const;
  const { uid, gid, dropGroups } = enter;
  if (dropGroups) {
    const none = program.label();
    program.op('getgroups', [num(0), NULL], { ...options, onZero: none });
    // Of a user namespace that no process is known of, this is how to learn that nobody may drop groups in it.
    program.op('setgroups', [num(0), NULL], enter.userParentOf === null ? options : { onError: 'next' });
    program.place(none);
  }
  if (gid !== null) program.op('setresgid', [num(gid), num(gid), num(gid)], options);
  if (uid !== null) program.op('setresuid', [num(uid), num(uid), num(uid)], options);
};
