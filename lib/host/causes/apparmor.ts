import { type Cause, type Confidence, leastSure } from '../cause.ts';
import { isInContainer } from '../confinement.ts';
import { distributionOf } from '../distribution.ts';
import { inEngine } from '../engine.ts';
import { SPECIAL } from '../evidence.ts';
import { type Facts, SOURCE } from '../facts.ts';
import { asksFor, type Failure, isMaking, isMount, isPrivilegedInside, makes, said } from '../failure.ts';
import { isOlder } from '../kernel.ts';
import { asRoot, hostCommands, setSysctl, writeLine } from '../remedy.ts';

const APPARMOR_SWITCH = '/proc/sys/kernel/apparmor_restrict_unprivileged_userns';
const APPARMOR_PROFILES = '/sys/kernel/security/apparmor/profiles';

const isUnconfined = (facts: Facts): boolean =>
  facts.label() === '' || /^(?:unconfined|unprivileged_userns)/.test(facts.label());

const LOGGED_TRANSITION = /operation="userns_create".*target="unprivileged_userns"|profile="unprivileged_userns"/;

/** The kernels of Ubuntu that restrict by default, from 24.04 on, where the switch itself is not known. */
const isRestrictingKernel = (facts: Facts): boolean => {
  const kernel = facts.kernel();
  const text = `${facts.evidence.read(SOURCE.version) ?? ''} ${facts.evidence.read('/etc/os-release') ?? ''}`;
  return /ubuntu/i.test(text) && (kernel === null ? isUbuntuSince(facts, 2404) : !isOlder(kernel, '6.8'));
};

/** Whether this is a release of Ubuntu that is not older: 2404 for 24.04. */
const isUbuntuSince = (facts: Facts, release: number): boolean => {
  const { id, version } = distributionOf(facts.evidence);
  const [year, month = 4] = version;
  return id === 'ubuntu' && year !== undefined && year * 100 + month >= release;
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
  (failure.errno !== null || /no usable sandbox/i.test(failure.text ?? '')) &&
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
const enforcedProfile = (facts: Facts): string | null => /^(.*) \(enforce\)$/.exec(facts.label())?.[1] ?? null;

const isProfileDenial = (facts: Facts): boolean => {
  const profile = enforcedProfile(facts);
  if (profile === null) return false;
  return facts.logged(new RegExp(`apparmor="DENIED".*profile="${profile.replaceAll(/[^\w-]/g, '.')}"`));
};

/** The profile, other than that of Ubuntu's restriction, of which the log says that it refused what this step does. */
const refusingProfile = (failure: Failure, facts: Facts): string | null => {
  const operation = makes(failure, 'user') ? 'userns_create' : isMount(failure) ? '(?:mount|remount|pivotroot)' : null;
  if (operation === null || failure.errno === 'EPERM') return null;
  const denied = new RegExp(`apparmor="DENIED" operation="${operation}".*?profile="([^"]+)"`);
  const profile = denied.exec(facts.evidence.read(SPECIAL.log) ?? '')?.[1];
  // Those of LXC refuse mounts where nesting is off, which has an entry of its own.
  const others = isMount(failure) ? /^(?:unpriv|lxc|lxd|incus)/ : /^unpriv/;
  return profile === undefined || others.test(profile) ? null : profile;
};

/** How sure it is that the caller's own profile forbids it: AppArmor says EACCES, but EPERM where a capability is taken. */
const profileDenies = (failure: Failure, facts: Facts): Confidence | null => {
  if (enforcedProfile(facts) === null) return refusingProfile(failure, facts) === null ? null : 'certain';
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

/** AppArmor: what Ubuntu does to user namespaces, and what a profile forbids. */
export const apparmorCauses: readonly Cause[] = [
  {
    id: 'apparmor-no-transition-profile',
    matches: (failure, facts) =>
      makes(failure, 'user') && failure.errno === 'EACCES' && mayBeRestricted(facts)
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
      /\(enforce\)$/.test(facts.label()) &&
      facts.confined() === 'container'
        ? 'likely'
        : null,
    summary: (_, facts) => `the AppArmor profile of this container most likely denies mounts (${facts.label()})`,
    sources: () => [SOURCE.attr],
    remedy: (facts) =>
      inEngine(facts, {
        options: ['--security-opt apparmor=unconfined'],
        fields: ['securityContext: { appArmorProfile: { type: Unconfined } }'],
      }),
  },
  {
    id: 'apparmor-profile-denies',
    matches: profileDenies,
    summary: (failure, facts) =>
      `the AppArmor profile that the caller runs under, ${enforcedProfile(facts) ?? refusingProfile(failure, facts)}, ${isProfileDenial(facts) || refusingProfile(failure, facts) !== null ? 'forbids' : 'probably forbids'} ${makes(failure, 'user') && failure.errno === 'EACCES' ? 'user namespaces' : isMount(failure) && failure.errno === 'EACCES' ? 'the mount' : 'the capability that this takes'}`,
    sources: () => [SOURCE.attr, SPECIAL.log],
    remedy: (facts, failure) => {
      const rule = failure.errno === 'EPERM' ? 'capability,' : makes(failure, 'user') ? 'userns,' : 'mount,';
      return hostCommands(
        facts,
        `${asRoot(facts, `grep -rl "${enforcedProfile(facts) ?? refusingProfile(failure, facts)}" /etc/apparmor.d`)}  # the FILE that has the profile; add to it: ${rule}`,
        asRoot(facts, 'apparmor_parser -r FILE'),
      );
    },
  },
];
