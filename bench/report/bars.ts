const BARS = '▁▂▃▄▅▆▇█';

/** A histogram of one line: the fullest bin has the highest bar, an empty one a dot. */
export const bars = (counts: readonly number[]): string => {
  const most = Math.max(...counts);
  return counts
    .map((count) => (count === 0 ? '·' : (BARS[Math.ceil((count / most) * BARS.length) - 1] ?? '·')))
    .join('');
};
