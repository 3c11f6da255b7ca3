import { lstatSync, readlinkSync } from 'node:fs';
import type { MountSpec } from '../../lib/index.ts';

/** The programs of this machine, in a root of the child's own: what it takes to run sh(1) there. */
export const PROGRAMS: readonly MountSpec[] = ['/usr', '/bin', '/sbin', '/lib', '/lib64'].flatMap(
  (target): readonly MountSpec[] => {
    const found = lstatSync(target, { throwIfNoEntry: false });
    if (found === undefined) return [];
    return found.isSymbolicLink()
      ? [{ type: 'symlink', target, to: readlinkSync(target) }]
      : [{ type: 'bind', target, source: target, readOnly: true }];
  },
);

/** An environment that finds those programs. */
export const PROGRAMS_ENV = { PATH: '/usr/bin:/bin' } as const;
