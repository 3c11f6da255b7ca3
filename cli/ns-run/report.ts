import { match } from 'ts-pattern';
import type { Diagnosis, EnterError, ExitError, SpawnSpec } from '../../lib/index.ts';
import type { UsageError } from './usage-error.ts';

/** The library's options by the names that they have on a command line; those of other names come from several options. */
const WRITTEN: { readonly [K in keyof SpawnSpec]?: string } = {
  hostname: '--hostname',
  domainname: '--domainname',
  propagation: '--propagation',
  mountProc: '--mount-proc',
  uidMap: '--map-users',
  gidMap: '--map-groups',
  setgroups: '--setgroups',
  owner: '--owner',
  uid: '--setuid',
  gid: '--setgid',
  groups: '--groups',
  keepCaps: '--keep-caps',
  noNewPrivs: '--no-new-privs',
  securebits: '--securebits',
  seccomp: '--seccomp-filter',
  rlimits: '--rlimit',
  umask: '--umask',
  nice: '--nice',
  oomScoreAdj: '--oom-score-adj',
  monotonic: '--monotonic',
  boottime: '--boottime',
  cgroup: '--into-cgroup',
  init: '--init',
  cwd: '--wd',
  env: '--env',
  timeoutMs: '--timeout',
  parentDeathSignal: '--kill-child',
  backend: '--backend',
};

/** An entry of a list (`cgroup[0]`) is told by the option that gave the list. */
const written = (message: string, option: string): string => {
  const [name] = option.split(/[.[]/, 1);
  return message.replace(`"${option}"`, `"${WRITTEN[name as keyof SpawnSpec] ?? option}"`);
};

const explained = (diagnosis: Diagnosis | null): readonly string[] =>
  diagnosis === null
    ? []
    : [
        diagnosis.confidence === 'certain' ? diagnosis.summary : `${diagnosis.summary} (${diagnosis.confidence})`,
        ...diagnosis.evidence.map(({ source, value }) => `evidence: ${source}: ${value}`),
        ...diagnosis.remedy.map((command) => `remedy: ${command}`),
      ];

/** An error for a person to read: the first line says what failed, further ones why and what to do. */
export const report = (error: EnterError | ExitError | UsageError, program = 'ns-run'): string => {
  const [first, ...more] = match(error)
    .with({ type: 'usage' }, ({ message }) => [message, `Try "${program} --help"`])
    .with({ type: 'invalid-option' }, ({ message, option }) => [written(message, option)])
    .with({ type: 'setup-failed' }, ({ step, call, errno, diagnosis }) => [
      `Set-up failed at ${step}: ${call}${errno === null ? '' : `: ${errno}`}`,
      ...explained(diagnosis),
    ])
    .with(
      { type: 'unsupported' },
      { type: 'backend-unavailable' },
      { type: 'exec-failed' },
      { type: 'timed-out' },
      { type: 'aborted' },
      { type: 'exit-lost' },
      { type: 'process-gone' },
      { type: 'namespace-unavailable' },
      ({ message }) => [message],
    )
    .exhaustive();
  return [`${program}: ${first}\n`, ...more.map((line) => `  ${line}\n`)].join('');
};
