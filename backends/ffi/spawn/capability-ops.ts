import { capabilityName, lastCapability } from '../../../lib/capability.ts';
import type { SetupStep } from '../../../lib/errors.ts';
import { CAPABILITY_VERSION_3, PRCTL } from '../abi/constants.ts';
import { type Argument, num, shown, words } from '../program/argument.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';

/** A set of capabilities by number; null: all there are. */
export type Capabilities = readonly number[] | null;

interface Mask {
  readonly low: number;
  readonly high: number;
  readonly text: string;
}

const maskOf = (set: Capabilities): Mask => {
  // What a kernel does not know of it, it leaves out.
  if (set === null) return { low: -1, high: -1, text: 'all' };
  let [low, high] = [0, 0];
  for (const capability of set) {
    if (capability < 32) low |= 1 << capability;
    else high |= 1 << (capability - 32);
  }
  if (set.length > lastCapability()) return { low, high, text: 'all' };
  return { low, high, text: set.length === 0 ? '0' : set.map(capabilityName).join('|') };
};

/** Sets what is effective and permitted, and what is inheritable. */
export const addCapset = (
  program: ProgramBuilder,
  permitted: Capabilities,
  inheritable: Capabilities,
  fail: Label,
): void => {
  const p = maskOf(permitted);
  const i = maskOf(inheritable);
  const header = program.int32s(CAPABILITY_VERSION_3, 0);
  const data = program.int32s(p.low, p.low, i.low, p.high, p.high, i.high);
  const sets = `{effective=${p.text}, permitted=${p.text}, inheritable=${i.text}}`;
  const args: Argument[] = [shown(header, '{_LINUX_CAPABILITY_VERSION_3, 0}'), shown(data, sets)];
  program.op('capset', args, { step: 'capabilities', onError: fail });
};

/** A prctl(2) of one argument. */
export const addPrctl = (
  program: ProgramBuilder,
  option: number,
  argument: Argument,
  step: SetupStep,
  fail: Label,
): void => {
  program.op('prctl', [words(option, PRCTL), argument, num(0), num(0), num(0)], { step, onError: fail });
};

const ambient = (program: ProgramBuilder, what: number, capability: Argument, fail: Label): void => {
  program.op('prctl', [words(PRCTL.PR_CAP_AMBIENT, PRCTL), words(what, AMBIENT), capability, num(0), num(0)], {
    step: 'capabilities',
    onError: fail,
  });
};

const AMBIENT = {
  PR_CAP_AMBIENT_RAISE: PRCTL.PR_CAP_AMBIENT_RAISE,
  PR_CAP_AMBIENT_CLEAR_ALL: PRCTL.PR_CAP_AMBIENT_CLEAR_ALL,
} as const;

/** Every capability of this kernel. */
export const everyCapability = (): readonly number[] =>
  Array.from({ length: lastCapability() + 1 }, (_, capability) => capability);

/** Raises ambient capabilities, which have to be permitted and inheritable by then. */
export const addRaiseAmbient = (program: ProgramBuilder, set: readonly number[], fail: Label): void => {
  for (const capability of set) {
    ambient(program, PRCTL.PR_CAP_AMBIENT_RAISE, shown(capability, capabilityName(capability)), fail);
  }
};

/** Takes all ambient capabilities back. */
export const addClearAmbient = (program: ProgramBuilder, fail: Label): void =>
  ambient(program, PRCTL.PR_CAP_AMBIENT_CLEAR_ALL, num(0), fail);

/**
 * Makes the capabilities over a new user namespace outlive the execve of the carrier, which drops them where uid 0 is not
 * mapped: what is inheritable and ambient stays. Run in the child of clone3; a process's own sets are no business of others.
 */
export const addKeepCapabilities = (program: ProgramBuilder, fail: Label): void => {
  addCapset(program, null, null, fail);
  addRaiseAmbient(program, everyCapability(), fail);
};
