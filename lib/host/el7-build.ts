import { confinement, isInContainer } from './confinement.ts';
import { distributionOf } from './distribution.ts';
import type { Evidence } from './evidence.ts';
import { parseKernelRelease } from './kernel.ts';

/** What is known of the build number of an EL7 kernel. */
export interface El7Build {
  readonly from: number;
  readonly to: number;
  /** Whether the running kernel said so; otherwise the release's name makes it likely. */
  readonly isRead: boolean;
}

/** The first build of each release, 7.0 to 7.9; a release's kernels go up to the next one's first. */
const FIRST_BUILDS = [123, 229, 327, 514, 693, 862, 957, 1062, 1127, 1160] as const;

/** No build of these kernels is as high. */
export const LAST_BUILD = 99_999;

const EL_IDS: readonly string[] = ['centos', 'rhel', 'ol', 'scientific'];

/** The minor number of the release, null where only `7` is written, undefined where it is not EL7. */
const minorRelease = (evidence: Evidence): number | null | undefined => {
  const release = / release 7(?:\.(\d+))?/.exec(evidence.read('/etc/redhat-release') ?? '');
  if (release !== null) return release[1] === undefined ? null : Number(release[1]);
  const { id, version } = distributionOf(evidence);
  return EL_IDS.includes(id) && version[0] === 7 ? (version[1] ?? null) : undefined;
};

/**
 * What is known of the build of an EL7 kernel; null where it is none.
 *
 * @remarks The running kernel decides. Only where it is not known, and the release's files are the host's own, the release
 * stands for it: many a 7.2 was updated without a new name.
 */
export const el7Build = (evidence: Evidence): El7Build | null => {
  const kernel = parseKernelRelease(evidence.read('/proc/sys/kernel/osrelease') ?? '');
  if (kernel !== null) {
    const { el7Build: build } = kernel;
    return build === null ? null : { from: build, to: build, isRead: true };
  }
  const minor = minorRelease(evidence);
  if (minor === undefined || isInContainer(confinement(evidence))) return null;
  if (minor === null) return { from: FIRST_BUILDS[0], to: LAST_BUILD, isRead: false };
  return { from: FIRST_BUILDS[minor] ?? 1160, to: (FIRST_BUILDS[minor + 1] ?? LAST_BUILD + 1) - 1, isRead: false };
};
