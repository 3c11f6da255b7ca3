import { Option } from 'commander';
import { err, ok, type Result } from 'neverthrow';
import type { MountSpec, RootSpec } from '../../lib/index.ts';
import { type UsageError, usageError } from './usage-error.ts';

/** What the options about mounts have come to, in the order of the command line. */
export interface MountNotes {
  readonly mounts: MountSpec[];
  /** Words that are about the next option, which takes them. */
  readonly pending: { lower: string[]; perms?: string; size?: string };
  readonly errors: UsageError[];
}

/** What a word of several was written as: the parts of the command line are joined by what none of them can hold. */
const parts = (value: string): readonly string[] => value.split('\0');

interface MountOption {
  readonly flags: string;
  readonly text: string;
  readonly make: (words: readonly string[], notes: MountNotes) => MountSpec | null;
}

const takePerms = ({ pending, errors }: MountNotes): { mode?: number } => {
  const { perms } = pending;
  delete pending.perms;
  if (perms === undefined) return {};
  if (/^[0-7]{1,4}$/.test(perms)) return { mode: Number.parseInt(perms, 8) };
  errors.push(usageError(`Option "--perms" is "${perms}", wanted an octal number`));
  return {};
};

const takeSize = ({ pending, errors }: MountNotes): { sizeBytes?: number } => {
  const { size } = pending;
  delete pending.size;
  if (size === undefined) return {};
  if (/^\d{1,15}$/.test(size)) return { sizeBytes: Number(size) };
  errors.push(usageError(`Option "--size" is "${size}", wanted a number of bytes`));
  return {};
};

/** The directories of an overlay; the first on the command line lies at the bottom. */
const takeLower = ({ pending }: MountNotes): readonly string[] => {
  const lower = pending.lower.reverse();
  pending.lower = [];
  return lower;
};

const bind =
  (more: { readonly readOnly?: true; readonly optional?: true }): MountOption['make'] =>
  ([source = '', target = '']) => ({ type: 'bind', source, target, ...more });

const simple =
  (type: 'proc' | 'dev' | 'mqueue' | 'sysfs' | 'mask' | 'read-only' | 'unmount'): MountOption['make'] =>
  ([target = '']) => ({ type, target });

/** The names, their order and their meaning are those of bwrap(1), where it has the option. */
const MOUNT_OPTIONS: readonly MountOption[] = [
  { flags: '--bind <source> <target>', text: 'show a file or directory in another place, too', make: bind({}) },
  { flags: '--bind-try <source> <target>', text: 'the same, where there is a source', make: bind({ optional: true }) },
  { flags: '--ro-bind <source> <target>', text: 'the same, read-only with all below', make: bind({ readOnly: true }) },
  {
    flags: '--ro-bind-try <source> <target>',
    text: 'both',
    make: bind({ readOnly: true, optional: true }),
  },
  {
    flags: '--tmpfs <target>',
    text: 'an empty directory in memory',
    make: ([target = ''], notes) => ({ type: 'tmpfs', target, mode: 0o755, ...takePerms(notes), ...takeSize(notes) }),
  },
  { flags: '--proc <target>', text: 'the processes of the new pid namespace', make: simple('proc') },
  { flags: '--dev <target>', text: 'a small /dev with a devpts of its own', make: simple('dev') },
  { flags: '--mqueue <target>', text: 'POSIX message queues', make: simple('mqueue') },
  { flags: '--sysfs <target>', text: 'devices and the network', make: simple('sysfs') },
  {
    flags: '--dir <target>',
    text: 'make a directory',
    make: ([target = ''], notes) => ({ type: 'directory', target, ...takePerms(notes) }),
  },
  {
    flags: '--symlink <to> <target>',
    text: 'make a symbolic link',
    make: ([to = '', target = '']) => ({ type: 'symlink', to, target }),
  },
  {
    flags: '--overlay-src <source>',
    text: 'a directory of the next overlay; the first is the lowest',
    make: ([source = ''], { pending }) => {
      pending.lower.push(source);
      return null;
    },
  },
  {
    flags: '--overlay <upper> <work> <target>',
    text: 'an overlay whose changes go to a directory',
    make: ([upper = '', work = '', target = ''], notes) => ({
      type: 'overlay',
      target,
      lower: takeLower(notes),
      upper,
      work,
    }),
  },
  {
    flags: '--tmp-overlay <target>',
    text: 'an overlay whose changes go to memory',
    make: ([target = ''], notes) => ({ type: 'overlay', target, lower: takeLower(notes), upper: { type: 'tmpfs' } }),
  },
  {
    flags: '--ro-overlay <target>',
    text: 'a read-only overlay',
    make: ([target = ''], notes) => ({ type: 'overlay', target, lower: takeLower(notes) }),
  },
  { flags: '--remount-ro <target>', text: 'make what is there read-only, with all below', make: simple('read-only') },
  { flags: '--mask <target>', text: 'hide a file or directory', make: simple('mask') },
  { flags: '--unmount <target>', text: 'take a mount away', make: simple('unmount') },
  {
    flags: '--perms <octal>',
    text: 'permissions of the next --tmpfs or --dir',
    make: ([perms = ''], { pending }) => {
      pending.perms = perms;
      return null;
    },
  },
  {
    flags: '--size <bytes>',
    text: 'the most that the next --tmpfs holds',
    make: ([size = ''], { pending }) => {
      pending.size = size;
      return null;
    },
  },
];

/** The options for the help text. */
export const mountOptions = (): readonly Option[] => MOUNT_OPTIONS.map(({ flags, text }) => new Option(flags, text));

/** Options that unshare lacks: scripts may abbreviate its own as they always have. */
export const WRITTEN_OUT: ReadonlySet<string> = new Set([
  '--pivot-root',
  '--init',
  '--pty',
  ...MOUNT_OPTIONS.map(({ flags }) => flags.split(' ')[0] ?? ''),
]);

/** Nothing noted yet. */
export const noMounts = (): MountNotes => ({ mounts: [], pending: { lower: [] }, errors: [] });

/** What to do with each option's value, by long name without the dashes. */
export const mountListeners = (
  notes: MountNotes,
): readonly (readonly [name: string, note: (value: string) => void])[] =>
  MOUNT_OPTIONS.map(({ flags, make }) => [
    (flags.split(' ')[0] ?? '').slice(2),
    (value) => {
      const entry = make(parts(value), notes);
      if (entry !== null) notes.mounts.push(entry);
    },
  ]);

/** The mounts of a command line, or what is wrong with it. */
export const readMounts = ({ mounts, pending, errors }: MountNotes): Result<readonly MountSpec[], UsageError> => {
  const [first] = errors;
  if (first !== undefined) return err(first);
  const left = pending.lower.length > 0 ? '--overlay-src' : Object.keys(pending).find((name) => name !== 'lower');
  return left === undefined
    ? ok(mounts)
    : err(usageError(`Option "${left.replace(/^(?!--)/, '--')}" is followed by nothing that it could be about`));
};

/** The root that was asked for; pivot_root without a directory is one in memory. */
export const readRoot = (root: string | undefined, pivotRoot: string | undefined): RootSpec | undefined => {
  if (pivotRoot === undefined) return root;
  return pivotRoot === '' ? { type: 'tmpfs' } : { type: 'bind', source: pivotRoot, method: 'pivot_root' };
};
