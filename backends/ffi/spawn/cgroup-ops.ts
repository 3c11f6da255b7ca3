import type { CgroupPlan, SpawnPlan } from '../../../lib/plan.ts';
import { AT, CLONE_ARGS, OPEN } from '../abi/constants.ts';
import { type Argument, addressOfOp, num, resultOf, shown, words } from '../program/argument.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';
import { OP } from '../program/layout.ts';
import { addWriteFile } from './write-file.ts';

/** The cgroup that the clone itself can put the child into: the unified hierarchy's, since Linux 5.7. */
const unified = ({ cgroups }: SpawnPlan): CgroupPlan | undefined => cgroups.find(({ version }) => version === 2);

/** Whether the clone puts the child into a cgroup, or would. */
export const clonesIntoCgroup = (plan: SpawnPlan): boolean => unified(plan) !== undefined;

/**
 * Opens the cgroup and lays its fd into struct clone_args, where it is wanted with 64 bits: by way of the status pipe, which
 * nobody else knows yet.
 *
 * @returns the fd, to be closed after the clone; null without such a cgroup
 */
export const addCgroupFd = (
  program: ProgramBuilder,
  plan: SpawnPlan,
  cloneArgs: number,
  pipe: { readonly read: Argument; readonly write: Argument },
  fail: Label,
): Argument | null => {
  const cgroup = unified(plan);
  if (cgroup === undefined) return null;
  const options = { step: 'cgroup', onError: fail, path: cgroup.path } as const;
  const flags = words(OPEN.O_PATH | OPEN.O_CLOEXEC, OPEN);
  const opened = program.op('openat', [words(AT.AT_FDCWD, AT), program.string(cgroup.path), flags], options);
  const head = shown(program.room(OP.result), 'head');
  program.op('write', [pipe.write, addressOfOp(opened), num(OP.result + 8)], options);
  program.op('read', [pipe.read, head, num(OP.result)], options);
  program.op('read', [pipe.read, shown(cloneArgs + CLONE_ARGS.cgroup, '&clone_args.cgroup'), num(8)], options);
  return resultOf(opened, 'cgroup');
};

/**
 * Moves the child into its cgroups by itself, those that the clone has not put it into. Done first, while paths and
 * credentials are the caller's, and before a cgroup namespace takes the cgroup for its root.
 */
export const addCgroupWrites = (program: ProgramBuilder, plan: SpawnPlan, cloned: boolean, fail: Label): void => {
  for (const { path, version } of plan.cgroups) {
    if (version === 2 && cloned) continue;
    // 0 is whoever writes.
    addWriteFile(program, `${path}/cgroup.procs`, '0', { step: 'cgroup', onError: fail });
  }
};
