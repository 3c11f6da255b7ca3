import type { Cause, Confidence } from '../cause.ts';
import { distributionFamily } from '../distribution.ts';
import { inEngine } from '../engine.ts';
import { SPECIAL } from '../evidence.ts';
import { type Facts, type HelperFacts, type MapHelper, SOURCE } from '../facts.ts';
import { type Failure, said } from '../failure.ts';
import { account, concerned, HELPERS, isHelper, isMute, says } from '../map-helper.ts';
import { asRoot, hostCommands, installPackage } from '../remedy.ts';

const known = (failure: Failure, facts: Facts): readonly HelperFacts[] =>
  concerned(failure).flatMap((name) => facts.helper(name) ?? []);

const missing = (failure: Failure, facts: Facts): readonly MapHelper[] =>
  concerned(failure).filter((name) => facts.helper(name) === null);

/** Whether a helper runs without the privilege that its file should give it; undefined where that is not known. */
const isPlain = ({ isSetuidRoot, hasFileCapabilities }: HelperFacts): boolean | undefined => {
  if (isSetuidRoot === true || hasFileCapabilities === true) return false;
  if (isSetuidRoot === false && hasFileCapabilities === false) return true;
  return undefined;
};

const helperSources = (failure: Failure): readonly string[] =>
  concerned(failure).flatMap((name) => [
    `command ${name}`,
    `/usr/bin/${name} (mode)`,
    `/usr/bin/${name} (capabilities)`,
  ]);

const helperPath = (facts: Facts, name: MapHelper): string => facts.helper(name)?.path ?? `/usr/bin/${name}`;

/** What a distribution gives its helpers: capabilities, or the setuid bit. Never both: then the kernel honours neither. */
const privilegeByHand = (facts: Facts): readonly string[] => {
  const family = distributionFamily(facts.evidence);
  if (family === 'nixos') return [];
  if (family !== 'redhat' && family !== 'arch')
    return [asRoot(facts, `chmod u+s ${HELPERS.map((name) => helperPath(facts, name)).join(' ')}`)];
  return [
    asRoot(facts, `setcap cap_setuid+ep ${helperPath(facts, 'newuidmap')}`),
    asRoot(facts, `setcap cap_setgid+ep ${helperPath(facts, 'newgidmap')}`),
  ];
};

/** Whether the helper failed when it wrote a map: what happened before is no matter of the map. */
const atWrite = (failure: Failure): boolean =>
  failure.text === null || failure.text === undefined || !says(failure, /open of|not allowed|owned by a different/);

const isUserService = (facts: Facts): boolean =>
  /\/user@\d+\.service\/.*\.service/.test(facts.evidence.read('/proc/self/cgroup') ?? '');

const onNosuid = (facts: Facts): boolean => {
  const path = facts.helper('newuidmap')?.path;
  if (path === undefined) return false;
  const above = (facts.mounts() ?? [])
    .filter(({ mountPoint }) => mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`))
    .sort((a, b) => b.mountPoint.length - a.mountPoint.length)[0];
  return above?.options.includes('nosuid') === true;
};

/** Whether its owner is root of an outer user namespace, who is nobody in this one. */
const isForeign = (facts: Facts): boolean => facts.helper('newuidmap')?.isOwnerUnmapped === true;

const privilegeIsHeldBack = (failure: Failure, facts: Facts): Confidence | null => {
  if (isForeign(facts)) return 'certain';
  if (facts.status('NoNewPrivs') === '1' || onNosuid(facts) || facts.isBounded('CAP_SETUID') === false)
    return 'certain';
  if (facts.status('NoNewPrivs') !== undefined) return null;
  if (
    isUserService(facts) ||
    says(failure, /no[-_]new[-_]privs|NoNewPrivileges=(?:yes|true|1)|allowPrivilegeEscalation: *false/i)
  )
    return 'likely';
  return says(failure, /user (?:unit|service)|systemd-run\b[^\n]* --user\b/) ? 'possible' : null;
};

/** newuidmap(1) and newgidmap(1), and what they are. */
export const mapHelperCauses: readonly Cause[] = [
  {
    id: 'newuidmap-missing',
    predicts: true,
    matches: (failure, facts) => {
      // What speaks is there; and a file of ranges that is not there is another matter.
      if (
        !isHelper(failure) ||
        failure.errno === 'EINVAL' ||
        says(failure, /\bnew[ug]idmap: (?!exec\b)[a-z]|\/etc\/sub/i)
      )
        return null;
      if (missing(failure, facts).length > 0) return 'certain';
      const isUnknown = concerned(failure).every((name) => facts.helper(name) === undefined);
      return isUnknown && (failure.errno === 'ENOENT' || says(failure, /not found|executable file|No such file/))
        ? 'likely'
        : null;
    },
    summary: (failure, facts) => {
      const names = missing(failure, facts);
      return names.length > 0
        ? `${names.join(' and ')} cannot be found in PATH`
        : 'newuidmap is probably not installed';
    },
    sources: (failure) => concerned(failure).map((name) => `command ${name}`),
    remedy: (facts) =>
      installPackage(facts, {
        debian: 'uidmap',
        redhat: 'shadow-utils',
        alpine: 'shadow-uidmap',
        suse: 'shadow',
        arch: 'shadow',
        other: 'shadow',
      }),
  },
  {
    id: 'newuidmap-setuid-plus-filecaps',
    predicts: true,
    matches: (failure, facts) => {
      if (!isHelper(failure) || !said(failure, 'EACCES')) return null;
      if (facts.logged(/newuidmap.*setuid-root and effective|setuid-root and effective.*newuidmap/)) return 'certain';
      const helpers = known(failure, facts);
      if (
        helpers.some(({ isSetuidRoot, hasFileCapabilities }) => isSetuidRoot === true && hasFileCapabilities === true)
      )
        return 'certain';
      const isOpen = says(failure, /open of \w+ failed: Permission denied/);
      const mayHaveBoth = helpers.every(
        ({ isSetuidRoot, hasFileCapabilities }) => isSetuidRoot !== false && hasFileCapabilities !== false,
      );
      return isOpen && mayHaveBoth ? 'likely' : null;
    },
    summary: (failure, facts) =>
      known(failure, facts).some((helper) => helper.isSetuidRoot === true && helper.hasFileCapabilities === true)
        ? 'newuidmap is setuid root and has file capabilities, too: the kernel then gives it only the capabilities'
        : 'newuidmap is probably setuid root and has file capabilities, too, of which it may have only one',
    sources: helperSources,
    remedy: (facts) => HELPERS.map((name) => asRoot(facts, `chmod u-s ${helperPath(facts, name)}`)),
  },
  {
    id: 'no-new-privs-blocks-newuidmap',
    predicts: true,
    matches: (failure, facts) =>
      isHelper(failure) && said(failure, 'EPERM', 'EACCES') && atWrite(failure)
        ? privilegeIsHeldBack(failure, facts)
        : null,
    summary: (_, facts) => {
      if (facts.status('NoNewPrivs') === '1')
        return 'no_new_privs is set, so that newuidmap gains nothing from its file';
      if (isForeign(facts))
        return 'newuidmap belongs to an id that this user namespace does not have, so that it gains nothing from its file';
      if (onNosuid(facts)) return 'newuidmap is on a mount with nosuid, so that it gains nothing from its file';
      if (facts.isBounded('CAP_SETUID') === false)
        return 'CAP_SETUID is not in the bounding set, so that newuidmap cannot gain it';
      return isUserService(facts)
        ? 'this user service probably runs with no_new_privs, as it does with any seccomp setting of its unit'
        : 'the caller probably runs with no_new_privs, so that newuidmap gains nothing from its file';
    },
    sources: () => [`${SOURCE.status}#NoNewPrivs`, `${SOURCE.status}#CapBnd`, '/proc/self/cgroup'],
    remedy: (facts) => {
      const confined = facts.confined();
      if (isForeign(facts)) return ['run it outside of this user namespace, or map one id only (mapRootUser)'];
      if (confined === 'service')
        return [
          'systemctl --user edit UNIT  # [Service] without NoNewPrivileges=, Restrict*=, SystemCallFilter= and the like',
        ];
      if (confined === 'container')
        return inEngine(facts, {
          options: ['--security-opt no-new-privileges=false'],
          podman: ['(without --security-opt no-new-privileges)'],
          fields: ['securityContext: { allowPrivilegeEscalation: true }'],
        });
      return [
        'start without no_new_privs (setpriv --no-new-privs, prlimit wrappers), or map one id only (mapRootUser)',
      ];
    },
  },
  {
    id: 'newuidmap-not-privileged',
    predicts: true,
    matches: (failure, facts) => {
      if (!isHelper(failure) || !said(failure, 'EPERM') || !atWrite(failure)) return null;
      const helpers = known(failure, facts);
      if (helpers.some((helper) => isPlain(helper) === true)) return 'certain';
      // Without the setuid bit all hangs on the file capabilities, and the other way round.
      if (helpers.some((helper) => isPlain(helper) === undefined && helper.isSetuidRoot === false)) return 'likely';
      if (helpers.some((helper) => isPlain(helper) === undefined && helper.hasFileCapabilities === false))
        return 'likely';
      if (says(failure, /set caps/)) return 'likely';
      const isOpen = failure.errno === 'EPERM' || isMute(failure);
      return helpers.every((helper) => isPlain(helper) === undefined) && isOpen ? 'possible' : null;
    },
    summary: (failure, facts) =>
      known(failure, facts).some((helper) => isPlain(helper) === true)
        ? 'newuidmap has neither the setuid bit nor file capabilities, so it may write no map'
        : 'newuidmap has probably lost its file capabilities, or its setuid bit, so it may write no map',
    sources: helperSources,
    remedy: (facts) => [
      ...installPackage(
        facts,
        {
          debian: 'uidmap',
          redhat: 'shadow-utils',
          alpine: 'shadow-uidmap',
          suse: 'shadow',
          arch: 'shadow',
          other: 'shadow',
        },
        true,
      ),
      ...privilegeByHand(facts).map((command) => `${command}  # where that is not enough`),
    ],
  },
  {
    id: 'passwd-gid-mismatch',
    predicts: true,
    matches: (failure, facts) => {
      if (!isHelper(failure)) return null;
      const wanted = facts.evidence.read(SPECIAL.account)?.split(':')[2];
      const gid = facts.status('Gid')?.split(/\s+/)[1];
      const differs = wanted !== undefined && gid !== undefined && wanted !== gid;
      if (says(failure, /owned by a different user/)) return differs ? 'certain' : 'likely';
      return differs && failure.text == null && said(failure, 'EPERM') ? 'likely' : null;
    },
    summary: () =>
      'the group id of this process is most likely not the one that passwd gives the user, which newuidmap asks for',
    sources: () => [SPECIAL.account, `${SOURCE.status}#Gid`],
    remedy: (facts) => [`sg "$(id -gn ${account(facts)})" COMMAND`],
  },
  {
    id: 'hidepid-setuid-helper',
    predicts: true,
    matches: (failure, facts) => {
      // A setuid bwrap(1) is such a helper, too.
      const isBySetuid = isHelper(failure) || (failure.step === 'id-map' && /bwrap/.test(failure.text ?? ''));
      if (!isBySetuid || !said(failure, 'EPERM', 'ENOENT', 'EACCES')) return null;
      const hides = (facts.mounts() ?? []).some(
        ({ mountPoint, filesystem, superOptions }) =>
          mountPoint === '/proc' &&
          filesystem === 'proc' &&
          /\bhidepid=(?:[1-9]|invisible|noaccess|ptraceable)/.test(superOptions),
      );
      return hides ? 'possible' : null;
    },
    summary: () =>
      '/proc hides processes of others (hidepid), which may keep a setuid helper from the map of its caller’s child',
    sources: () => [`${SOURCE.mountinfo}#mounts on /proc`],
    remedy: (facts) => hostCommands(facts, asRoot(facts, 'mount -o remount,hidepid=0 /proc')),
  },
];
