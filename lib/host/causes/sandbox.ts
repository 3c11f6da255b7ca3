import type { Cause } from '../cause.ts';
import { MARKS } from '../confinement.ts';
import { inEngine } from '../engine.ts';
import { type Facts, SOURCE } from '../facts.ts';
import { type Failure, isMaking, isMount, isPrivilegedInside, said } from '../failure.ts';
import { asRoot, hostCommands } from '../remedy.ts';

const SECCOMP = `${SOURCE.status}#Seccomp`;

const isFiltered = (facts: Facts): boolean => facts.status('Seccomp') === '2';

/** Whether nothing is known of filters, and the caller is where there mostly is one. */
const mayBeFiltered = (facts: Facts): boolean =>
  facts.status('Seccomp') === undefined && (facts.confined() === 'container' || facts.confined() === 'service');

const isBlocked = (failure: Failure): boolean =>
  ((isMaking(failure) || isPrivilegedInside(failure)) && said(failure, 'EPERM', 'ENOSYS')) ||
  (failure.syscall === 'clone3' && failure.errno === 'ENOSYS');

const saysRestricted = ({ text }: Failure): boolean => /RestrictNamespaces=(?!no|false|0)/.test(text ?? '');

const tellsOfService = ({ text }: Failure): boolean => /[\w@-]\.service\b/.test(text ?? '');

const makesAny = (failure: Failure): boolean => isMaking(failure) && failure.namespaces.length > 0;

const unit = (facts: Facts): string =>
  /\/([^/\n]+\.service)(?:\/|$)/m.exec(facts.evidence.read(MARKS.cgroup) ?? '')?.[1] ?? 'UNIT';

/** What a profile has to allow beyond the engine's own. */
const ALLOWED = '(allow clone, clone3, unshare, setns, mount, umount2, pivot_root)';

/** What was put around the caller. */
export const sandboxCauses: readonly Cause[] = [
  {
    id: 'outer-sandbox-blocks',
    matches: (failure, facts) => {
      const confined = facts.confined();
      if (confined !== 'flatpak' && confined !== 'snap') return null;
      return (isMaking(failure) || isMount(failure)) && said(failure, 'EPERM', 'EACCES', 'ENOSPC', 'ENOSYS')
        ? 'likely'
        : null;
    },
    summary: (_, facts) => `the caller runs inside ${facts.confined()}, which most likely allows no namespaces`,
    sources: () => [MARKS.flatpak, MARKS.label],
    remedy: (facts) => (facts.confined() === 'flatpak' ? ['flatpak-spawn --host COMMAND'] : []),
  },
  {
    id: 'seccomp-clone3-eperm',
    matches: (failure, facts) =>
      failure.step === 'clone' &&
      (failure.namespaces.length === 0 || (failure.isAssumed === true && failure.syscall === 'clone3')) &&
      failure.errno === 'EPERM' &&
      failure.syscall !== 'clone' &&
      (isFiltered(facts) || mayBeFiltered(facts))
        ? 'likely'
        : null,
    summary: () => 'a seccomp filter most likely refuses clone3 with EPERM, where ENOSYS would let programs fall back',
    sources: () => [SECCOMP],
    remedy: (facts) => [
      'update the container engine',
      ...inEngine(facts, {
        options: ['--security-opt seccomp=unconfined'],
        fields: ['securityContext: { seccompProfile: { type: Unconfined } }'],
      }),
    ],
  },
  {
    id: 'seccomp-container-default',
    matches: (failure, facts) =>
      isBlocked(failure) &&
      (failure.errno !== null || makesAny(failure)) &&
      (isFiltered(facts) || mayBeFiltered(facts)) &&
      facts.has('CAP_SYS_ADMIN') !== true &&
      (facts.confined() === 'container' || facts.confined() === 'lxc')
        ? 'likely'
        : null,
    summary: () => 'the seccomp filter of this container most likely allows no namespaces without CAP_SYS_ADMIN',
    sources: () => [SECCOMP, `${SOURCE.status}#CapEff`, MARKS.docker, MARKS.podman, MARKS.variable],
    remedy: (facts) =>
      inEngine(facts, {
        options: [
          `--security-opt seccomp=PROFILE ${ALLOWED}`,
          '--security-opt seccomp=unconfined',
          '--cap-add SYS_ADMIN',
        ],
        fields: [
          `securityContext: { seccompProfile: { type: Localhost, localhostProfile: PROFILE } } ${ALLOWED}`,
          'securityContext: { seccompProfile: { type: Unconfined } }',
          'hostUsers: false, with securityContext: { capabilities: { add: [SYS_ADMIN] } }',
        ],
      }),
  },
  {
    id: 'systemd-restrict-namespaces',
    matches: (failure, facts) => {
      if (!isBlocked(failure)) return null;
      const confined = facts.confined();
      if (saysRestricted(failure)) return 'likely';
      if (!(isFiltered(facts) || (mayBeFiltered(facts) && failure.errno === 'EPERM'))) {
        const mayBeService = facts.status('Seccomp') === undefined && confined === 'nothing known';
        return mayBeService && failure.errno === 'EPERM' && tellsOfService(failure) ? 'possible' : null;
      }
      if (confined === 'service') return 'likely';
      return confined === 'nothing known' ? 'possible' : null;
    },
    summary: (failure, facts) =>
      facts.confined() === 'service' || saysRestricted(failure)
        ? `the service ${unit(facts)} probably has RestrictNamespaces= or another seccomp setting`
        : 'the caller perhaps runs under a seccomp filter that refuses namespaces, as a service may',
    sources: () => [SECCOMP, MARKS.cgroup],
    remedy: (facts) =>
      facts.confined() === 'service'
        ? [`${asRoot(facts, `systemctl edit ${unit(facts)}`)}  # [Service] RestrictNamespaces=no`]
        : [],
  },
  {
    id: 'memfd-noexec',
    matches: (failure, facts) => {
      if ((failure.step !== 'prepare' && failure.step !== 'carrier') || !said(failure, 'EACCES')) return null;
      return (facts.number('/proc/sys/vm/memfd_noexec') ?? 0) > 1 ? 'certain' : null;
    },
    summary: () => 'vm.memfd_noexec forbids executable memory files in this pid namespace',
    sources: () => ['/proc/sys/vm/memfd_noexec'],
    remedy: (facts) => hostCommands(facts, asRoot(facts, 'sysctl -w vm.memfd_noexec=1')),
  },
];
