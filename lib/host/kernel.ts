/** A kernel's version, as far as `uname -r` tells it. */
export interface KernelVersion {
  readonly numbers: readonly [number, number, number];
  /** The build number of a Red Hat kernel of the seventh generation: 1160 in `3.10.0-1160.el7.x86_64`. */
  readonly el7Build: number | null;
}

/** Reads what `uname -r` prints; null for what is no kernel release. */
export const parseKernelRelease = (release: string): KernelVersion | null => {
  const found = /^(\d+)\.(\d+)(?:\.(\d+))?(.*)$/.exec(release.trim());
  if (found === null) return null;
  const [, major, minor, patch, rest] = found;
  // Others build newer kernels for that generation, and mark them the same way.
  const isOwn = major === '3' && minor === '10';
  const build = isOwn ? /^-(\d+)(?:\.[^-]*)?\.el7/.exec(rest ?? '') : null;
  return {
    numbers: [Number(major), Number(minor), Number(patch ?? 0)],
    el7Build: build === null ? null : Number(build[1]),
  };
};

/** Whether a kernel is older than `since` (`5.6`, `2.6.24`), by its number alone. */
export const isOlder = ({ numbers }: KernelVersion, since: string): boolean => {
  const wanted = since.split('.').map(Number);
  for (const [index, number] of numbers.entries()) {
    const other = wanted[index] ?? 0;
    if (number !== other) return number < other;
  }
  return false;
};
