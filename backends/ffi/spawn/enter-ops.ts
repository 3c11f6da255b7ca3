import { NAMESPACES } from '../../../lib/namespace.ts';
import type { EnterPlan, JoinPlan, SpawnPlan } from '../../../lib/plan.ts';
import { AT, NSFS, OPEN } from '../abi/constants.ts';
import { type Argument, NULL, num, resultOf, words } from '../program/argument.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';
import { CLONE_FLAGS } from './set-up-ops.ts';

/** The fds of the caller that a child needs to enter something. */
export const enteredFds = ({ enter }: SpawnPlan): readonly number[] => {
  if (enter === null) return [];
  const { joins, userParentOf, root, workingDirectory, cgroupProcs } = enter;
  const fds = [...joins.map(({ fd }) => fd), userParentOf, root, workingDirectory, cgroupProcs];
  return [...new Set(fds.filter((fd) => fd !== null))];
};

const setnsArgs = (fd: Argument, type: JoinPlan['type']): readonly Argument[] => [
  fd,
  words(NAMESPACES[type].cloneFlag, CLONE_FLAGS),
];

/** Joins everything but the user namespace, as far as the caller's own capabilities allow; what was joined is closed. */
const addFirstPass = (program: ProgramBuilder, joins: readonly JoinPlan[]): void => {
  for (const { type, fd } of joins) {
    const refused = program.label();
    const joined = program.label();
    program.op('setns', setnsArgs(num(fd), type), { onError: refused, onZero: joined, expected: true });
    program.place(joined);
    program.op('close', [num(fd)], { onError: 'next' });
    program.place(refused);
  }
};

/** Joins what is left, now with the capabilities that the user namespace gave. */
const addSecondPass = (program: ProgramBuilder, joins: readonly JoinPlan[], fail: Label): void => {
  for (const { type, fd } of joins) {
    const done = program.label();
    program.op('fcntl', [num(fd), words(1, { F_GETFD: 1 })], { onError: done, expected: true });
    program.op('setns', setnsArgs(num(fd), type), { step: 'join', onError: fail, namespaces: [type] });
    program.place(done);
  }
};

const addJoins = (program: ProgramBuilder, { joins, userParentOf }: EnterPlan, fail: Label): void => {
  const user = joins.find(({ type }) => type === 'user');
  const others = joins.filter(({ type }) => type !== 'user');
  const options = { step: 'join', onError: fail } as const;
  if (user === undefined && userParentOf === null) {
    for (const { type, fd } of others)
      program.op('setns', setnsArgs(num(fd), type), { ...options, namespaces: [type] });
    return;
  }
  let fd: Argument = num(user?.fd ?? -1);
  if (userParentOf !== null) {
    // Asked before anything is left: a user namespace that is not below the one the asker is in is not told.
    const owner = program.op('ioctl', [num(userParentOf), words(NSFS.NS_GET_USERNS, NSFS)], {
      ...options,
      namespaces: ['user'],
    });
    fd = resultOf(owner, 'owner');
  }
  addFirstPass(program, others);
  program.op('setns', setnsArgs(fd, 'user'), { ...options, namespaces: ['user'] });
  addSecondPass(program, others, fail);
};

const addTargetRoot = (program: ProgramBuilder, { root, workingDirectory }: EnterPlan, fail: Label): void => {
  if (root !== null) {
    program.op('fchdir', [num(root)], { step: 'target-root', onError: fail });
    program.op('chroot', [program.string('.')], { step: 'target-root', onError: fail });
  }
  if (workingDirectory !== null) {
    program.op('fchdir', [num(workingDirectory)], { step: 'target-cwd', onError: fail });
  }
};

/**
 * Enters what the plan names: cgroup, namespaces, root and working directory. The fds are the child's own copies, and are
 * closed where they would outlive the command's execve no longer than that.
 */
export const addEnter = (program: ProgramBuilder, enter: EnterPlan | null, fail: Label): void => {
  if (enter === null) return;
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
    program.op('write', [num(cgroupProcs), program.string('0'), num(1)], { step: 'join-cgroup', onError: fail });
  }
  // Groups that only the caller may drop, and others that only the target's user namespace lets it drop.
  if (enter.dropGroups && enter.joins.length > 0) program.op('setgroups', [num(0), NULL], { onError: 'next' });
  addJoins(program, enter, fail);
  addTargetRoot(program, enter, fail);
};

/** Takes on the ids that the command is to have inside. */
export const addEnteredIds = (program: ProgramBuilder, enter: EnterPlan | null, fail: Label): void => {
  if (enter === null) return;
  const options = { step: 'credentials', onError: fail } as const;
  const { uid, gid, dropGroups } = enter;
  if (dropGroups) {
    const none = program.label();
    program.op('getgroups', [num(0), NULL], { ...options, onZero: none });
    program.op('setgroups', [num(0), NULL], options);
    program.place(none);
  }
  if (gid !== null) program.op('setresgid', [num(gid), num(gid), num(gid)], options);
  if (uid !== null) program.op('setresuid', [num(uid), num(uid), num(uid)], options);
};
