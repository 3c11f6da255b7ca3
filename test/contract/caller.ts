import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { delimiter, join } from 'node:path';
import type { NamespaceType, RunSpec } from '../../lib/index.ts';
import type { BackendName, LinkKind, Need } from './claim.ts';

const CAP_SYS_ADMIN = 21n;

/** One field of /proc/PID/status. */
export const statusField = (name: string, pid: number | 'self' = 'self'): string =>
  new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';

const has = (capability: bigint): boolean => ((BigInt(`0x${statusField('CapEff')}`) >> capability) & 1n) === 1n;

/** Whether this process may make namespaces without a user namespace of its own. */
export const PRIVILEGED = has(CAP_SYS_ADMIN);

export const UID = process.getuid?.() ?? 0;
export const GID = process.getgid?.() ?? 0;

const executable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

/** Where a program is, as execvp(3) would find it; null where it is not. */
export const toolPath = (name: string): string | null =>
  (process.env['PATH'] ?? '/bin:/usr/bin')
    .split(delimiter)
    .map((dir) => join(dir, name))
    .find(executable) ?? null;

/**
 * The spec that makes these namespaces, whoever the caller is: an ordinary user takes a user namespace with them, in
 * which it is root.
 */
export const made = (backend: BackendName, types: readonly NamespaceType[], more: RunSpec = {}): RunSpec =>
  PRIVILEGED || types.includes('user')
    ? { backend, namespaces: types, ...more }
    : { backend, namespaces: [...types, 'user'], mapRootUser: true, ...more };

/** Whether an installed tool knows an option, by what it says itself. */
export const toolHas = (name: string, option: string): boolean =>
  toolPath(name) !== null && spawnSync(name, ['--help'], { encoding: 'utf8' }).stdout.includes(option);

const once = <T>(compute: () => T): (() => T) => {
  let known: { readonly value: T } | null = null;
  return () => {
    known ??= { value: compute() };
    return known.value;
  };
};

// Asked of a foreign tool: a defect of the library must not turn its own tests off.
const whyNotUnshared = (what: string, args: readonly string[]): string | null => {
  if (toolPath('unshare') === null) return null;
  const probe = spawnSync('unshare', args, { encoding: 'utf8' });
  return probe.status === 0 ? null : `no ${what} here: ${probe.stderr.trim()}`;
};

const whyNoUserNamespaces = once((): string | null =>
  existsSync('/proc/self/ns/user')
    ? whyNotUnshared('user namespaces', ['-U', '-r', 'true'])
    : 'this kernel has no user namespaces',
);

const whyNoneNested = once(
  (): string | null =>
    whyNoUserNamespaces() ??
    whyNotUnshared('user namespaces inside another one', ['-U', '-r', 'unshare', '-U', '-r', 'true']),
);

const OVERLAY =
  'mount -t tmpfs overlay /tmp && mkdir /tmp/a /tmp/b && mount -t overlay -o lowerdir=/tmp/a:/tmp/b overlay /tmp/a';

const whyNoOverlay = once(
  (): string | null =>
    (PRIVILEGED ? null : whyNoUserNamespaces()) ??
    whyNotUnshared('overlay', [...(PRIVILEGED ? [] : ['-U', '-r']), '-m', 'sh', '-c', OVERLAY]),
);

const MOUNT_SETATTR = 'my $path = ""; exit(syscall(442, -1, $path, 0, 0, 0) == -1 && $! + 0 == 38 ? 38 : 0)';

/** Whether this kernel has mount_setattr(2), which another program asks it: ENOSYS is no. */
export const hasMountSetattr = (): boolean => spawnSync('perl', ['-e', MOUNT_SETATTR]).status !== 38;

const whyNoIdRanges = once((): string | null => {
  if (!PRIVILEGED) return 'needs root';
  const lines = readFileSync('/proc/self/uid_map', 'utf8').trim().split('\n');
  const covered = lines.some((line) => {
    const [inside = 0, , count = 0] = line.trim().split(/\s+/).map(Number);
    return inside === 0 && count >= 200_000;
  });
  return covered ? whyNoUserNamespaces() : 'the ids up to 200,000 are not mapped here';
});

const whyNoBigArguments = once((): string | null => {
  const stack = /^Max stack size\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return stack === 'unlimited' || Number(stack) >= 8 * 1024 * 1024 ? null : `the stack is limited to ${stack} bytes`;
});

/** A function that only a kernel with that kind of interface has. */
const LINK_SYMBOLS: Readonly<Record<LinkKind, string>> = {
  veth: 'veth_newlink',
  bridge: 'br_dev_newlink',
  macvlan: 'macvlan_common_newlink',
  dummy: 'dummy_setup',
};

const kernelSymbols = once((): ReadonlySet<string> => {
  try {
    return new Set(readFileSync('/proc/kallsyms', 'utf8').match(/(?<= )\w+(?=\n|\t)/g));
  } catch {
    return new Set();
  }
});

/** Modules that are loaded when they are needed. */
const moduleFiles = once((): string => {
  try {
    return readFileSync(`/lib/modules/${release()}/modules.dep`, 'utf8');
  } catch {
    return '';
  }
});

const hasLinkKind = (kind: LinkKind): boolean =>
  kernelSymbols().has(LINK_SYMBOLS[kind]) || new RegExp(`/${kind}\\.ko`).test(moduleFiles());

/** Why a need cannot be met here; null when it is met. */
export const unmet = (need: Need): string | null => {
  if (need === 'root') return PRIVILEGED ? null : 'needs root';
  if (need === 'ordinary-user') return PRIVILEGED ? 'is about ordinary users' : null;
  if (need === 'namespaces') return PRIVILEGED ? null : whyNoUserNamespaces();
  if (need === 'user-namespaces') return whyNoUserNamespaces();
  if (need === 'nested-user-namespaces') return whyNoneNested();
  if (need === 'overlay') return whyNoOverlay();
  if (need === 'id-ranges') return whyNoIdRanges();
  if (need === 'big-arguments') return whyNoBigArguments();
  const [kind, name = ''] = need.split(':');
  if (kind === 'link')
    return hasLinkKind(name as LinkKind) ? null : `this kernel has no interfaces of the kind ${name}`;
  if (kind === 'ns') return existsSync(`/proc/self/ns/${name}`) ? null : `this kernel has no ${name} namespaces`;
  return toolPath(name) === null ? `there is no ${name} in PATH` : null;
};
