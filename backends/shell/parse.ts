import type { ErrnoName } from '../../lib/errno.ts';
import type { SetupStep } from '../../lib/errors.ts';
import type { Relations } from '../../lib/kernel-reader.ts';
import { isNamespaceType } from '../../lib/namespace.ts';

/** What strerror(3) says in the C locale, of glibc and of musl, where it matters to a set-up. */
const WORDS: Readonly<Record<string, ErrnoName>> = {
  'Argument list too long': 'E2BIG',
  'Bad address': 'EFAULT',
  'Bad file descriptor': 'EBADF',
  'Cannot allocate memory': 'ENOMEM',
  'Device or resource busy': 'EBUSY',
  'Exec format error': 'ENOEXEC',
  'File descriptor in bad state': 'EBADFD',
  'File exists': 'EEXIST',
  'File name too long': 'ENAMETOOLONG',
  'File too large': 'EFBIG',
  'Filename too long': 'ENAMETOOLONG',
  'Function not implemented': 'ENOSYS',
  'I/O error': 'EIO',
  'Input/output error': 'EIO',
  'Invalid argument': 'EINVAL',
  'Is a directory': 'EISDIR',
  'No child process': 'ECHILD',
  'No child processes': 'ECHILD',
  'No file descriptors available': 'EMFILE',
  'No space left on device': 'ENOSPC',
  'No such device': 'ENODEV',
  'No such file or directory': 'ENOENT',
  'No such process': 'ESRCH',
  'Not a directory': 'ENOTDIR',
  'Not supported': 'ENOTSUP',
  'Numerical result out of range': 'ERANGE',
  'Result not representable': 'ERANGE',
  'Operation not permitted': 'EPERM',
  'Operation not supported': 'ENOTSUP',
  'Out of memory': 'ENOMEM',
  'Permission denied': 'EACCES',
  'Quota exceeded': 'EDQUOT',
  'Disk quota exceeded': 'EDQUOT',
  'Read-only file system': 'EROFS',
  'Resource temporarily unavailable': 'EAGAIN',
  'Symbolic link loop': 'ELOOP',
  'Text file busy': 'ETXTBSY',
  'Too many levels of symbolic links': 'ELOOP',
  'Too many open files': 'EMFILE',
  'Too many open files in system': 'ENFILE',
  'Too many users': 'EUSERS',
  'Value too large for defined data type': 'EOVERFLOW',
  'Value too large for data type': 'EOVERFLOW',
  // hostname(1) and mount(8) have words of their own, and so have the shells.
  'you must be root to change the host name': 'EPERM',
  'you must be root to change the domain name': 'EPERM',
  'name too long': 'EINVAL',
  'mount point does not exist.': 'ENOENT',
  'mount point is not a directory.': 'ENOTDIR',
  'permission denied.': 'EPERM',
  'not found': 'ENOENT',
};

/** The lines that say something, the last one last; mount(8) adds one that sends the reader elsewhere. */
const lines = (text: string): readonly string[] =>
  text.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('dmesg(1) may have'));

/** What a tool said last. */
export const lastLine = (text: string): string => lines(text).at(-1)?.trim() ?? '';

const errnoAtEnd = (line: string): ErrnoName | null => {
  const known = Object.keys(WORDS).find(
    // Since util-linux 2.39 mount(8) ends such a line with a full stop.
    (words) => line === words || line.endsWith(`: ${words}`) || line.endsWith(`: ${words}.`),
  );
  return known === undefined ? null : (WORDS[known] ?? null);
};

/** The errno that a tool's last message names; null when it names none. */
export const errnoIn = (text: string): ErrnoName | null => errnoAtEnd(lastLine(text));

/** The errno of the first message that names one: bash says it, and adds what errno has become meanwhile. */
export const errnoInAny = (text: string): ErrnoName | null =>
  lines(text)
    .map((line) => errnoAtEnd(line.trim()))
    .find((errno) => errno !== null) ?? null;

/** The tool that spoke last: `unshare` in `unshare: unshare failed: Operation not permitted`. */
export const speakerIn = (text: string): string | null => /^([^\s:]+):/.exec(lastLine(text))?.[1] ?? null;

/** What of a message is typical for a step, in any release of util-linux from 2.23 on; the first that fits. */
const STEPS: readonly (readonly [pattern: RegExp, step: SetupStep])[] = [
  [/^unshare: unshare failed\b/, 'unshare'],
  [/^nsenter: (reassociate to namespace|cannot open|stat of|no namespace|NS_GET_USERNS|failed to open parent)/, 'join'],
  [/^nsenter: (fork|waitpid)\b/, 'clone'],
  [/^nsenter: (change directory by root|chroot)/, 'target-root'],
  [/^nsenter: change directory/, 'target-cwd'],
  [/^nsenter: .*set(groups|gid|uid)/, 'credentials'],
  [/^ns-cgroup: /, 'join-cgroup'],
  [/^ns-directory: /, 'target-cwd'],
  [/^unshare: (fork|eventfd|sigprocmask|waitpid|pidfd_open)\b/, 'clone'],
  [/^unshare: .*filesystem propagation/, 'propagation'],
  [/^unshare: mount .* failed/, 'mount-proc'],
  [/^unshare: .*\/timens_offsets\b/, 'time-offsets'],
  [/^unshare: .*\/(uid_map|gid_map|setgroups)\b/, 'id-map'],
  [/^unshare: set(groups|gid|uid)/, 'credentials'],
  [/^unshare: (capget|capset|prctl\(PR_CAP_AMBIENT\))/, 'capabilities'],
  [/^unshare: prctl failed/, 'parent-death'],
  [/^setpriv: .*(death signal|unknown signal)/, 'parent-death'],
  [/^setpriv: .*(set(res)?[ug]id|setgroups|initgroups)/, 'credentials'],
  [/^setpriv: .*secure ?bit/, 'securebits'],
  [/^setpriv: .*no_new_privs/, 'no-new-privs'],
  [/^setpriv: .*(cap|privilege|bounding)/, 'capabilities'],
  [/^prlimit: /, 'rlimits'],
  [/^setsid: /, 'session'],
];

/** The step that a message is about; `prepare` when it is about none. */
export const stepIn = (text: string): SetupStep => {
  const line = lastLine(text);
  return STEPS.find(([pattern]) => pattern.test(line))?.[1] ?? 'prepare';
};

/** Whether a stage said that it could not exec the next one because of the length of its arguments. */
export const isTooLong = (text: string): boolean => errnoIn(text) === 'E2BIG';

/**
 * What unshare says that has waited for a command, and cannot end as the command did.
 *
 * @remarks util-linux 2.38 and 2.39 ask for a new disposition of the signal before they raise it, which SIGKILL does not
 * have: they exit with 1 and these words. No other signal gets there, but for the two that glibc keeps for itself.
 * @returns `SIGKILL`; `lost` when the words say only that there was a signal; null when they say nothing of the kind
 */
export const signalInFarewell = (text: string): 'SIGKILL' | 'lost' | null => {
  if (/^unshare: sigprocmask unblock failed: Invalid argument$/m.test(text)) return 'SIGKILL';
  return /^unshare: (child exit|signal handler reset) failed/m.test(text) ? 'lost' : null;
};

/** The rows that lsns(8) prints of NS, TYPE, PNS and ONS; it prints 0 for what there is not, or what is not told. */
export const parseLineage = (text: string): readonly Relations[] =>
  text.split('\n').flatMap((line): readonly Relations[] => {
    const [, inode, type, parent, owner] = /^(\d+) (\w+) (\d+) (\d+)$/.exec(line.trim()) ?? [];
    if (!isNamespaceType(type)) return [];
    const told = { owner: Number(owner) || null, parent: Number(parent) || null };
    return [{ inode: Number(inode), type, id: null, ownerUid: null, ...told }];
  });
