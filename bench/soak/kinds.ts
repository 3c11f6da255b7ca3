import { type NamespaceError, type NamespaceType, type RunSpec, run, type SpawnSpec, spawn } from '../../lib/index.ts';

/** One kind of spawn: does it, and returns null, or what was not as it had to be. */
export interface Kind {
  readonly name: string;
  /** How often it comes, beside the others. */
  readonly weight: number;
  readonly once: () => Promise<string | null>;
}

type Common = Pick<SpawnSpec, 'backend' | 'namespaces' | 'mapRootUser'>;

const expectExit = async (code: number, args: readonly string[], spec: SpawnSpec): Promise<string | null> => {
  const child = await spawn('/bin/sh', args, { stdio: 'ignore', ...spec });
  if (child.isErr()) return child.error.message;
  const exit = await child.value.exit;
  if (exit.isErr()) return exit.error.message;
  const { type } = exit.value;
  return type === 'exited' && exit.value.code === code ? null : `ended with ${JSON.stringify(exit.value)}`;
};

const expectError = async (
  type: NamespaceError['type'],
  command: string,
  args: readonly string[],
  spec: RunSpec,
): Promise<string | null> => {
  const result = await run(command, args, spec);
  if (result.isOk()) return `succeeded, wanted ${type}`;
  return result.error.type === type ? null : `${result.error.type}, wanted ${type}: ${result.error.message}`;
};

const echoes = async (text: string, spec: RunSpec): Promise<string | null> => {
  const result = await run('/bin/cat', [], { ...spec, stdin: text });
  if (result.isErr()) return result.error.message;
  return String(result.value.stdout) === text ? null : `cat gave ${result.value.stdout.length} of ${text.length} bytes`;
};

const killed = async (spec: SpawnSpec): Promise<string | null> => {
  const child = await spawn('/bin/sleep', ['60'], { stdio: ['ignore', 'pipe', 'ignore', 'pipe'], ...spec });
  if (child.isErr()) return child.error.message;
  for (const stream of child.value.stdio) stream?.destroy();
  const sent = child.value.kill('SIGKILL');
  if (sent.isErr()) return sent.error.message;
  const exit = await child.value.exit;
  if (exit.isErr()) return exit.error.message;
  return exit.value.type === 'killed' && exit.value.signal === 'SIGKILL' ? null : JSON.stringify(exit.value);
};

/** Longer than a pipe holds. */
const LONG_TEXT = 'a line that goes through two pipes\n'.repeat(4000);
const STOP_MS = 15;
const NOWHERE = '/nonexistent/directory';

/**
 * All kinds of spawns: good ones in many namespaces, with pipes, and every way to fail.
 *
 * @param privileged - whether namespaces may be made without `user`
 */
export const spawnKinds = (backend: 'ffi' | 'shell', privileged: boolean): readonly Kind[] => {
  const within = (...types: readonly NamespaceType[]): Common => {
    const namespaces: readonly NamespaceType[] =
      privileged || types.length === 0 || types.includes('user') ? types : ['user', ...types];
    return { backend, namespaces, ...(namespaces.includes('user') ? { mapRootUser: true } : {}) };
  };
  const plain = within();
  const four = within('pid', 'mnt', 'ipc', 'uts');
  const all = within('cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts');
  const exit = (code: number) => ['-c', `exit ${code}`];
  return [
    { name: 'none', weight: 8, once: () => expectExit(0, exit(0), plain) },
    { name: 'pid+mnt+ipc+uts', weight: 8, once: () => expectExit(0, exit(0), four) },
    {
      name: 'host name and proc',
      weight: 4,
      once: () => expectExit(0, exit(0), { ...four, hostname: 'soak', mountProc: true }),
    },
    { name: 'net', weight: 2, once: () => expectExit(0, exit(0), within('net')) },
    { name: 'user', weight: 4, once: () => expectExit(0, exit(0), within('user')) },
    { name: 'all', weight: 2, once: () => expectExit(0, exit(0), all) },
    { name: 'exit code', weight: 3, once: () => expectExit(7, exit(7), four) },
    { name: 'pipes', weight: 4, once: () => echoes('short', plain) },
    { name: 'full pipes', weight: 2, once: () => echoes(LONG_TEXT, four) },
    { name: 'killed', weight: 2, once: () => killed(four) },
    { name: 'command not found', weight: 3, once: () => expectError('exec-failed', '/nonexistent/command', [], four) },
    {
      name: 'no such directory',
      weight: 3,
      once: () => expectError('setup-failed', '/bin/true', [], { ...four, cwd: NOWHERE }),
    },
    {
      name: 'bad option',
      weight: 1,
      once: () => expectError('invalid-option', '/bin/true', [], { ...plain, hostname: 'x' }),
    },
    {
      name: 'timed out',
      weight: 1,
      once: () => expectError('timed-out', '/bin/sleep', ['60'], { ...four, timeoutMs: STOP_MS }),
    },
    {
      name: 'aborted',
      weight: 1,
      once: () => expectError('aborted', '/bin/sleep', ['60'], { ...plain, signal: AbortSignal.timeout(STOP_MS) }),
    },
    {
      name: 'too much output',
      weight: 1,
      once: () => expectError('output-limit', '/bin/cat', ['/dev/zero'], { ...plain, maxOutputBytes: 100_000 }),
    },
  ];
};
