import { err, ok } from 'neverthrow';
import { all, type Checked, flag, kernelString, needs, optional, pathString } from './checks.ts';
import { invalidOption } from './errors.ts';
import { isNamespaceType, NAMESPACE_TYPES, type NamespaceType } from './namespace.ts';
import type { Propagation, PtySize, SpawnPlan, StdioPlan } from './plan.ts';
import { planCgroups } from './plan-cgroup.ts';
import { planCredentials } from './plan-credentials.ts';
import { planMaps, planOwner } from './plan-maps.ts';
import { planMounts } from './plan-mounts.ts';
import { planNetwork } from './plan-network.ts';
import { planProcess } from './plan-process.ts';
import { planRoot } from './plan-root.ts';
import { planTimeOffsets } from './plan-time.ts';
import { signalNumber } from './signal.ts';
import type { SpawnSpec, Stdio } from './spec.ts';

/** The most fds that stdio may list. */
const MOST_FDS = 256;

const planNamespaces = (value: SpawnSpec['namespaces']): Checked<ReadonlySet<NamespaceType>> => {
  if (value === undefined) return ok(new Set());
  if (!Array.isArray(value)) return err(invalidOption('namespaces', value, 'a list of namespace types'));
  const wrong = value.findIndex((type) => !isNamespaceType(type));
  return wrong === -1
    ? ok(new Set(value))
    : err(invalidOption(`namespaces[${wrong}]`, value[wrong], `one of ${NAMESPACE_TYPES.join(', ')}`));
};

const planUtsName = (
  option: 'hostname' | 'domainname',
  value: string | undefined,
  types: ReadonlySet<NamespaceType>,
): Checked<string | null> =>
  optional(value, (name) =>
    kernelString(option, name)
      .andThen((text) =>
        Buffer.byteLength(text) <= 64 ? ok(text) : err(invalidOption(option, text, 'at most 64 bytes')),
      )
      .andThen((text) => needs(option, text, types, 'uts')),
  );

const PROPAGATIONS: readonly Propagation[] = ['private', 'slave', 'shared', 'unchanged'];

const planPropagation = (
  value: Propagation | undefined,
  types: ReadonlySet<NamespaceType>,
): Checked<Propagation | null> => {
  if (value === undefined) return ok(types.has('mnt') ? 'private' : null);
  return PROPAGATIONS.includes(value)
    ? needs('propagation', value, types, 'mnt')
    : err(invalidOption('propagation', value, `one of ${PROPAGATIONS.join(', ')}`));
};

const planMountProc = ({ mountProc, root }: SpawnSpec, types: ReadonlySet<NamespaceType>): Checked<string | null> => {
  if (mountProc === undefined || mountProc === false) return ok(null);
  return (mountProc === true ? ok('/proc') : pathString('mountProc', mountProc))
    .andThen((path) =>
      root === undefined || path.startsWith('/')
        ? ok(path)
        : err(invalidOption('mountProc', mountProc, 'an absolute path with "root"')),
    )
    .andThen((path) => needs('mountProc', path, types, 'mnt'));
};

const planStdioEntry = (entry: Stdio | undefined | null, fd: number): Checked<StdioPlan> => {
  if (entry === undefined || entry === null || entry === 'pipe') return ok({ type: 'pipe' });
  if (entry === 'ignore') return ok({ type: 'ignore' });
  if (entry === 'pty') return ok({ type: 'pty' });
  if (entry === 'inherit') return ok({ type: 'fd', fd });
  const ours = typeof entry === 'object' ? entry.fd : entry;
  return Number.isInteger(ours) && ours >= 0 && ours <= 0x7fffffff
    ? ok({ type: 'fd', fd: ours })
    : err(
        invalidOption(
          `stdio[${fd}]`,
          typeof entry === 'object' ? { fd: ours } : entry,
          '"inherit", "ignore", "pipe", "pty", an fd, or a stream with an open fd',
        ),
      );
};

const STDIO_WORDS: readonly unknown[] = ['inherit', 'ignore', 'pipe', 'pty'];

const planStdio = (value: SpawnSpec['stdio']): Checked<readonly StdioPlan[]> => {
  if (value !== undefined && !Array.isArray(value) && !STDIO_WORDS.includes(value)) {
    return err(invalidOption('stdio', value, '"inherit", "ignore", "pipe", "pty" or a list of them'));
  }
  const entries: readonly (Stdio | undefined)[] = Array.isArray(value)
    ? value
    : ([value, value, value] as readonly (Stdio | undefined)[]);
  if (entries.length > MOST_FDS) {
    return err(invalidOption('stdio', `${entries.length} entries`, `at most ${MOST_FDS} entries`));
  }
  const plans: StdioPlan[] = [];
  for (let fd = 0; fd < Math.max(entries.length, 3); fd += 1) {
    const plan = planStdioEntry(entries[fd], fd);
    if (plan.isErr()) return err(plan.error);
    plans.push(plan.value);
  }
  return ok(plans);
};

/** The size of a terminal has 16 bits each way. */
const isExtent = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 0xffff;

const planPty = ({ stdio, ptySize }: SpawnSpec): Checked<PtySize | null> => {
  const has = stdio === 'pty' || (Array.isArray(stdio) && stdio.includes('pty'));
  if (ptySize === undefined) return ok(has ? { columns: 80, rows: 24 } : null);
  if (typeof ptySize !== 'object' || ptySize === null)
    return err(invalidOption('ptySize', ptySize, 'columns and rows'));
  const { columns = 80, rows = 24 } = ptySize;
  if (!isExtent(columns)) return err(invalidOption('ptySize.columns', columns, 'a number from 1 to 65535'));
  if (!isExtent(rows)) return err(invalidOption('ptySize.rows', rows, 'a number from 1 to 65535'));
  return has ? ok({ columns, rows }) : err(invalidOption('ptySize', ptySize, '"pty" among stdio with it'));
};

const planEnv = (env: SpawnSpec['env']): Checked<readonly string[] | null> => {
  if (env === undefined) return ok(null);
  if (typeof env !== 'object' || env === null || Array.isArray(env)) {
    return err(invalidOption('env', env, 'an object of strings'));
  }
  const lines: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    if (name === '' || name.includes('=') || name.includes('\0')) {
      return err(invalidOption('env', name, 'names without "=" and NUL'));
    }
    if (typeof value !== 'string' || value.includes('\0')) {
      return err(invalidOption(`env.${name}`, value, 'a string without NUL'));
    }
    lines.push(`${name}=${value}`);
  }
  return ok(lines);
};

/** What confstr(_CS_PATH) says on Linux: where commands are searched without PATH. */
const DEFAULT_PATH = '/bin:/usr/bin';

const searchPath = (command: string, env: SpawnSpec['env']): readonly string[] => {
  if (typeof command !== 'string' || command.includes('/')) return [];
  const path = (env ?? process.env)['PATH'];
  // An empty entry means the working directory, as for execvp(3).
  return (typeof path === 'string' ? path : DEFAULT_PATH).split(':').map((dir) => dir || '.');
};

const planArgv = (command: string, args: readonly string[], argv0: string | undefined): Checked<readonly string[]> => {
  if (!Array.isArray(args)) return err(invalidOption('args', args, 'a list of strings'));
  for (const [index, arg] of args.entries()) {
    const checked = kernelString(`args[${index}]`, arg);
    if (checked.isErr()) return err(checked.error);
  }
  return optional(argv0, (name) => kernelString('argv0', name)).map((name) => [name ?? command, ...args]);
};

const planSignal = (option: string, value: string | undefined): Checked<number | null> =>
  optional(value, (name) => {
    const number = typeof name === 'string' ? signalNumber(name) : undefined;
    return number === undefined ? err(invalidOption(option, name, 'the name of a signal')) : ok(number);
  });

const planParentDeath = ({ dieWithParent, parentDeathSignal }: SpawnSpec): Checked<number | null> =>
  flag('dieWithParent', dieWithParent).andThen((dies) =>
    dies && parentDeathSignal !== undefined
      ? err(invalidOption('parentDeathSignal', parentDeathSignal, 'no signal beside "dieWithParent", which is SIGKILL'))
      : planSignal('parentDeathSignal', dies ? 'SIGKILL' : parentDeathSignal),
  );

/**
 * Checks a command and its spec, and fills in every default.
 *
 * @param command - a path, or a name that is searched in PATH inside the child
 * @param args - its arguments, without argv[0]
 * @param spec - what the child is to be given
 * @returns the plan, or `invalid-option` naming the option, its value and what is wanted
 */
export const planSpawn = (command: string, args: readonly string[], spec: SpawnSpec): Checked<SpawnPlan> => {
  if (typeof spec !== 'object' || spec === null) return err(invalidOption('spec', spec, 'an object'));
  return planNamespaces(spec.namespaces).andThen((types) => {
    const idMap = planMaps(spec, types);
    return all<SpawnPlan>({
      command: pathString('command', command),
      argv: planArgv(command, args, spec.argv0),
      env: planEnv(spec.env),
      searchPath: ok(searchPath(command, spec.env)),
      namespaces: ok(NAMESPACE_TYPES.filter((type) => types.has(type))),
      hostname: planUtsName('hostname', spec.hostname, types),
      domainname: planUtsName('domainname', spec.domainname, types),
      network: optional(spec.network, (network) => needs('network', network, types, 'net').andThen(planNetwork)),
      propagation: planPropagation(spec.propagation, types),
      mounts: planMounts(spec, types),
      root: planRoot(spec, types),
      mountProc: planMountProc(spec, types),
      owner: planOwner(spec.owner, types),
      idMap,
      cgroups: planCgroups(spec.cgroup),
      timeOffsets: planTimeOffsets(spec, types),
      credentials: idMap.andThen((maps) => planCredentials(spec, types, maps)),
      process: planProcess(spec),
      cwd: optional(spec.cwd, (cwd) => pathString('cwd', cwd)),
      stdio: planStdio(spec.stdio),
      pty: planPty(spec),
      init: flag('init', spec.init).andThen((init) => (init ? needs('init', init, types, 'pid') : ok(init))),
      detached: flag('detached', spec.detached),
      parentDeathSignal: planParentDeath(spec),
      enter: ok(null),
      ipc: ok(null),
      networkTask: ok(null),
    });
  });
};
