import { err, ok } from 'neverthrow';
import { all, type Checked, NOTHING, optional } from './checks.ts';
import { invalidOption } from './errors.ts';
import type { ProcessPlan } from './plan.ts';
import { RLIMITS, type Rlimit, type RlimitName, type RlimitPlan } from './rlimit.ts';
import type { SpawnSpec } from './spec.ts';

const wholeFrom =
  (option: string, least: number, most: number, shown = `a whole number from ${least} to ${most}`) =>
  (value: unknown): Checked<number> =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
      ? ok(value)
      : err(invalidOption(option, value, shown));

const planLimit = (option: string, value: unknown): Checked<number | null> => {
  if (value === 'unlimited') return NOTHING;
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    ? ok(value)
    : err(invalidOption(option, value, '"unlimited" or a whole number, 0 or more'));
};

const planRlimit = (name: RlimitName, value: Rlimit): Checked<RlimitPlan> => {
  const option = `rlimits.${name}`;
  const isPair = typeof value === 'object' && value !== null;
  return all<{ soft: number | null; hard: number | null }>({
    soft: planLimit(isPair ? `${option}.soft` : option, isPair ? value.soft : value),
    hard: planLimit(isPair ? `${option}.hard` : option, isPair ? value.hard : value),
  }).andThen(({ soft, hard }) =>
    hard !== null && (soft === null || soft > hard)
      ? err(invalidOption(option, value, 'a soft limit that is not above the hard one'))
      : ok({ name, soft, hard }),
  );
};

const planRlimits = (value: SpawnSpec['rlimits']): Checked<readonly RlimitPlan[]> => {
  if (value === undefined) return ok([]);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return err(invalidOption('rlimits', value, 'an object of limits by name'));
  }
  const plans: RlimitPlan[] = [];
  for (const [name, limit] of Object.entries(value)) {
    if (!Object.hasOwn(RLIMITS, name)) {
      return err(invalidOption('rlimits', name, `names of limits: ${Object.keys(RLIMITS).join(', ')}`));
    }
    if (limit === undefined) continue;
    const plan = planRlimit(name as RlimitName, limit);
    if (plan.isErr()) return err(plan.error);
    plans.push(plan.value);
  }
  return ok(plans);
};

/** The kernel's BPF_MAXINSNS, and the size of an instruction. */
const [MOST_INSTRUCTIONS, INSTRUCTION_SIZE] = [4_096, 8];

const planSeccomp = (value: SpawnSpec['seccomp']): Checked<string | null> =>
  optional(value, (bytes) => {
    const wanted = `a Uint8Array of 1 to ${MOST_INSTRUCTIONS} BPF instructions of ${INSTRUCTION_SIZE} bytes`;
    if (!(bytes instanceof Uint8Array)) return err(invalidOption('seccomp', bytes, wanted));
    const count = bytes.length / INSTRUCTION_SIZE;
    return Number.isInteger(count) && count >= 1 && count <= MOST_INSTRUCTIONS
      ? ok(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64'))
      : err(invalidOption('seccomp', `${bytes.length} bytes`, wanted));
  });

const KEYS = ['rlimits', 'umask', 'nice', 'oomScoreAdj', 'seccomp'] as const;

/** Checks what the command's process is to be like; null when nothing of it is asked for. */
export const planProcess = (spec: SpawnSpec): Checked<ProcessPlan | null> => {
  if (KEYS.every((key) => spec[key] === undefined)) return NOTHING;
  return all<ProcessPlan>({
    rlimits: planRlimits(spec.rlimits),
    umask: optional(spec.umask, wholeFrom('umask', 0, 0o777, 'a whole number from 0 to 0o777')),
    nice: optional(spec.nice, wholeFrom('nice', -20, 19)),
    oomScoreAdj: optional(spec.oomScoreAdj, wholeFrom('oomScoreAdj', -1_000, 1_000)),
    seccomp: planSeccomp(spec.seccomp),
  });
};
