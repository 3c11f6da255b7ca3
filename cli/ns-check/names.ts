import { CHECKS, type CheckName } from '../../lib/index.ts';

export const CHECK_NAMES = CHECKS;

/** Whether a word is the name of a check. */
export const isCheckName = (name: string): name is CheckName => CHECKS.some((known) => known === name);
