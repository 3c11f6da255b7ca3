import type { Cause } from '../cause.ts';
import { type Facts, SOURCE } from '../facts.ts';
import { asksFor, type Failure, isMount, isPrivilegedInside, makes, said } from '../failure.ts';
import { asRoot, hostCommands, setSysctl, writeLine } from '../remedy.ts';

const CLONE_SWITCH = '/proc/sys/kernel/unprivileged_userns_clone';
const RESTRICT_SWITCH = '/proc/sys/kernel/userns_restrict';
const APPARMOR_SWITCH = '/proc/sys/kernel/apparmor_restrict_unprivileged_userns';
const APPARMOR_PROFILES = '/sys/kernel/security/apparmor/profiles';
const SELINUX_ENFORCE = '/sys/fs/selinux/enforce';
const MODULES = '/sys/kernel/security/lsm';

/** Whether the caller has no CAP_SYS_ADMIN where the switches look for it: in the first user namespace. */
const isUnprivileged = (facts: Facts): boolean =>
  facts.has('CAP_SYS_ADMIN') === false || facts.inFirstUserNamespace() === false;

const label = (facts: Facts): string => (facts.evidence.read(SOURCE.attr) ?? '').trim();

/** AppArmor restricts who is unconfined; a profile of one's own may allow user namespaces. */
const mayBeRestricted = (facts: Facts): boolean =>
  facts.number(APPARMOR_SWITCH) === 1 &&
  isUnprivileged(facts) &&
  (label(facts) === '' || /^(?:unconfined|unprivileged_userns)/.test(label(facts)));

/** Whether there is a user namespace; a backend that tells only what the failing call was to make may have made it before. */
const mayHaveUser = (failure: Failure): boolean =>
  failure.requested === undefined ? failure.step !== 'clone' : asksFor(failure, 'user');

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

const isSelinuxLabel = (text: string): boolean => /^[^:\s]+:[^:\s]+:[^:\s]+/.test(text);

/** Switches and security modules of the host. */
export const policyCauses: readonly Cause[] = [
  {
    id: 'unprivileged-userns-clone-off',
    matches: (failure, facts) =>
      makes(failure, 'user') && said(failure, 'EPERM') && facts.number(CLONE_SWITCH) === 0 && isUnprivileged(facts)
        ? 'certain'
        : null,
    summary: () => 'ordinary users may make no user namespaces on this kernel: kernel.unprivileged_userns_clone is 0',
    sources: () => [CLONE_SWITCH, `${SOURCE.status}#CapEff`],
    remedy: (facts) => setSysctl(facts, 'kernel.unprivileged_userns_clone', 1, '99-userns.conf'),
  },
  {
    id: 'userns-restrict-on',
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
      makes(failure, 'user') && said(failure, 'EACCES') && mayBeRestricted(facts) ? 'likely' : null,
    summary: () =>
      'AppArmor restricts user namespaces of ordinary users here, and its profile for them is probably not loaded',
    sources: () => [APPARMOR_SWITCH, SOURCE.attr, APPARMOR_PROFILES],
    remedy: (facts) => [...hostCommands(facts, asRoot(facts, 'systemctl reload apparmor')), ...apparmorRemedy(facts)],
  },
  {
    id: 'apparmor-userns-restricted',
    matches: (failure, facts) =>
      // The call that makes the user namespace still passes; what comes after it does not.
      isPrivilegedInside(failure) &&
      !makes(failure, 'user') &&
      mayHaveUser(failure) &&
      said(failure, 'EPERM', 'EACCES') &&
      mayBeRestricted(facts)
        ? 'likely'
        : null,
    summary: () =>
      'AppArmor most likely took the capabilities away in the new user namespace, as it does here with ordinary users',
    sources: () => [APPARMOR_SWITCH, SOURCE.attr],
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
    id: 'selinux-userns-create-denied',
    matches: (failure, facts) => {
      if (!makes(failure, 'user') || failure.errno !== 'EACCES') return null;
      if (facts.number(SELINUX_ENFORCE) === 1) return 'likely';
      return facts.number(SELINUX_ENFORCE) !== 0 && isSelinuxLabel(label(facts)) ? 'possible' : null;
    },
    summary: (_, facts) => `SELinux probably forbids user namespaces to ${label(facts) || 'this domain'}`,
    sources: () => [SELINUX_ENFORCE, SOURCE.attr],
    remedy: (facts) =>
      hostCommands(
        facts,
        asRoot(facts, 'ausearch -m avc -ts recent | audit2allow -M userns'),
        asRoot(facts, 'semodule -i userns.pp'),
      ),
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
