import { capabilityName, SECUREBITS } from '../../../lib/capability.ts';
import type { CredentialsPlan, SpawnPlan } from '../../../lib/plan.ts';
import { PRCTL } from '../abi/constants.ts';
import { NULL, num, shown, words } from '../program/argument.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';
import {
  addCapset,
  addClearAmbient,
  addPrctl,
  addRaiseAmbient,
  type Capabilities,
  everyCapability,
} from './capability-ops.ts';

const SECBITS = Object.fromEntries(
  Object.entries(SECUREBITS).map(([name, bit]) => [`SECBIT_${name.toUpperCase()}`, bit]),
);

/** What the command is to have of capabilities when its uid is not 0, and what is inheritable besides. */
interface Sets {
  readonly inheritable: Capabilities;
  readonly ambient: readonly number[];
}

const setsOf = ({ keepCaps, inheritable, ambient, inherited }: CredentialsPlan): Sets => {
  if (keepCaps) return { inheritable: null, ambient: everyCapability() };
  // What is ambient has to be inheritable.
  const wanted = new Set([...(inheritable ?? inherited), ...(ambient ?? [])]);
  return { inheritable: [...wanted].sort((a, b) => a - b), ambient: ambient ?? [] };
};

const addIds = (program: ProgramBuilder, { uid, gid, groups }: CredentialsPlan, fail: Label): void => {
  const options = { step: 'credentials', onError: fail } as const;
  if (groups !== null) {
    const list = groups.length === 0 ? NULL : shown(program.int32s(...groups), `[${groups.join(', ')}]`);
    program.op('setgroups', [num(groups.length), list], options);
  }
  if (gid !== null) program.op('setresgid', [num(gid), num(gid), num(gid)], options);
  if (uid !== null) program.op('setresuid', [num(uid), num(uid), num(uid)], options);
};

/**
 * Makes the process who and what the command is to be. From here on it may have no privilege any more.
 *
 * @param kept - capabilities were made ambient and inheritable to outlive the execve of the carrier: that is taken back
 */
export const addCredentials = (
  program: ProgramBuilder,
  { credentials }: SpawnPlan,
  kept: boolean,
  fail: Label,
): void => {
  if (credentials === null) {
    if (!kept) return;
    addClearAmbient(program, fail);
    addCapset(program, null, [], fail);
    return;
  }
  const { uid, bounding, inheritable, ambient, keepCaps, noNewPrivs, securebits, permitted } = credentials;
  const { PR_CAPBSET_DROP, PR_SET_KEEPCAPS, PR_SET_SECUREBITS, PR_SET_NO_NEW_PRIVS } = PRCTL;
  if (bounding !== null) {
    for (const capability of everyCapability()) {
      if (bounding.includes(capability)) continue;
      addPrctl(program, PR_CAPBSET_DROP, shown(capability, capabilityName(capability)), 'capabilities', fail);
    }
  }
  const changesSets = keepCaps || inheritable !== null || ambient !== null;
  const goesOn = kept || changesSets || securebits !== null;
  // A change from uid 0 to another would take what is still needed.
  if (uid !== null && goesOn) addPrctl(program, PR_SET_KEEPCAPS, num(1), 'credentials', fail);
  addIds(program, credentials, fail);
  if (kept || ambient !== null) addClearAmbient(program, fail);
  const sets = setsOf(credentials);
  // An inheritable set must not be wider than the bounding set, but for what it held before.
  if (kept || changesSets || (uid !== null && securebits !== null))
    addCapset(program, permitted, sets.inheritable, fail);
  // Before the securebits, one of which forbids it.
  addRaiseAmbient(program, sets.ambient, fail);
  if (securebits !== null) addPrctl(program, PR_SET_SECUREBITS, words(securebits, SECBITS), 'securebits', fail);
  if (noNewPrivs) addPrctl(program, PR_SET_NO_NEW_PRIVS, num(1), 'no-new-privs', fail);
};
