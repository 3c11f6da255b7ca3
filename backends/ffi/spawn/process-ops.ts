import type { SpawnPlan } from '../../../lib/plan.ts';
import { RLIMITS } from '../../../lib/rlimit.ts';
import { SECCOMP } from '../abi/constants.ts';
import { NULL, num, shown, words } from '../program/argument.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';
import { addWriteFile } from './write-file.ts';

const PRIO_PROCESS = { PRIO_PROCESS: 0 } as const;

/** RLIM64_INFINITY, all bits set. */
const INFINITY = -1;

/** What takes privilege outside of a new user namespace, and /proc as it is before any mount. */
export const addPriorities = (program: ProgramBuilder, { process }: SpawnPlan, fail: Label): void => {
  if (process === null) return;
  const { oomScoreAdj, nice } = process;
  if (oomScoreAdj !== null) {
    addWriteFile(program, '/proc/self/oom_score_adj', String(oomScoreAdj), { step: 'oom-score', onError: fail });
  }
  if (nice !== null) {
    program.op('setpriority', [words(0, PRIO_PROCESS), num(0), num(nice)], { step: 'nice', onError: fail });
  }
};

/** Sets resource limits: after everything that opens files, or few of them would end the set-up. */
export const addRlimits = (program: ProgramBuilder, { process }: SpawnPlan, fail: Label): void => {
  for (const { name, soft, hard } of process?.rlimits ?? []) {
    const limit = program.int64s([soft ?? INFINITY, hard ?? INFINITY]);
    const text = `{rlim_cur=${soft ?? 'RLIM64_INFINITY'}, rlim_max=${hard ?? 'RLIM64_INFINITY'}}`;
    program.op('prlimit64', [num(0), words(RLIMITS[name], RLIMITS), shown(limit, text), NULL], {
      step: 'rlimits',
      onError: fail,
    });
  }
};

/** Sets the file mode creation mask; not before the set-up has made its own files. */
export const addUmask = (program: ProgramBuilder, { process }: SpawnPlan, fail: Label): void => {
  const umask = process?.umask ?? null;
  if (umask === null) return;
  program.op('umask', [shown(umask, `0${umask.toString(8)}`)], { step: 'umask', onError: fail });
};

/** Installs the filter: the last thing before execve, so that it need let nothing else pass. */
export const addSeccomp = (program: ProgramBuilder, { process }: SpawnPlan, fail: Label): void => {
  const filter = process?.seccomp ?? null;
  if (filter === null) return;
  const bytes = Buffer.from(filter, 'base64');
  const count = bytes.length / 8;
  // struct sock_fprog: a 16-bit length, padding, a pointer.
  const fprog = program.int64s([count, program.data(bytes)]);
  program.op(
    'seccomp',
    [words(SECCOMP.SECCOMP_SET_MODE_FILTER, SECCOMP), num(0), shown(fprog, `{len=${count}, filter}`)],
    {
      step: 'seccomp',
      onError: fail,
    },
  );
};
