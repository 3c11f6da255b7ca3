import { err, ok, type Result } from 'neverthrow';
import { SECUREBITS } from '../../lib/capability.ts';
import { type Unsupported, unsupported } from '../../lib/errors.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import { quote } from './quote.ts';
import { type Shell, shellWords } from './shells.ts';
import type { Tools } from './tools.ts';

type Stages = Result<readonly (readonly string[])[], Unsupported>;

const fail = (step: string, control: number): string => `{ printf 'failed ${step}\\n' >&${control}; exit 1; }`;

/** What takes privilege outside of a new user namespace comes before unshare(1). */
export const priorityStage = (plan: SpawnPlan, tools: Tools, shell: Shell, control: number): Stages => {
  const { oomScoreAdj = null, nice = null } = plan.process ?? {};
  if (oomScoreAdj === null && nice === null && plan.cgroups.length === 0) return ok([]);
  if (nice !== null && tools.renice === null) return err(unsupported('shell', 'nice', 'renice(1)'));
  const script = [
    // The stages after it are in the cgroup as well.
    ...plan.cgroups.map(({ path }) => `printf '0\\n' >${quote(`${path}/cgroup.procs`)} || ${fail('cgroup', control)}`),
    ...(oomScoreAdj === null
      ? []
      : [`printf '%s\\n' ${quote(String(oomScoreAdj))} >/proc/self/oom_score_adj || ${fail('oom-score', control)}`]),
    // nice(1) goes on where it may not, and adds to what it finds.
    ...(nice === null
      ? []
      : [`${quote(tools.renice ?? '')} ${quote(String(nice))} -p "$$" >&2 || ${fail('nice', control)}`]),
    'exec "$@"',
  ].join('\n');
  return ok([[...shellWords(shell, script), 'ns-priority']]);
};

const limitWord = (limit: number | null): string => (limit === null ? 'unlimited' : String(limit));

/** Limits, as late as can be: the last shell and the command are what they hold for. */
export const limitStage = ({ process }: SpawnPlan, tools: Tools): Stages => {
  const rlimits = process?.rlimits ?? [];
  if (rlimits.length === 0) return ok([]);
  if (tools.prlimit === null) return err(unsupported('shell', 'rlimits', 'prlimit(1) of util-linux 2.21 or newer'));
  const words = rlimits.map(
    ({ name, soft, hard }) => `--${name.replace('RLIMIT_', '').toLowerCase()}=${limitWord(soft)}:${limitWord(hard)}`,
  );
  return ok([[tools.prlimit, ...words, '--']]);
};

/** What no tool of this backend's can do. */
export const refuseProcess = ({ process, timeOffsets, credentials }: SpawnPlan): Result<null, Unsupported> => {
  if (process !== null && process.seccomp !== null) {
    return err(
      unsupported('shell', 'seccomp', 'the ffi backend: the tools that come after a filter are not the command'),
    );
  }
  const { no_cap_ambient_raise: raise, no_cap_ambient_raise_locked: locked } = SECUREBITS;
  if (((credentials?.securebits ?? 0) & (raise | locked)) !== 0) {
    return err(
      unsupported('shell', 'the securebit no_cap_ambient_raise', 'the ffi backend: setpriv(1) has no word for it'),
    );
  }
  const offsets = [timeOffsets?.monotonic, timeOffsets?.boottime];
  return offsets.some((offset) => (offset?.nanoseconds ?? 0) !== 0)
    ? err(unsupported('shell', 'a clock offset of nanoseconds', 'whole seconds, or the ffi backend'))
    : ok(null);
};
