import type { Cause } from '../cause.ts';
import { isInContainer } from '../confinement.ts';
import { distributionOf } from '../distribution.ts';
import { type Facts, SOURCE } from '../facts.ts';
import { type Failure, makes, said } from '../failure.ts';
import { isOlder } from '../kernel.ts';
import { setSysctl } from '../remedy.ts';

const CLONE_SWITCH = '/proc/sys/kernel/unprivileged_userns_clone';
const RESTRICT_SWITCH = '/proc/sys/kernel/userns_restrict';

/** Kernels that have the switch, and have it off unless somebody turns it on: Debian's up to 10, Arch's of some years, and linux-hardened. */
const isOffByDefault = (facts: Facts): boolean => {
  if (facts.number(CLONE_SWITCH) !== undefined || isInContainer(facts.confined())) return false;
  if (/-hardened/.test(facts.evidence.read(SOURCE.release) ?? '')) return true;
  const { id, version, text } = distributionOf(facts.evidence);
  const kernel = facts.kernel();
  if (id === 'arch' && kernel !== null) return !isOlder(kernel, '4.14.5') && isOlder(kernel, '5.1.8');
  if (id !== 'debian') return false;
  return version[0] === undefined ? /\b(?:wheezy|jessie|stretch|buster)\b/i.test(text) : version[0] <= 10;
};

/** Whether nothing is known of the switch, and nothing surrounds the caller that forbids more. */
const mayBeOff = ({ errno }: Failure, facts: Facts): boolean =>
  errno === 'EPERM' &&
  facts.number(CLONE_SWITCH) === undefined &&
  facts.confined() === 'nothing known' &&
  !/\.(?:el|fc|amzn)\d/.test(facts.evidence.read(SOURCE.release) ?? '') &&
  facts.el7() === null &&
  facts.status('Seccomp') !== '2';

/** Its makers mark the release. */
const isGrsecurity = (facts: Facts): boolean =>
  /-grs(?:ec)?\b/.test(`${facts.evidence.read(SOURCE.release) ?? ''} ${facts.evidence.read(SOURCE.version) ?? ''}`);

/** Switches of kernels, by which ordinary users have user namespaces or not. */
export const switchCauses: readonly Cause[] = [
  {
    id: 'unprivileged-userns-clone-off',
    predicts: true,
    matches: (failure, facts) => {
      if (!makes(failure, 'user') || !said(failure, 'EPERM')) return null;
      if (facts.isOrdinary() === true && isOffByDefault(facts)) return 'likely';
      if (facts.isOrdinary() === true && mayBeOff(failure, facts)) return 'possible';
      if (facts.number(CLONE_SWITCH) !== 0) return null;
      if (facts.isOrdinary() === true) return 'certain';
      // Root of a user namespace counts as an ordinary user, too: what is made inside one is refused.
      return facts.isOrdinary() === false && failure.step === 'unshare' ? 'likely' : null;
    },
    summary: (failure, facts) =>
      mayBeOff(failure, facts) && !isOffByDefault(facts)
        ? 'perhaps this kernel has a switch that keeps ordinary users from user namespaces (kernel.unprivileged_userns_clone), and it is off'
        : isOffByDefault(facts)
          ? 'ordinary users may most likely make no user namespaces on this kernel: kernel.unprivileged_userns_clone is 0 there unless it is set'
          : facts.isOrdinary() === true
            ? 'ordinary users may make no user namespaces on this kernel: kernel.unprivileged_userns_clone is 0'
            : 'ordinary users, and most likely root inside a user namespace with them, may make no user namespaces on this kernel: kernel.unprivileged_userns_clone is 0',
    sources: () => [CLONE_SWITCH, `${SOURCE.status}#CapEff`],
    remedy: (facts) => setSysctl(facts, 'kernel.unprivileged_userns_clone', 1, '99-userns.conf'),
  },
  {
    id: 'userns-restrict-on',
    predicts: true,
    matches: (failure, facts) =>
      makes(failure, 'user') &&
      said(failure, 'EPERM') &&
      (facts.number(RESTRICT_SWITCH) ?? 0) > 0 &&
      facts.isOrdinary() === true
        ? 'likely'
        : null,
    summary: () => 'ordinary users can probably make no user namespaces here: kernel.userns_restrict is on',
    sources: () => [RESTRICT_SWITCH],
    remedy: (facts) => setSysctl(facts, 'kernel.userns_restrict', 0, '99-userns.conf'),
  },
  {
    id: 'grsecurity-userns',
    matches: (failure, facts) =>
      makes(failure, 'user') && said(failure, 'EPERM') && facts.isOrdinary() === true && isGrsecurity(facts)
        ? 'likely'
        : null,
    summary: () =>
      'a kernel with grsecurity most likely allows user namespaces to root alone, and has no switch for it',
    sources: () => [SOURCE.release, SOURCE.version],
    remedy: () => ['run it as root, through a setuid helper, or on another kernel'],
  },
];
