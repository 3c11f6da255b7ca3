import { readFileSync } from 'node:fs';
import type { Result } from 'neverthrow';
import type { LaunchError } from '../../../lib/errors.ts';
import type { KernelOperation, OperationTimes } from '../../../lib/operation.ts';
import type { Host } from '../host.ts';
import type { Arena } from '../memory.ts';
import { runCloneOperation } from './clone-operation.ts';
import { runInsideOperation } from './inside-operation.ts';

/** linux/capability.h */
const CAP_SYS_ADMIN = 21n;

const arenas = new WeakMap<Host, Arena>();

const arenaOf = (host: Host): Arena => {
  const known = arenas.get(host);
  if (known !== undefined) return known;
  const made = host.makeArena();
  arenas.set(host, made);
  return made;
};

/** Whether namespaces may be made without a user namespace. */
const hasSysAdmin = (): boolean => {
  const [, hex] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/thread-self/status', 'utf8')) ?? [];
  return hex !== undefined && ((BigInt(`0x${hex}`) >> CAP_SYS_ADMIN) & 1n) === 1n;
};

/** Takes the time of one operation. */
export const timeOperation = (host: Host, operation: KernelOperation): Result<OperationTimes, LaunchError> =>
  operation.type === 'clone' && operation.caller === 'node'
    ? runCloneOperation(host, arenaOf(host), operation)
    : runInsideOperation(host, arenaOf(host), operation, !hasSysAdmin());
