import { statfsSync } from 'node:fs';
import { err, ok } from 'neverthrow';
import { type Checked, pathString } from './checks.ts';
import { invalidOption } from './errors.ts';
import type { CgroupPlan } from './plan.ts';
import type { SpawnSpec } from './spec.ts';

/** CGROUP2_SUPER_MAGIC and CGROUP_SUPER_MAGIC of linux/magic.h */
const VERSIONS: Readonly<Record<number, 1 | 2>> = { 1667723888: 2, 2613483: 1 };

const versionOf = (path: string): 1 | 2 | null => {
  try {
    return VERSIONS[statfsSync(path).type] ?? null;
  } catch {
    return null;
  }
};

const planCgroup = (option: string, value: unknown): Checked<CgroupPlan> =>
  pathString(option, value).andThen((path) => {
    const version = versionOf(path);
    return version === null
      ? err(invalidOption(option, path, 'a directory of a mounted cgroup hierarchy'))
      : ok({ path, version });
  });

/** Checks the cgroups in which the command is to start. */
export const planCgroups = (value: SpawnSpec['cgroup']): Checked<readonly CgroupPlan[]> => {
  if (value === undefined) return ok([]);
  const given: readonly unknown[] = Array.isArray(value) ? value : [value];
  const plans: CgroupPlan[] = [];
  for (const [index, path] of given.entries()) {
    const plan = planCgroup(Array.isArray(value) ? `cgroup[${index}]` : 'cgroup', path);
    if (plan.isErr()) return err(plan.error);
    if (plan.value.version === 2 && plans.some(({ version }) => version === 2)) {
      return err(invalidOption(`cgroup[${index}]`, path, 'one cgroup of the unified hierarchy at most'));
    }
    plans.push(plan.value);
  }
  return ok(plans);
};
