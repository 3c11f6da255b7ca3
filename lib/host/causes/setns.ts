import type { Cause, Confidence } from '../cause.ts';
import { type Facts, SOURCE } from '../facts.ts';
import { type Failure, said } from '../failure.ts';
import { isOlder } from '../kernel.ts';

/** Runtimes that have several threads from the start. */
const THREADED = /\b(?:golang|go program|syscall\.Unshare|node(?:\.js)?|tokio|jvm|java)\b/i;

/** How sure it is where threads are not known: a kernel of these days has user namespaces, and refuses hardly anything else so. */
const withoutThreads = ({ text }: Failure, facts: Facts): Confidence | null => {
  if (/unshare: unshare failed|^bwrap: |Error during unshare\(/m.test(text ?? '')) return null;
  if (THREADED.test(text ?? '')) return 'likely';
  const kernel = facts.kernel();
  if (kernel === null) return facts.el7() === null ? 'possible' : null;
  return kernel.el7Build === null && !isOlder(kernel, '4.15') ? 'possible' : null;
};

/** setns(2), and the files that it takes. */
export const setnsCauses: readonly Cause[] = [
  {
    id: 'setns-other-user',
    matches: (failure, facts) => {
      if (failure.step !== 'setns') return null;
      if (failure.errno === 'EACCES') return 'likely';
      const isPidfd = failure.syscall === 'pidfd_open' || failure.syscall === 'setns(pidfd)';
      return isPidfd && said(failure, 'EPERM') && facts.has('CAP_SYS_ADMIN') !== true ? 'possible' : null;
    },
    summary: () =>
      'the process probably belongs to another user, or is not dumpable: its namespaces open only to its own user, with the rights of ptrace',
    sources: () => [`${SOURCE.status}#Uid`, `${SOURCE.status}#CapEff`],
    remedy: () => ['ask as the same user, or as root'],
  },
  {
    id: 'setgroups-denied',
    matches: (failure) =>
      failure.errno === 'EPERM' &&
      /\bsetgroups(?:\(2\))? failed|setgroups\(/.test(failure.text ?? '') &&
      failure.step !== 'id-map'
        ? 'likely'
        : null,
    summary: () =>
      'setgroups(2) is most likely denied in the user namespace that was entered, as it is where an ordinary user made it',
    sources: () => [],
    remedy: () => ['nsenter --preserve-credentials ...'],
  },
  {
    id: 'setns-own-userns',
    matches: (failure) =>
      failure.step === 'setns' &&
      failure.errno === 'EINVAL' &&
      failure.namespaces.includes('user') &&
      /\bnsenter\b/.test(failure.text ?? '')
        ? 'likely'
        : null,
    summary: () =>
      'the caller is most likely in this user namespace already, and the kernel lets nobody join the one that it is in',
    sources: () => ['/proc/self/ns/user'],
    remedy: () => ['leave --user (-U) out'],
  },
  {
    id: 'setns-wrong-order',
    matches: (failure, facts) => {
      if (failure.step !== 'setns' || !said(failure, 'EPERM') || facts.has('CAP_SYS_ADMIN') === true) return null;
      return failure.namespaces.some((type) => type !== 'user') ? 'likely' : null;
    },
    summary: () =>
      'joining takes CAP_SYS_ADMIN in the user namespace that owns the target: probably that one has to be joined first',
    sources: () => [`${SOURCE.status}#CapEff`],
    remedy: () => ['join "user" in the same call', 'nsenter --user --preserve-credentials --target PID ...'],
  },
  {
    id: 'multithreaded-caller',
    matches: (failure, facts) => {
      const threads = Number(facts.status('Threads') ?? Number.NaN);
      if (failure.syscall === 'clone' || failure.syscall === 'clone3') return null;
      const isUserUnshare =
        failure.step === 'unshare' && failure.namespaces.includes('user') && failure.errno === 'EINVAL';
      const isSetns =
        failure.step === 'setns' &&
        (failure.errno === 'EUSERS' ||
          (failure.errno === 'EINVAL' && failure.namespaces.some((type) => type === 'user' || type === 'mnt')));
      // Whether the caller itself made the call is known only where somebody says which call it was.
      if (!(isSetns || (isUserUnshare && failure.syscall === 'unshare'))) return null;
      if (Number.isNaN(threads)) return isUserUnshare ? withoutThreads(failure, facts) : null;
      return threads > 1 ? 'likely' : null;
    },
    summary: () =>
      'a process with several threads, as Node.js always is, most likely made the call itself, which only a process with one may',
    sources: () => [`${SOURCE.status}#Threads`],
    remedy: () => ['let a fresh child make the call, which is what spawn does'],
  },
];
