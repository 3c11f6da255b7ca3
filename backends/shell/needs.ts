import { err, ok, type Result } from 'neverthrow';
import { type Unsupported, unsupported } from '../../lib/errors.ts';
import type { Tools } from './tools.ts';

type ToolName = 'unshare' | 'nsenter' | 'setpriv';

/** The first release of util-linux in which an option is; for messages only, `--help` decides. */
const SINCE: Readonly<Record<ToolName, Readonly<Record<string, string>>>> = {
  unshare: {
    '--boottime': '2.36',
    '--cgroup': '2.28',
    '--fork': '2.24',
    '--ipc': '2.17',
    '--keep-caps': '2.35',
    '--kill-child': '2.32',
    '--map-group': '2.36',
    '--map-root-user': '2.25',
    '--map-user': '2.36',
    '--monotonic': '2.36',
    '--mount': '2.17',
    '--mount-proc': '2.24',
    '--net': '2.17',
    '--pid': '2.23',
    '--propagation': '2.27',
    '--setgroups': '2.26',
    '--time': '2.36',
    '--user': '2.23',
    '--uts': '2.17',
  },
  nsenter: {
    '--cgroup': '2.28',
    '--ipc': '2.23',
    '--keep-caps': '2.40',
    '--mount': '2.23',
    '--net': '2.23',
    '--no-fork': '2.23',
    '--pid': '2.23',
    '--preserve-credentials': '2.24',
    '--root': '2.23',
    '--setgid': '2.23',
    '--setuid': '2.23',
    '--time': '2.36',
    '--user': '2.23',
    '--user-parent': '2.40',
    '--uts': '2.23',
    '--wd': '2.23',
  },
  setpriv: {
    '--ambient-caps': '2.31',
    '--bounding-set': '2.24',
    '--clear-groups': '2.24',
    '--groups': '2.24',
    '--inh-caps': '2.24',
    '--keep-groups': '2.24',
    '--no-new-privs': '2.24',
    '--pdeathsig': '2.33',
    '--regid': '2.24',
    '--reuid': '2.24',
    '--securebits': '2.24',
  },
};

/** `util-linux 2.36 or newer (2.34 is installed)`. */
export const needsRelease = (release: string, { version }: Tools): string =>
  `util-linux ${release} or newer (${version} is installed)`;

/** The path of a tool, provided that it has the option. */
export const need = (tools: Tools, name: ToolName, option: string): Result<string, Unsupported> => {
  const tool = tools[name];
  if (tool === null) return err(unsupported('shell', `"${name} ${option}"`, `${name}(1) of util-linux`));
  return tool.options.has(option)
    ? ok(tool.path)
    : err(unsupported('shell', `"${name} ${option}"`, needsRelease(SINCE[name][option] ?? 'newest', tools)));
};

/** Tools that some plans need and others do not, by the package that has them. */
const BESIDE = { mount: 'util-linux', prlimit: 'util-linux', setsid: 'util-linux', ip: 'iproute2' } as const;

/** What is missing among the tools: options by the tool that lacks them, with the release that has all of them, and tools. */
export const lacking = (tools: Tools): readonly string[] => {
  const options = Object.entries(SINCE).flatMap(([name, since]) => {
    const tool = tools[name as ToolName];
    if (tool === null) return [`${name} (util-linux)`];
    const missing = Object.keys(since).filter((option) => !tool.options.has(option));
    const newest = missing.map((option) => since[option] ?? '').reduce((a, b) => (isAtLeast(a, b) ? a : b), '0');
    return missing.length === 0 ? [] : [`${name} ${missing.join(', ')} (util-linux ${newest})`];
  });
  const absent = Object.entries(BESIDE).filter(([name]) => tools[name as keyof typeof BESIDE] === null);
  return [...options, ...absent.map(([name, from]) => `${name} (${from})`)];
};

/** Whether a release is at least another one. */
export const isAtLeast = (version: string, wanted: string): boolean => {
  const [a, b] = [version, wanted].map((text) => text.split('.').map(Number));
  for (let index = 0; index < (b?.length ?? 0); index += 1) {
    const [have, want] = [a?.[index] ?? 0, b?.[index] ?? 0];
    if (have !== want) return have > want;
  }
  return true;
};
