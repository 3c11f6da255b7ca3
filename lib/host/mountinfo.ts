/** One line of /proc/PID/mountinfo, as far as causes need it. */
export interface MountLine {
  /** The directory of the filesystem that is mounted. */
  readonly root: string;
  /** Where, as the process sees it. */
  readonly mountPoint: string;
  readonly options: readonly string[];
  readonly filesystem: string;
  /** Options of the filesystem itself, as one text. */
  readonly superOptions: string;
}

/** The kernel writes space, tab, newline and backslash in octal. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** Reads mountinfo; lines that are none are passed over. See proc_pid_mountinfo(5). */
export const parseMountinfo = (text: string): readonly MountLine[] =>
  text.split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ');
    const [, , , root, mountPoint, options] = (before ?? '').split(' ');
    const [filesystem, , superOptions = ''] = (after ?? '').split(' ');
    if (root === undefined || mountPoint === undefined || options === undefined || !filesystem) return [];
    return [
      {
        root: unescaped(root),
        mountPoint: unescaped(mountPoint),
        options: options.split(','),
        filesystem,
        superOptions,
      },
    ];
  });
