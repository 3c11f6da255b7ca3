import { type Cause, type Confidence, leastSure } from '../cause.ts';
import { isInContainer } from '../confinement.ts';
import { SPECIAL } from '../evidence.ts';
import { type Facts, SOURCE } from '../facts.ts';
import { asksFor, type Failure, isMaking, isMount, isPrivilegedInside, makes, said } from '../failure.ts';
import { isOlder } from '../kernel.ts';
import { asRoot, hostCommands, setSysctl, writeLine } from '../remedy.ts';

const CLONE_SWITCH = '/proc/sys/kernel/unprivileged_userns_clone';
const RESTRICT_SWITCH = '/proc/sys/kernel/userns_restrict';
const APPARMOR_SWITCH = '/proc/sys/kernel/apparmor_restrict_unprivileged_userns';
const APPARMOR_PROFILES = '/sys/kernel/security/apparmor/profiles';
const SELINUX_ENFORCE = '/sys/fs/selinux/enforce';
const MODULES = '/sys/kernel/security/lsm';

const isUnprivileged = (facts: Facts): boolean => facts.isOrdinary() === true;

/** Kernels that have the switch, and have it off unless somebody turns it on: Debian's up to 10, Arch's of some years, and linux-hardened. */
const isOffByDefault = (facts: Facts): boolean => {
  if (facts.number(CLONE_SWITCH) !== undefined || isInContainer(facts.confined())) return false;
  if (/-hardened/.test(facts.evidence.read(SOURCE.release) ?? '')) return true;
  const release = facts.evidence.read('/etc/os-release') ?? '';
  const kernel = facts.kernel();
  if (/^ID=["']?arch\b/m.test(release) && kernel !== null)
    return !isOlder(kernel, '4.14.5') && isOlder(kernel, '5.1.8');
  if (!/^ID=["']?debian\b/m.test(release)) return false;
  const version = /^VERSION_ID=["']?(\d+)/m.exec(release)?.[1];
  return version === undefined ? /\b(?:wheezy|jessie|stretch|buster)\b/i.test(release) : Number(version) <= 10;
};

/** Whether nothing is known of the switch, and nothing surrounds the caller that forbids more. */
const mayBeOff = ({ errno }: Failure, facts: Facts): boolean =>
  errno === 'EPERM' &&
  facts.number(CLONE_SWITCH) === undefined &&
  facts.confined() === 'nothing known' &&
  !/\.(?:el|fc|amzn)\d/.test(facts.evidence.read(SOURCE.release) ?? '') &&
  facts.el7() === null &&
  facts.status('Seccomp') !== '2';

const label = (facts: Facts): string => (facts.evidence.read(SOURCE.attr) ?? '').trim();

const isUnconfined = (facts: Facts): boolean =>
  label(facts) === '' || /^(?:unconfined|unprivileged_userns)/.test(label(facts));

const LOGGED_TRANSITION = /operation="userns_create".*target="unprivileged_userns"|profile="unprivileged_userns"/;

/** The kernels of Ubuntu that restrict by default, from 24.04 on, where the switch itself is not known. */
const isRestrictingKernel = (facts: Facts): boolean => {
  const kernel = facts.kernel();
  const text = `${facts.evidence.read(SOURCE.version) ?? ''} ${facts.evidence.read('/etc/os-release') ?? ''}`;
  return /ubuntu/i.test(text) && (kernel === null ? isUbuntuSince(facts, 2404) : !isOlder(kernel, '6.8'));
};

/** Whether this is a release of Ubuntu that is not older: 2404 for 24.04. */
const isUbuntuSince = (facts: Facts, release: number): boolean => {
  const text = facts.evidence.read('/etc/os-release') ?? '';
  const version = /^VERSION_ID=["']?(\d+)\.(\d+)/m.exec(text);
  return (
    /^ID=["']?ubuntu\b/m.test(text) && version !== null && Number(version[1]) * 100 + Number(version[2]) >= release
  );
};

/** How sure it is that AppArmor restricts this caller; a profile of one's own may allow user namespaces. */
const restriction = (facts: Facts): Confidence | null => {
  const isFree = facts.isOrdinary() === false || !isUnconfined(facts);
  if (facts.logged(LOGGED_TRANSITION) && facts.number(APPARMOR_SWITCH) !== 0) return isFree ? null : 'certain';
  if (isFree) return null;
  const value = facts.number(APPARMOR_SWITCH);
  if (value === 1) return facts.isOrdinary() === true ? 'likely' : 'possible';
  return value === undefined && facts.isOrdinary() === true && isRestrictingKernel(facts) ? 'likely' : null;
};

/** Whether the profile that such callers are put into is seen not to be loaded. */
const lacksTransition = ({ evidence }: Facts): boolean => {
  const profiles = evidence.read(APPARMOR_PROFILES);
  return typeof profiles === 'string' && !profiles.includes('unprivileged_userns');
};

const mayBeRestricted = (facts: Facts): boolean => restriction(facts) !== null;

/** Whether there is a user namespace; a backend that tells only what the failing call was to make may have made it before. */
const mayHaveUser = (failure: Failure): boolean =>
  failure.requested === undefined ? failure.step !== 'clone' : asksFor(failure, 'user');

/** Whether what a tool calls the making of namespaces may well be all that it does before its program runs, as Go does. */
const isWhole = (failure: Failure): boolean =>
  makes(failure, 'user') &&
  failure.errno !== null &&
  (failure.isAssumed === true || /fork\/exec/.test(failure.text ?? ''));

const profileName = 'linux-namespaces';

const apparmorRemedy = (facts: Facts): readonly string[] => {
  const program = facts.evidence.read(SOURCE.exe) ?? '/usr/bin/node';
  const profile = `abi <abi/4.0>, include <tunables/global> profile ${profileName} "${program}" flags=(unconfined) { userns, }`;
  const file = `/etc/apparmor.d/${profileName}`;
  return [
    ...setSysctl(facts, 'kernel.apparmor_restrict_unprivileged_userns', 0, '60-apparmor-userns.conf'),
    ...hostCommands(facts, `${writeLine(facts, profile, file)} && ${asRoot(facts, `apparmor_parser -r ${file}`)}`),
  ];
};

/** The profile that the caller runs under, where that is enforced; null: there is none, or it forbids nothing. */
const enforcedProfile = (facts: Facts): string | null => /^(.*) \(enforce\)$/.exec(label(facts))?.[1] ?? null;

const isProfileDenial = (facts: Facts): boolean => {
  const profile = enforcedProfile(facts);
  if (profile === null) return false;
  return facts.logged(new RegExp(`apparmor="DENIED".*profile="${profile.replaceAll(/[^\w-]/g, '.')}"`));
};

/** How sure it is that the caller's own profile forbids it: AppArmor says EACCES, but EPERM where a capability is taken. */
const profileDenies = (failure: Failure, facts: Facts): Confidence | null => {
  if (enforcedProfile(facts) === null) return null;
  const isForbidden = makes(failure, 'user') || isMount(failure) ? said(failure, 'EACCES') : false;
  const lacksCapability = said(failure, 'EPERM') && (isMaking(failure) ? isOwned(failure, facts) : isInside(failure));
  const isHelper = failure.step === 'newuidmap' && said(failure, 'EPERM', 'EACCES');
  // The helper runs under the profile, too: a file that it may not open is most likely one that the profile forbids.
  if (!isForbidden && !lacksCapability) {
    if (!isHelper) return null;
    return failure.errno === 'EACCES' && !isInContainer(facts.confined()) ? 'likely' : 'possible';
  }
  if (isProfileDenial(facts)) return 'certain';
  // The profiles of engines forbid mounts, which has an entry of its own, and seccomp is the more likely one for the rest.
  if (isInContainer(facts.confined()) || (lacksCapability && facts.status('Seccomp') === '2')) return 'possible';
  return 'likely';
};

/** Whether what was to be made belongs to a user namespace in which the caller should have every capability. */
const isOwned = (failure: Failure, facts: Facts): boolean =>
  failure.namespaces.some((type) => type !== 'user') &&
  (asksFor(failure, 'user') || facts.has('CAP_SYS_ADMIN') === true);

/** Whether the step took a capability in a user namespace that was made for it. */
const isInside = (failure: Failure): boolean =>
  isPrivilegedInside(failure) && failure.step !== 'setns' && asksFor(failure, 'user');

/** Its makers mark the release. */
const isGrsecurity = (facts: Facts): boolean =>
  /-grs(?:ec)?\b/.test(`${facts.evidence.read(SOURCE.release) ?? ''} ${facts.evidence.read(SOURCE.version) ?? ''}`);

const LOGGED_AVC = /denied\s+\{[^}]*\bcreate\b[^}]*\}.*tclass=user_namespace(?!.*permissive=1)/;

const LOGGED_MOUNT = /denied\s+\{[^}]*\b(?:mounton|mount|remount|unmount)\b[^}]*\}(?!.*permissive=1)/;

const isSelinuxLabel = (text: string): boolean => /^[^:\s]+:[^:\s]+:[^:\s]+/.test(text);

/** Switches and security modules of the host. */
export const policyCauses: readonly Cause[] = [
  {
    id: 'unprivileged-userns-clone-off',
    predicts: true,
    matches: (failure, facts) => {
      if (!makes(failure, 'user') || !said(failure, 'EPERM')) return null;
      if (isUnprivileged(facts) && isOffByDefault(facts)) return 'likely';
      if (isUnprivileged(facts) && mayBeOff(failure, facts)) return 'possible';
      if (facts.number(CLONE_SWITCH) !== 0) return null;
      if (isUnprivileged(facts)) return 'certain';
      // Root of a user namespace counts as an ordinary user, too: what is made inside one is refused.
      return facts.isOrdinary() === false && failure.step === 'unshare' ? 'likely' : null;
    },
    summary: (failure, facts) =>
      mayBeOff(failure, facts) && !isOffByDefault(facts)
        ? 'perhaps this kernel has a switch that keeps ordinary users from user namespaces (kernel.unprivileged_userns_clone), and it is off'
        : isOffByDefault(facts)
          ? 'ordinary users may most likely make no user namespaces on this kernel: kernel.unprivileged_userns_clone is 0 there unless it is set'
          : isUnprivileged(facts)
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
      isUnprivileged(facts)
        ? 'likely'
        : null,
    summary: () => 'ordinary users can probably make no user namespaces here: kernel.userns_restrict is on',
    sources: () => [RESTRICT_SWITCH],
    remedy: (facts) => setSysctl(facts, 'kernel.userns_restrict', 0, '99-userns.conf'),
  },
  {
    id: 'apparmor-no-transition-profile',
    matches: (failure, facts) =>
      makes(failure, 'user') && said(failure, 'EACCES') && mayBeRestricted(facts)
        ? lacksTransition(facts)
          ? 'likely'
          : 'possible'
        : null,
    summary: () =>
      'AppArmor restricts user namespaces of ordinary users here, and its profile for them is probably not loaded',
    sources: () => [APPARMOR_SWITCH, SOURCE.attr, APPARMOR_PROFILES],
    remedy: (facts) => [...hostCommands(facts, asRoot(facts, 'systemctl reload apparmor')), ...apparmorRemedy(facts)],
  },
  {
    id: 'apparmor-distro-helper-profile',
    matches: (failure, facts) => {
      if (!isPrivilegedInside(failure) || !said(failure, 'EACCES', 'EPERM')) return null;
      if (facts.logged(/profile="(?:unpriv_bwrap|bwrap|unshare|unpriv_unshare)\b/)) return 'certain';
      // The tool itself, and not a word for what it does.
      const isTheirs = /\bbwrap\b|\bunshare(?: -|:)/.test(failure.text ?? '');
      const isLoaded = /(?:bwrap|unshare)-userns-restrict|unpriv_(?:bwrap|unshare)/.test(
        facts.evidence.read(APPARMOR_PROFILES) ?? '',
      );
      return isTheirs && (isLoaded || isUbuntuSince(facts, 2504)) ? 'likely' : null;
    },
    summary: (_, facts) =>
      `the distribution’s own AppArmor profile for this tool ${facts.logged(/profile="(?:unpriv_bwrap|bwrap|unshare|unpriv_unshare)\b/) ? '' : 'most likely '}denies it what it does in the new namespaces`,
    sources: () => [APPARMOR_PROFILES, SPECIAL.log],
    remedy: (facts) => [
      'make the namespaces from the program itself, not through unshare(1) or bwrap(1)',
      ...hostCommands(facts, asRoot(facts, 'aa-disable /etc/apparmor.d/unshare-userns-restrict')),
    ],
  },
  {
    id: 'apparmor-userns-restricted',
    predicts: true,
    matches: (failure, facts) =>
      // The call that makes the user namespace still passes; what comes after it does not.
      !said(failure, 'EPERM', 'EACCES') || restriction(facts) === null
        ? null
        : (isPrivilegedInside(failure) && !makes(failure, 'user') && mayHaveUser(failure)) || isWhole(failure)
          ? restriction(facts)
          : makes(failure, 'user')
            ? leastSure('possible', restriction(facts) ?? 'possible')
            : null,
    summary: (_, facts) =>
      `AppArmor ${restriction(facts) === 'certain' ? '' : 'most likely '}took the capabilities away in the new user namespace, as it does here with ordinary users`,
    sources: () => [APPARMOR_SWITCH, SOURCE.attr, SPECIAL.log],
    remedy: apparmorRemedy,
  },
  {
    id: 'apparmor-container-deny-mount',
    matches: (failure, facts) =>
      isMount(failure) &&
      said(failure, 'EACCES') &&
      /\(enforce\)$/.test(label(facts)) &&
      facts.confined() === 'container'
        ? 'likely'
        : null,
    summary: (_, facts) => `the AppArmor profile of this container most likely denies mounts (${label(facts)})`,
    sources: () => [SOURCE.attr],
    remedy: (facts) => hostCommands(facts, 'docker run --security-opt apparmor=unconfined ...'),
  },
  {
    id: 'apparmor-profile-denies',
    matches: profileDenies,
    summary: (failure, facts) =>
      `the AppArmor profile that the caller runs under, ${enforcedProfile(facts)}, ${isProfileDenial(facts) ? 'forbids' : 'probably forbids'} ${makes(failure, 'user') && failure.errno === 'EACCES' ? 'user namespaces' : isMount(failure) && failure.errno === 'EACCES' ? 'the mount' : 'the capability that this takes'}`,
    sources: () => [SOURCE.attr, SPECIAL.log],
    remedy: (facts, failure) => {
      const rule = failure.errno === 'EPERM' ? 'capability,' : makes(failure, 'user') ? 'userns,' : 'mount,';
      return hostCommands(
        facts,
        `${asRoot(facts, `grep -rl "${enforcedProfile(facts)}" /etc/apparmor.d`)}  # the FILE that has the profile; add to it: ${rule}`,
        asRoot(facts, 'apparmor_parser -r FILE'),
      );
    },
  },
  {
    id: 'selinux-userns-create-denied',
    matches: (failure, facts) => {
      if (!makes(failure, 'user') || !said(failure, 'EACCES')) return null;
      if (facts.logged(LOGGED_AVC)) return 'certain';
      if (failure.errno === null) return null;
      if (facts.number(SELINUX_ENFORCE) === 1) return 'likely';
      return facts.number(SELINUX_ENFORCE) !== 0 && isSelinuxLabel(label(facts)) ? 'possible' : null;
    },
    summary: (_, facts) =>
      `SELinux ${facts.logged(LOGGED_AVC) ? '' : 'probably '}forbids user namespaces to ${label(facts) || 'this domain'}`,
    sources: () => [SELINUX_ENFORCE, SOURCE.attr, SPECIAL.log],
    remedy: (facts) =>
      hostCommands(
        facts,
        asRoot(facts, 'ausearch -m avc -ts recent | audit2allow -M userns'),
        asRoot(facts, 'semodule -i userns.pp'),
      ),
  },
  {
    id: 'selinux-mount-denied',
    matches: (failure, facts) => {
      if (!isMount(failure) || !said(failure, 'EACCES')) return null;
      if (facts.logged(LOGGED_MOUNT)) return 'certain';
      if (failure.errno === null || facts.number(SELINUX_ENFORCE) !== 1) return null;
      return /:container_t:/.test(label(facts)) ? 'likely' : 'possible';
    },
    summary: (_, facts) =>
      `SELinux ${facts.logged(LOGGED_MOUNT) ? '' : 'perhaps '}forbids the mount to ${label(facts) || 'this domain'}`,
    sources: () => [SELINUX_ENFORCE, SOURCE.attr, SPECIAL.log],
    remedy: (facts) => [
      ...(facts.confined() === 'container' ? hostCommands(facts, 'podman run --security-opt label=disable ...') : []),
      ...hostCommands(
        facts,
        asRoot(facts, 'ausearch -m avc -ts recent | audit2allow -M mounts'),
        asRoot(facts, 'semodule -i mounts.pp'),
      ),
    ],
  },
  {
    id: 'grsecurity-userns',
    matches: (failure, facts) =>
      makes(failure, 'user') && said(failure, 'EPERM') && isUnprivileged(facts) && isGrsecurity(facts)
        ? 'likely'
        : null,
    summary: () =>
      'a kernel with grsecurity most likely allows user namespaces to root alone, and has no switch for it',
    sources: () => [SOURCE.release, SOURCE.version],
    remedy: () => ['run it as root, through a setuid helper, or on another kernel'],
  },
  {
    id: 'chromium-os-lsm',
    matches: (failure, facts) =>
      isMount(failure) && said(failure, 'EPERM', 'EACCES') && facts.logged(/Chromium OS LSM: sb_mount/)
        ? 'certain'
        : null,
    summary: () =>
      'the security module of Chromium OS refuses mounts that may hold programs to everybody without CAP_SYS_ADMIN on the machine itself',
    sources: () => [SPECIAL.log],
    remedy: () => ['mount with noexec, or run it on a kernel without this module'],
  },
  {
    id: 'bpf-lsm-userns-denied',
    matches: (failure, facts) =>
      makes(failure, 'user') &&
      said(failure, 'EPERM', 'EACCES') &&
      facts.evidence.read(MODULES)?.split(',').includes('bpf') === true
        ? 'possible'
        : null,
    summary: () => 'a BPF program of the host’s policy may forbid it; nothing else that is known does',
    sources: () => [MODULES],
    remedy: () => [],
  },
];
