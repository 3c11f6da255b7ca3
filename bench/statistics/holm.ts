/**
 * Corrects probabilities for their number, after Holm: with all of them below a limit, the chance that any of them is
 * there by accident is below it.
 *
 * @returns in the order of the argument
 */
export const holm = (probabilities: readonly number[]): readonly number[] => {
  const order = [...probabilities.keys()].sort((a, b) => (probabilities[a] ?? 1) - (probabilities[b] ?? 1));
  const corrected = new Array<number>(probabilities.length).fill(1);
  let least = 0;
  for (const [rank, index] of order.entries()) {
    least = Math.max(least, Math.min(1, (probabilities[index] ?? 1) * (probabilities.length - rank)));
    corrected[index] = least;
  }
  return corrected;
};
