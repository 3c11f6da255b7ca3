import type { Cause } from './cause.ts';
import { apparmorCauses } from './causes/apparmor.ts';
import { callerCauses, capabilityCauses } from './causes/caller.ts';
import { el7Causes } from './causes/el7.ts';
import { foreignCauses } from './causes/foreign.ts';
import { idMapCauses } from './causes/id-map.ts';
import { kernelCauses } from './causes/kernel.ts';
import { limitCauses } from './causes/limits.ts';
import { mapHelperCauses } from './causes/map-helper.ts';
import { mountCauses } from './causes/mount.ts';
import { otherCauses } from './causes/other.ts';
import { sandboxCauses } from './causes/sandbox.ts';
import { securityModuleCauses } from './causes/security-modules.ts';
import { setnsCauses } from './causes/setns.ts';
import { subidCauses } from './causes/subid.ts';
import { switchCauses } from './causes/switches.ts';

/**
 * Every known cause. Of equally sure ones the first wins, so the order is the kernel's: what is not there, what ran out,
 * who asks, what forbids it.
 */
export const CAUSES: readonly Cause[] = [
  ...el7Causes,
  ...kernelCauses,
  ...limitCauses,
  ...callerCauses,
  ...mountCauses,
  ...switchCauses,
  ...apparmorCauses,
  ...securityModuleCauses,
  ...sandboxCauses,
  ...capabilityCauses,
  ...idMapCauses,
  ...mapHelperCauses,
  ...subidCauses,
  ...setnsCauses,
  ...otherCauses,
  ...foreignCauses,
];
