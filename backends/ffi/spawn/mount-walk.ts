import { readFileSync, realpathSync } from 'node:fs';
import { MOUNT } from '../abi/constants.ts';

/** A mount at or below a directory. */
export interface MountBelow {
  /** Its path from the directory on; `.` for the one that the directory itself is on. */
  readonly path: string;
  /** Its flags, as mount(2) wants them when they are to stay. */
  readonly flags: number;
}

const FLAGS: Readonly<Record<string, number>> = {
  ro: MOUNT.MS_RDONLY,
  nosuid: MOUNT.MS_NOSUID,
  nodev: MOUNT.MS_NODEV,
  noexec: MOUNT.MS_NOEXEC,
  noatime: MOUNT.MS_NOATIME,
  nodiratime: MOUNT.MS_NODIRATIME,
  relatime: MOUNT.MS_RELATIME,
};

/** The kernel writes space, tab, newline and backslash in octal. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

const isBelow = (path: string, directory: string): boolean =>
  directory === '/' || path === directory || path.startsWith(`${directory}/`);

/** What mountinfo says of a directory: the mount that it is on, and all below it, in their order. */
export const mountsBelow = (mountinfo: string, directory: string): readonly MountBelow[] => {
  let own: { readonly at: string; readonly flags: number } = { at: '', flags: 0 };
  const below = new Map<string, number>();
  for (const line of mountinfo.split('\n')) {
    const [, , , , point, options] = line.split(' ');
    if (point === undefined || options === undefined) continue;
    const at = unescaped(point);
    const flags = options.split(',').reduce((all, word) => all | (FLAGS[word] ?? 0), 0);
    if (isBelow(directory, at) && at.length >= own.at.length) own = { at, flags };
    else if (isBelow(at, directory)) below.set(at, flags);
  }
  const from = directory === '/' ? 1 : directory.length + 1;
  return [{ path: '.', flags: own.flags }, ...[...below].map(([at, flags]) => ({ path: at.slice(from), flags }))];
};

/**
 * The mounts at and below a path of the caller's. A recursive change of flags takes one call for each of them where there
 * is no mount_setattr(2), and what they do not let happen has to be said again.
 */
export const callersMountsBelow = (path: string): readonly MountBelow[] => {
  try {
    return mountsBelow(readFileSync('/proc/self/mountinfo', 'utf8'), realpathSync(path));
  } catch {
    // What is not there is for the set-up to find, with the errno that it has inside.
    return [{ path: '.', flags: 0 }];
  }
};
