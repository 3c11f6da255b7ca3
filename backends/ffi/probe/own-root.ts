import { NAMESPACES } from '../../../lib/namespace.ts';
import { AT, CLONE, KERNEL_SIGSET_SIZE, OPEN, SIG, WAIT } from '../abi/constants.ts';
import type { Host } from '../host.ts';
import { NULL, num, resultOf, shown, words } from '../program/argument.ts';
import type { ProgramBuilder } from '../program/builder.ts';

const quiet = { onError: 'next' } as const;

const flag = (type: 'mnt' | 'user') => words(NAMESPACES[type].cloneFlag, {});

/** A copy of this process makes a user namespace and ends; where its status is, 0 when it could. */
const addTry = (program: ProgramBuilder, isJoining: boolean): number => {
  const [child, dead, done] = [program.label(), program.label(), program.label()];
  const status = program.int32s(-1, -1);
  const cloned = program.op('clone', [words(0, CLONE), NULL, NULL], { onError: done, onZero: child });
  const wait = [resultOf(cloned, 'child'), shown(status, 'status'), words(WAIT.__WALL, WAIT), NULL];
  program.op('wait4', wait, quiet);
  program.op('close', [num(-1)], { onError: done, expected: true });
  program.place(child);
  if (isJoining) {
    const path = [words(AT.AT_FDCWD, AT), program.string('/proc/self/ns/mnt'), words(OPEN.O_CLOEXEC, OPEN)];
    const own = resultOf(program.op('openat', path, { onError: dead }), 'own');
    // Who joins the mount namespace that it is in gets the root directory of that.
    program.op('setns', [own, flag('mnt')], { onError: dead });
  }
  program.op('unshare', [flag('user')], { onError: dead });
  program.op('exit_group', [num(0)], quiet);
  program.place(dead);
  program.op('exit_group', [num(1)], quiet);
  program.place(done);
  return status;
};

/**
 * Whether this process's root directory is that of its mount namespace, by what follows from it: from a chroot nobody may
 * make a user namespace, and who leaves it may.
 *
 * @returns undefined where a user namespace is refused both ways, or this process may not leave
 */
export const isRootOwn = (host: Host): boolean | undefined => {
  let tries: readonly number[] = [];
  const ran = host.runCalls((program) => {
    const setMask = words(SIG.SIG_SETMASK, { SIG_SETMASK: SIG.SIG_SETMASK });
    const saved = shown(program.zeros(KERNEL_SIGSET_SIZE), 'saved');
    const size = num(KERNEL_SIGSET_SIZE);
    program.op('rt_sigprocmask', [setMask, shown(program.int32s(-1, -1), '~[]'), saved, size], quiet);
    tries = [addTry(program, false), addTry(program, true)];
    program.op('rt_sigprocmask', [setMask, saved, NULL, size], quiet);
  });
  if (ran.isErr()) return undefined;
  const [here, outside] = tries.map((status) => ran.value.read32(status) === 0);
  return here === true ? true : outside === true ? false : undefined;
};
