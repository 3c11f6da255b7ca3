import { err, ok, Result } from 'neverthrow';
import { type Unsupported, unsupported } from '../../lib/errors.ts';
import type { SpawnPlan, StdioPlan } from '../../lib/plan.ts';
import { signalName } from '../../lib/signal.ts';
import type { CommandLine } from './command-line.ts';
import { credentialWords } from './credential-words.ts';
import { type Passage, passage, RESERVED_NAMES } from './environment.ts';
import { refuseMounts } from './mounts.ts';
import { isAtLeast, need } from './needs.ts';
import { networkCalls } from './network.ts';
import { enterStages, nsenterForks } from './nsenter-options.ts';
import { procMounter } from './proc-mount.ts';
import { limitStage, priorityStage, refuseProcess } from './process-stages.ts';
import { commandScript, END_OF_ENVIRONMENT, setUpScript } from './script.ts';
import { beyondShell, type Shell, shellWords } from './shells.ts';
import type { Tools } from './tools.ts';
import { unshareOptions } from './unshare-options.ts';
import { nameSetter } from './uts-names.ts';

type Stages = Result<readonly (readonly string[])[], Unsupported>;

const isNewUser = ({ namespaces }: SpawnPlan): boolean => namespaces.includes('user');

/** Whether unshare(1) forks: pid and time namespaces are entered by children only. */
const unshareForks = ({ namespaces }: SpawnPlan): boolean => namespaces.includes('pid') || namespaces.includes('time');

/** Whether the command has a parent of its own. */
const forks = (plan: SpawnPlan): boolean => unshareForks(plan) || nsenterForks(plan);

const becomesSomebody = ({ idMap }: SpawnPlan): boolean =>
  idMap !== null && (idMap.become.uid !== null || idMap.become.gid !== null);

/** Capabilities outlive the exec of the first shell without help only where the map of unshare(1) has the caller as 0. */
const keepsCapabilities = (plan: SpawnPlan): boolean => {
  const rootByMap = plan.idMap?.writer === 'self' && plan.idMap.uid[0]?.inside === 0;
  const privileged =
    plan.network !== null ||
    plan.hostname !== null ||
    plan.domainname !== null ||
    plan.credentials !== null ||
    becomesSomebody(plan);
  return isNewUser(plan) && ((privileged && !rootByMap) || plan.credentials?.keepCaps === true);
};

/** Ends unshare(1) with the process that spawned it, whatever signal the command itself is to get. */
const guardStage = (plan: SpawnPlan, tools: Tools): Stages =>
  forks(plan) && plan.parentDeathSignal !== null
    ? need(tools, 'setpriv', '--pdeathsig').map((setpriv) => [[setpriv, '--pdeathsig', 'KILL', '--']])
    : ok([]);

const unshareStage = (plan: SpawnPlan, tools: Tools): Stages =>
  plan.namespaces.length === 0
    ? ok([])
    : unshareOptions(plan, tools, { forks: unshareForks(plan), keepsCapabilities: keepsCapabilities(plan) }).map(
        (options) => [[tools.unshare.path, ...options, '--']],
      );

/** util-linux 2.36 and 2.37 have every command behind --fork ignore two signals, and no shell can take that back. */
const signalStage = (plan: SpawnPlan, { version, env }: Tools): Stages => {
  if (!unshareForks(plan) || !isAtLeast(version, '2.36') || isAtLeast(version, '2.38')) return ok([]);
  return env?.options.has('--default-signal') === true
    ? ok([[env.path, '--default-signal=INT,TERM']])
    : err(
        unsupported(
          'shell',
          'a new pid or time namespace',
          `util-linux 2.38 or newer (${version} is installed), or env(1) of coreutils 8.31`,
        ),
      );
};

const setUpStage = (plan: SpawnPlan, tools: Tools, shell: Shell, control: number): Stages => {
  const waitsForMaps = plan.idMap?.writer === 'parent';
  const setters = Result.combine([nameSetter('hostname', plan, tools), nameSetter('domainname', plan, tools)]);
  const parts = procMounter(plan, tools).andThen((mounter) =>
    networkCalls(plan, tools).map((network) => ({
      procMounts: mounter?.type === 'mount' ? mounter.calls : [],
      network,
    })),
  );
  return parts.andThen(({ procMounts, network }) =>
    setters.map(([hostname = null, domainname = null]): readonly (readonly string[])[] => {
      const calls = procMounts.length + network.length;
      if (!waitsForMaps && calls === 0 && hostname === null && domainname === null) return [];
      const script = setUpScript({ control, waitsForMaps, procMounts, network, hostname, domainname });
      const words = [procMounts.length > 0 ? plan.mountProc : null, plan.hostname, plan.domainname];
      return [[...shellWords(shell, script), 'ns-set-up', ...words.filter((word) => word !== null)]];
    }),
  );
};

const sessionStage = (plan: SpawnPlan, tools: Tools): Stages => {
  // Without a fork, the stage that we start is what becomes the command: Node.js calls setsid(2) for it.
  if (!plan.detached || !forks(plan)) return ok([]);
  return tools.setsid === null
    ? err(unsupported('shell', 'detached with a new pid or time namespace', 'setsid(1)'))
    : ok([[tools.setsid]]);
};

const becomeWords = ({ idMap }: SpawnPlan): readonly string[] => {
  if (idMap === null) return [];
  const { uid, gid } = idMap.become;
  return [
    ...(gid === null ? [] : [`--regid=${gid}`, idMap.setgroups === 'allow' ? '--clear-groups' : '--keep-groups']),
    ...(uid === null ? [] : [`--reuid=${uid}`]),
  ];
};

const setpriv = (words: readonly string[], tools: Tools): Stages => {
  if (words.length === 0) return ok([]);
  const options = words.map((word) => word.split('=', 1)[0] ?? word);
  return Result.combine(options.map((option) => need(tools, 'setpriv', option))).map(([path = 'setpriv']) => [
    [path, ...words, '--'],
  ]);
};

/** Who makes a user namespace is who it belongs to. */
const ownerStage = ({ owner }: SpawnPlan, tools: Tools): Stages =>
  owner === null ? ok([]) : setpriv([`--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups'], tools);

const privilegeStages = (plan: SpawnPlan, tools: Tools): Stages => {
  const dies = plan.parentDeathSignal === null ? [] : [`--pdeathsig=${signalName(plan.parentDeathSignal)}`];
  const last = [...credentialWords(plan, keepsCapabilities(plan)), ...dies];
  const become = becomeWords(plan);
  // Whoever becomes two users in turn does so in two stages.
  const stages = plan.credentials === null ? [[...become, ...last]] : [become, last];
  return Result.combine(stages.map((words) => setpriv(words, tools))).map((parts) => parts.flat());
};

/** A directory as cd(1) is to read it: `-` would be the one before. */
const directoryWord = (cwd: string): string => (cwd.startsWith('/') ? cwd : `./${cwd}`);

const commandStage = (
  plan: SpawnPlan,
  tools: Tools,
  shell: Shell,
  { all, exported }: Passage,
  fds: { control: number; stderr: number; closes: readonly number[] },
): readonly string[] => {
  const argv0 = plan.argv[0] !== plan.command;
  const isBash = shell.kind === 'bash';
  const last = isBash ? all.get('_') : undefined;
  const level = isBash ? all.get('SHLVL') : undefined;
  const isSearched = !plan.command.includes('/');
  const script = commandScript({
    ...fds,
    kind: shell.kind,
    od: tools.od,
    umask: plan.process?.umask ?? null,
    changesDirectory: plan.cwd !== null,
    path: isSearched && !all.has('PATH') ? plan.searchPath.join(':') : null,
    argv0,
    level: level === undefined ? null : Number(level),
    last: last !== undefined,
  });
  return [
    ...shellWords(shell, script),
    'ns-command',
    ...(plan.cwd === null ? [] : [directoryWord(plan.cwd)]),
    ...exported.filter((line) => !isBash || !/^(_|SHLVL)=/.test(line)),
    END_OF_ENVIRONMENT,
    ...(argv0 ? [plan.argv[0] ?? ''] : []),
    ...(last === undefined ? [] : [last]),
    plan.command,
    ...plan.argv.slice(1),
  ];
};

const pickShell = (plan: SpawnPlan, tools: Tools, { all }: Passage, wideFds: boolean): Result<Shell, Unsupported> => {
  const reserved = RESERVED_NAMES.find((name) => all.has(name));
  if (reserved !== undefined) {
    return err(unsupported('shell', `the environment variable "${reserved}"`, 'another name: this one is its own'));
  }
  const isSearched = !plan.command.includes('/');
  const path = all.get('PATH');
  if (
    isSearched &&
    path !== undefined &&
    path
      .split(':')
      .map((dir) => dir || '.')
      .join(':') !== plan.searchPath.join(':')
  ) {
    return err(unsupported('shell', 'a search path that is not PATH', 'a PATH of the same directories'));
  }
  const needs = {
    wideFds,
    argv0: plan.argv[0] !== plan.command,
    env: all,
    searchPath: isSearched ? plan.searchPath.join(':') : null,
  };
  const reasons: string[] = [];
  for (const shell of tools.shells) {
    const reason = beyondShell(shell, needs);
    if (reason === null) return ok(shell);
    reasons.push(`${shell.kind} cannot do ${reason}`);
  }
  const [first = ''] = tools.shells.map((shell) => beyondShell(shell, needs) ?? '');
  return err(unsupported('shell', first, `another shell of dash, bash and busybox (${reasons.join('; ')})`));
};

/**
 * Turns a plan into the command line that does it.
 *
 * @param inherited - fds that Node.js was given by its own parent and that its children would inherit
 * @returns the command line, or `unsupported` naming what neither the tools nor the shells of this machine can do
 */
export const compile = (
  plan: SpawnPlan,
  tools: Tools,
  inherited: readonly number[] = [],
): Result<CommandLine, Unsupported> => {
  if (unshareForks(plan) && nsenterForks(plan)) {
    const type = plan.namespaces.includes('pid') ? 'pid' : 'time';
    return err(unsupported('shell', `a new ${type} namespace inside an entered pid namespace`, 'the ffi backend'));
  }
  if (plan.idMap?.writer === 'parent' && nsenterForks(plan)) {
    const what = 'id maps that are written from outside, inside an entered pid namespace';
    return err(unsupported('shell', what, 'the ffi backend'));
  }
  const stderr = plan.stdio.length;
  const control = stderr + 1;
  const closes = inherited.filter((fd) => fd > control);
  const variables = passage(plan.env);
  const picked = refuseMounts(plan)
    .andThen(() => refuseProcess(plan))
    .andThen(() => pickShell(plan, tools, variables, control > 9 || closes.length > 0));
  return picked.andThen((shell) => {
    const before: readonly Stages[] = [
      priorityStage(plan, tools, shell, control),
      ownerStage(plan, tools),
      guardStage(plan, tools),
      enterStages(plan, tools, (script) => shellWords(shell, script)),
      unshareStage(plan, tools),
      signalStage(plan, tools),
      setUpStage(plan, tools, shell, control),
      sessionStage(plan, tools),
      limitStage(plan, tools),
      privilegeStages(plan, tools),
    ];
    return Result.combine(before).map(
      (stages): CommandLine => ({
        stages: [...stages.flat(), commandStage(plan, tools, shell, variables, { control, stderr, closes })],
        env: variables.carried,
        shell,
        stdio: [
          ...plan.stdio.map((entry, fd): StdioPlan => (fd === 2 ? { type: 'pipe' } : entry)),
          plan.stdio[2] ?? { type: 'ignore' },
          { type: 'pipe' },
        ],
        stderr,
        control,
        detached: plan.detached,
        forks: forks(plan),
      }),
    );
  });
};
