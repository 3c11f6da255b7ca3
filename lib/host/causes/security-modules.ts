import type { Cause } from '../cause.ts';
import { SPECIAL } from '../evidence.ts';
import { SOURCE } from '../facts.ts';
import { isMount, makes, said } from '../failure.ts';
import { asRoot, hostCommands } from '../remedy.ts';

const SELINUX_ENFORCE = '/sys/fs/selinux/enforce';
const MODULES = '/sys/kernel/security/lsm';

const LOGGED_AVC = /denied\s+\{[^}]*\bcreate\b[^}]*\}.*tclass=user_namespace(?!.*permissive=1)/;

const LOGGED_MOUNT = /denied\s+\{[^}]*\b(?:mounton|mount|remount|unmount)\b[^}]*\}(?!.*permissive=1)/;

const isSelinuxLabel = (text: string): boolean => /^[^:\s]+:[^:\s]+:[^:\s]+/.test(text);

/** Security modules beside AppArmor. */
export const securityModuleCauses: readonly Cause[] = [
  {
    id: 'selinux-userns-create-denied',
    matches: (failure, facts) => {
      if (!makes(failure, 'user') || !said(failure, 'EACCES')) return null;
      if (facts.logged(LOGGED_AVC)) return 'certain';
      if (failure.errno === null) return null;
      if (facts.number(SELINUX_ENFORCE) === 1) return 'likely';
      return facts.number(SELINUX_ENFORCE) !== 0 && isSelinuxLabel(facts.label()) ? 'possible' : null;
    },
    summary: (_, facts) =>
      `SELinux ${facts.logged(LOGGED_AVC) ? '' : 'probably '}forbids user namespaces to ${facts.label() || 'this domain'}`,
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
      return /:container_t:/.test(facts.label()) ? 'likely' : 'possible';
    },
    summary: (_, facts) =>
      `SELinux ${facts.logged(LOGGED_MOUNT) ? '' : 'perhaps '}forbids the mount to ${facts.label() || 'this domain'}`,
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
