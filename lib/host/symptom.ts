import { ERRNO, type ErrnoName } from '../errno.ts';
import { SETUP_STEPS } from '../errors.ts';
import { NAMESPACES, type NamespaceType } from '../namespace.ts';
import { type FailureStep, OTHER_STEPS } from '../probe.ts';
import type { Failure } from './failure.ts';
import type { Observed } from './snapshot.ts';

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
};

const errnoIn = (text: string): ErrnoName | null => {
  const named = /\b(E[A-Z0-9]{3,})\b/.exec(text)?.[1];
  if (named !== undefined && Object.hasOwn(ERRNO, named)) return named as ErrnoName;
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
  // runc calls the part of itself that does so nsenter.
  [/failed to unshare/i, 'unshare'],
  [/newuidmap|newgidmap|subuid|subgid|uid range|gid range|write to [ug]id_map/i, 'newuidmap'],
  [/[ug]id[ _]?map|setgroups/i, 'id-map'],
  [/idmap|mount_setattr/i, 'idmapped-mount'],
  [/setns\(|\/proc\/(?:\d+|self)\/ns\/|nsenter:|reassociate/i, 'setns'],
  [/mount.*\bproc\b|\bproc\b.*mount/i, 'mount-proc'],
  [/pivot_root|\bmount|remount|overlay/i, 'mount'],
  [/clone3?\b|fork/i, 'clone'],
  [/unshare|namespace|clone_new|no usable sandbox/i, 'unshare'],
];

const FLAG_NAMES: Readonly<Record<string, NamespaceType>> = Object.fromEntries(
  Object.entries(NAMESPACES).map(([type, { cloneName }]) => [cloneName, type as NamespaceType]),
);

/** The namespaces that a message names, by their flags or in words. */
const namespacesIn = (text: string): readonly NamespaceType[] => {
  const flags = [...text.matchAll(/(?:CLONE_)?NEW(?:USER|NS|NET|PID|UTS|IPC|CGROUP|TIME)\b/g)].flatMap(([flag]) => {
    const type = FLAG_NAMES[flag.startsWith('CLONE_') ? flag : `CLONE_${flag}`];
    return type === undefined ? [] : [type];
  });
  const words: readonly (readonly [RegExp, NamespaceType])[] = [
    [/\buser(?: |\+mount )?(?:namespace|ns\b)|userns|user\+mount|sandbox/i, 'user'],
    [/user\+mount namespace|\bmount namespace|\bmnt namespace/i, 'mnt'],
    [/\b(?:net|network) namespace/i, 'net'],
    [/\bpid namespace/i, 'pid'],
    [/\buts namespace/i, 'uts'],
    [/\bipc namespace/i, 'ipc'],
    [/\bcgroup namespace/i, 'cgroup'],
    [/\btime namespace/i, 'time'],
  ];
  const worded = words.flatMap(([pattern, type]) => (pattern.test(text) ? [type] : []));
  return [...new Set([...flags, ...worded])];
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

/** What makes namespaces of one's own nearly always makes a user namespace first, when it is not root. */
const assumed = (step: FailureStep, { caller }: Observed): readonly NamespaceType[] =>
  caller === 'root' || step === 'setns' ? [] : ['user'];

/**
 * What was seen to fail, as a failure that causes can be asked about: what is not said in fields is read from the message.
 *
 * @param observed - fields, or a message of unshare(1), bwrap, podman, newuidmap, runc..., or both
 */
export const failureFrom = (observed: Observed): Failure => {
  const text = observed.text ?? '';
  const syscall =
    observed.syscall ?? /\b(clone3|clone|unshare|setns|mount_setattr|pivot_root)\(/.exec(text)?.[1] ?? null;
  const byText = STEPS.find(([pattern]) => pattern.test(text))?.[1];
  const byCall = syscall === null ? undefined : STEP_OF_SYSCALL[syscall];
  // newuidmap writes uid_map, and mount(2) mounts proc: the message knows more than the call.
  const isFiner = byText === 'newuidmap' || (byText === 'mount-proc' && byCall === 'mount');
  const step =
    observed.step !== undefined && isStep(observed.step)
      ? observed.step
      : ((isFiner ? byText : byCall) ?? byText ?? 'unshare');
  const said = observed.errno ?? errnoIn(text) ?? null;
  const errno =
    said === null ? null : isErrno(said) ? said : /^errno \d+$/.test(said) ? (said as `errno ${number}`) : null;
  const named = observed.namespaces ?? namespacesIn(text);
  // A call whose flags are there, and name no namespace, makes none.
  const isPlainCall = observed.namespaces === undefined && named.length === 0 && /flags=/.test(text);
  const namespaces =
    named.length > 0 || observed.namespaces !== undefined || isPlainCall ? named : assumed(step, observed);
  const isMap = /gid_?map/.test(text) && !/uid_?map/.test(text) ? 'gid' : 'uid';
  return {
    step,
    errno,
    namespaces,
    requested: namespaces,
    path: observed.path ?? (step === 'id-map' ? `/proc/PID/${isMap}_map` : null),
    syscall,
    text: observed.text ?? null,
    filesystem: observed.filesystem ?? (/overlay/.test(text) ? 'overlay' : null),
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
