import { ERRNO, type ErrnoName } from '../errno.ts';
import { SETUP_STEPS } from '../errors.ts';
import { NAMESPACES, type NamespaceType } from '../namespace.ts';
import { type FailureStep, OTHER_STEPS } from '../probe.ts';
import type { Failure } from './failure.ts';
import { linesThat } from './lines.ts';
import type { Observed } from './snapshot.ts';
import { HOST_PIDS, toldNamespaces } from './told-command.ts';

/** Errors as strerror(3) words them, as far as they are met here. */
const WORDED: Readonly<Record<string, ErrnoName>> = {
  'operation not permitted': 'EPERM',
  'permission denied': 'EACCES',
  'invalid argument': 'EINVAL',
  'no space left on device': 'ENOSPC',
  'function not implemented': 'ENOSYS',
  'too many users': 'EUSERS',
  'cannot allocate memory': 'ENOMEM',
  'resource temporarily unavailable': 'EAGAIN',
  'no such device': 'ENODEV',
  'no such file or directory': 'ENOENT',
  'not a directory': 'ENOTDIR',
  'device or resource busy': 'EBUSY',
  'read-only file system': 'EROFS',
  'input/output error': 'EIO',
  'stale file handle': 'ESTALE',
  'operation not supported': 'ENOTSUP',
  'too many levels of symbolic links': 'ELOOP',
  'exec format error': 'ENOEXEC',
  'transport endpoint is not connected': 'ENOTCONN',
  'bad file descriptor': 'EBADF',
  // What these tools say instead of the error's own words.
  'no permissions to create new namespace': 'EPERM',
  'no permissions to creating new namespace': 'EPERM',
  'mount namespace requires privileges': 'EPERM',
  'the kernel does not support user namespaces': 'EINVAL',
};

const errnoIn = (text: string): ErrnoName | null => {
  const named = [...text.matchAll(/\b(E[A-Z0-9]{3,})\b/g)]
    .map(([name]) => name)
    .find((name) => Object.hasOwn(ERRNO, name));
  if (named !== undefined) return named as ErrnoName;
  const lower = text.toLowerCase();
  // The last one is what the kernel said; what stands before it may be a name or a sentence.
  const found = Object.keys(WORDED)
    .map((words) => [lower.lastIndexOf(words), WORDED[words]] as const)
    .filter(([at]) => at >= 0)
    .sort(([a], [b]) => b - a)[0];
  return found?.[1] ?? null;
};

/** What a message says about the step; the first that fits. */
const STEPS: readonly (readonly [RegExp, FailureStep])[] = [
  [/timens_offsets/i, 'time-offsets'],
  [/\bRTM_NEW|\bloopback:/, 'network'],
  // runc calls the part of itself that does so nsenter.
  [/failed to unshare/i, 'unshare'],
  [
    /newuidmap|newgidmap|\bsub[ug]ids?\b|\/etc\/sub|uid range|gid range|write to [ug]id_map|\bsubids\b|lchown .*invalid argument|enough (?:unused )?ids|insufficient uids|single mapping|compute [ug]id map/i,
    'newuidmap',
  ],
  [
    /(?:creat|virtuali[sz]|unshar|mount(?:ing)? a new|setting up|set ?up|initi?)\w*\b[^:]{0,40}\bnamespaces?\b/i,
    'unshare',
  ],
  [/[ug]id[ _]?map|\bmap write|write \/proc\/self\/setgroups/i, 'id-map'],
  [/idmap|mount_setattr|\bhostusers\b/i, 'idmapped-mount'],
  [/setns\(|\/proc\/(?:\d+|self)\/ns\/|nsenter:|reassociate/i, 'setns'],
  [/mount.*\bproc\b|\bproc\b.*mount/i, 'mount-proc'],
  [/pivot_root|\bmount|remount|overlay/i, 'mount'],
  [/clone3?\b|cloning|fork/i, 'clone'],
  [/unshare|namespace|clone_new|no usable sandbox/i, 'unshare'],
];

/** What newuidmap(1) says itself. */
const OWN_WORD = /(?<!use )\bnew[ug]idmap: (?!exec\b)[A-Za-z]/;

/** What marks a line that tells of a failure; the others are what was typed, or went well. */
const FAILING =
  /fail|error|cannot|can['’]t|could not|unable|denied|not (?:allowed|permitted|enabled|found)|no (?:usable|permissions|such|entry|sub)|invalid|exceeded|unexpected|-1 E[A-Z]|\b(?:EPERM|EINVAL|EACCES|ENOSPC|ENOSYS)\b/i;

/** The step that a message is about, and the error of the lines that say so. */
const told = (text: string): { readonly step: FailureStep | undefined; readonly errno: ErrnoName | null } => {
  const failing = linesThat(text, FAILING);
  const [pattern, step] = STEPS.find(([pattern]) => pattern.test(failing)) ??
    STEPS.find(([pattern]) => pattern.test(text)) ?? [undefined, undefined];
  const lines = pattern === undefined ? '' : linesThat(failing, pattern);
  const own = errnoIn(lines);
  // What the helper says itself counts, not what its caller makes of it.
  const isOwnWord = step === 'newuidmap' && OWN_WORD.test(lines) && errnoIn(linesThat(lines, OWN_WORD)) === null;
  return { step, errno: isOwnWord ? null : (own ?? errnoIn(failing) ?? errnoIn(text)) };
};

const TYPES = Object.keys(NAMESPACES) as readonly NamespaceType[];

const FLAG_NAMES: Readonly<Record<string, NamespaceType>> = Object.fromEntries(
  Object.entries(NAMESPACES).map(([type, { cloneName }]) => [cloneName, type as NamespaceType]),
);

const WORDS: readonly (readonly [RegExp, NamespaceType])[] = [
  [/\buser(?: |\+mount )?(?:namespace|ns\b)|userns|user\+mount|sandbox/i, 'user'],
  [/user\+mount namespace|\bmount namespace|\bmnt namespace|\bns\/mnt\b/i, 'mnt'],
  [/\b(?:net|network) namespace|\bns\/net\b/i, 'net'],
  [/\bpid namespace|\bns\/pid\b/i, 'pid'],
  [/\buts namespace|\bns\/uts\b/i, 'uts'],
  [/\bipc namespace|\bns\/ipc\b/i, 'ipc'],
  [/\bcgroup namespace|\bns\/cgroup\b/i, 'cgroup'],
  [/\btime namespace|\bns\/time\b/i, 'time'],
  [/\bns\/user\b/i, 'user'],
];

/** The namespaces that a message names, and whether it leaves open which others there were. */
interface Named {
  readonly types: readonly NamespaceType[];
  readonly isWhole: boolean;
}

/** The namespaces that a message names: by their flags, by the options of a command, or in words. */
const namedIn = (text: string, { caller }: Observed): Named => {
  const flags = [...text.matchAll(/(?:CLONE_)?NEW(?:USER|NS|NET|PID|UTS|IPC|CGROUP|TIME)\b/g)].flatMap(([flag]) => {
    const type = FLAG_NAMES[flag.startsWith('CLONE_') ? flag : `CLONE_${flag}`];
    return type === undefined ? [] : [type];
  });
  // strace(1) gives bits that it does not know as a number.
  const bits = [...text.matchAll(/flags=[^\s,)]*?\b(0x[\da-f]+)/gi)].flatMap(([, number]) =>
    TYPES.filter((type) => (Number(number) & NAMESPACES[type].cloneFlag) !== 0),
  );
  const exact = flags.length + bits.length > 0 ? [...flags, ...bits] : toldNamespaces(text, caller);
  if (exact.length > 0) return { types: [...new Set(exact)], isWhole: true };
  // A call whose flags are there, and name no namespace, makes none.
  if (/flags=/.test(text)) return { types: [], isWhole: true };
  const flat = text.replaceAll(/\s+/g, ' ');
  return {
    types: [...new Set(WORDS.flatMap(([pattern, type]) => (pattern.test(flat) ? [type] : [])))],
    isWhole: false,
  };
};

const STEP_OF_SYSCALL: Readonly<Record<string, FailureStep>> = {
  clone: 'clone',
  clone3: 'clone',
  unshare: 'unshare',
  setns: 'setns',
  mount: 'mount',
  pivot_root: 'mount',
  mount_setattr: 'idmapped-mount',
  uid_map: 'id-map',
  gid_map: 'id-map',
  newuidmap: 'newuidmap',
  newgidmap: 'newuidmap',
};

const isStep = (step: string): step is FailureStep => [...SETUP_STEPS, ...OTHER_STEPS].some((known) => known === step);

const isErrno = (name: string): name is ErrnoName => Object.hasOwn(ERRNO, name);

/** What a tool mostly makes beside what it names: nearly all begin with a user namespace, and mount proc in a pid namespace. */
const assumed = (step: FailureStep, { types }: Named, { caller, text = '' }: Observed): readonly NamespaceType[] => {
  if (step === 'setns') return types;
  const first: readonly NamespaceType[] = types.length === 0 || caller !== 'root' ? ['user'] : [];
  const proc: readonly NamespaceType[] = HOST_PIDS.test(text) ? ['mnt'] : ['mnt', 'pid'];
  return [...new Set([...first, ...types, ...(step === 'mount-proc' ? proc : [])])];
};

/**
 * What was seen to fail, as a failure that causes can be asked about: what is not said in fields is read from the message.
 *
 * @param observed - fields, or a message of unshare(1), bwrap, podman, newuidmap, runc..., or both; the command that was
 * typed may stand before it
 */
export const failureFrom = (observed: Observed): Failure => {
  const text = observed.text ?? '';
  const message = told(text);
  const syscall =
    observed.syscall ?? /\b(clone3|clone|unshare|setns|mount_setattr|pivot_root)\(/.exec(text)?.[1] ?? null;
  const byCall = syscall === null ? undefined : STEP_OF_SYSCALL[syscall];
  // newuidmap writes uid_map, and mount(2) mounts proc: the message knows more than the call.
  const isFiner =
    message.step === 'newuidmap' ||
    (message.step === 'id-map' && observed.syscall === undefined) ||
    (message.step === 'mount-proc' && byCall === 'mount');
  const step =
    observed.step !== undefined && isStep(observed.step)
      ? observed.step
      : ((isFiner ? message.step : byCall) ?? message.step ?? 'unshare');
  const said = observed.errno ?? message.errno;
  const errno =
    said === null ? null : isErrno(said) ? said : /^errno \d+$/.test(said) ? (said as `errno ${number}`) : null;
  const named: Named =
    observed.namespaces === undefined ? namedIn(text, observed) : { types: observed.namespaces, isWhole: true };
  const namespaces = named.isWhole ? named.types : assumed(step, named, observed);
  const kind = [...text.matchAll(/\b([ug])id_?map/g)].at(-1)?.[1] ?? 'u';
  return {
    step,
    errno,
    namespaces,
    requested: namespaces,
    isAssumed: !named.isWhole,
    path: observed.path ?? (step === 'id-map' ? `/proc/PID/${kind}id_map` : null),
    syscall,
    text: observed.text ?? null,
    filesystem:
      observed.filesystem ??
      (/overlay/.test(text) ? 'overlay' : step === 'idmapped-mount' && /tmpfs/.test(text) ? 'tmpfs' : null),
    isIntermittent: observed.isIntermittent ?? /\b(?:sometimes|intermittent|sporadic)/i.test(text),
  };
};

/** What a message tells about the machine itself, beside the failure. */
export const evidenceIn = ({ text = '' }: Observed): Readonly<Record<string, string | null>> => {
  const found: Record<string, string | null> = {};
  // podman says so when it has read 0 there.
  const disabled = /user namespaces are not enabled in (\/proc\/sys\/(?:user|kernel)\/\w+)/.exec(text)?.[1];
  if (disabled !== undefined) found[disabled] = '0';
  if (/newuidmap.*(?:executable file )?not found in \$?PATH/i.test(text)) found['command newuidmap'] = null;
  return found;
};
