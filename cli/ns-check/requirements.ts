import type { CheckName, CheckReport, Verdict } from '../../lib/index.ts';

/**
 * The verdict that a requirement is about: that of who asks, or of the user that was named; what root has no need of, as
 * newuidmap, is what the ordinary user gets.
 *
 * @param isForUser - whether a user was named
 */
export const verdictFor = ({ caller, subjects }: CheckReport, name: CheckName, isForUser: boolean): Verdict | null => {
  const meant = isForUser ? 'user' : caller;
  const ordered = [...subjects].sort((a, b) => Number(b.who === meant) - Number(a.who === meant));
  for (const { verdicts } of ordered) {
    const verdict = verdicts.find(({ check }) => check === name);
    if (verdict !== undefined) return verdict;
  }
  return null;
};

/** Why a verdict is not `works`, as one line. */
export const reasonOf = (report: CheckReport, { state, cause, errno, note }: Verdict): string => {
  const finding = report.findings.find((one) => one.cause === cause);
  const remedy = finding?.remedy[0];
  if (state === 'unknown')
    return `not known: ${note ?? 'nothing was tried, and nothing that is known stands in the way'}`;
  const why = finding === undefined ? (errno ?? 'blocked') : `${errno === null ? '' : `${errno}: `}${finding.summary}`;
  return `${cause}: ${why}${remedy === undefined ? '' : ` (try: ${remedy})`}`;
};

/** A line for each requirement that is not seen to be met. What is not known is not met. */
export const unmet = (report: CheckReport, names: readonly CheckName[], isForUser: boolean): readonly string[] =>
  names.flatMap((name) => {
    const verdict = verdictFor(report, name, isForUser);
    if (verdict?.state === 'works') return [];
    return [`${name}: ${verdict === null ? 'not known' : reasonOf(report, verdict)}`];
  });
