import type { Cause } from '../cause.ts';
import { SOURCE } from '../facts.ts';
import { said } from '../failure.ts';

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
      if (!(isSetns || (isUserUnshare && failure.syscall === 'unshare')) || !(threads > 1)) return null;
      return 'likely';
    },
    summary: () =>
      'a process with several threads, as Node.js always is, most likely made the call itself, which only a process with one may',
    sources: () => [`${SOURCE.status}#Threads`],
    remedy: () => ['let a fresh child make the call, which is what spawn does'],
  },
];
