import { CAP, CAPABILITY_VERSION_3, PRCTL } from '../abi/constants.ts';
import { type Argument, num, shown, words } from '../program/argument.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';

/** What the set-up needs of a new user namespace's capabilities. */
const NEEDED = [CAP.CAP_SETGID, CAP.CAP_SETUID, CAP.CAP_SYS_CHROOT, CAP.CAP_SYS_ADMIN, CAP.CAP_NET_ADMIN];
const NEEDED_MASK = NEEDED.reduce((mask, cap) => mask | (1 << cap), 0);
const NEEDED_NAMES = Object.keys(CAP).join('|');

const capset = (
  program: ProgramBuilder,
  permitted: { low: number; high: number; text: string },
  inheritable: { mask: number; text: string },
  fail: Label,
): void => {
  const { low, high } = permitted;
  const header = program.int32s(CAPABILITY_VERSION_3, 0);
  const data = program.int32s(low, low, inheritable.mask, high, high, 0);
  const sets = `{effective=${permitted.text}, permitted=${permitted.text}, inheritable=${inheritable.text}}`;
  const args: Argument[] = [shown(header, '{_LINUX_CAPABILITY_VERSION_3, 0}'), shown(data, sets)];
  program.op('capset', args, { step: 'capabilities', onError: fail });
};

/**
 * Makes the capabilities over a new user namespace outlive the execve of the carrier, which drops them where uid 0 is not
 * mapped: what is inheritable and ambient stays. Run in the child of clone3; a process's own sets are no business of others.
 */
export const addKeepCapabilities = (program: ProgramBuilder, fail: Label): void => {
  capset(program, { low: -1, high: -1, text: 'all' }, { mask: NEEDED_MASK, text: NEEDED_NAMES }, fail);
  for (const cap of NEEDED) {
    program.op(
      'prctl',
      [words(PRCTL.PR_CAP_AMBIENT, PRCTL), num(PRCTL.PR_CAP_AMBIENT_RAISE), words(cap, CAP), num(0), num(0)],
      { step: 'capabilities', onError: fail },
    );
  }
};

/** Takes back what {@link addKeepCapabilities} did, so that the command gets what its execve gives it. */
export const addDropCapabilities = (program: ProgramBuilder, fail: Label): void => {
  program.op(
    'prctl',
    [words(PRCTL.PR_CAP_AMBIENT, PRCTL), num(PRCTL.PR_CAP_AMBIENT_CLEAR_ALL), num(0), num(0), num(0)],
    { step: 'capabilities', onError: fail },
  );
  capset(program, { low: NEEDED_MASK, high: 0, text: NEEDED_NAMES }, { mask: 0, text: '0' }, fail);
};
