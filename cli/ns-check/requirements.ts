import type { CheckName, CheckReport, Verdict } from '../../lib/index.ts';

/** The verdicts for who asks: root where the caller is root, and the user otherwise. */
const callersVerdicts = ({ caller, subjects }: CheckReport): readonly Verdict[] =>
  subjects.filter(({ who }) => who === caller)[0]?.verdicts ?? [];

/** Why a verdict is not `works`, as one line. */
const reasonOf = (report: CheckReport, { state, cause, errno, note }: Verdict): string => {
  const finding = report.findings.find((one) => one.cause === cause);
  const remedy = finding?.remedy[0];
  if (state === 'unknown')
    return `not known: ${note ?? 'nothing was tried, and nothing that is known stands in the way'}`;
  const why = finding === undefined ? (errno ?? 'blocked') : `${errno === null ? '' : `${errno}: `}${finding.summary}`;
  return `${cause}: ${why}${remedy === undefined ? '' : ` (try: ${remedy})`}`;
};

/** A line for each requirement that is not seen to be met. What is not known is not met. */
export const unmet = (report: CheckReport, names: readonly CheckName[]): readonly string[] => {
  const verdicts = callersVerdicts(report);
  return names.flatMap((name) => {
    const verdict = verdicts.find(({ check }) => check === name);
    if (verdict === undefined || verdict.state === 'works') return [];
    return [`${name}: ${reasonOf(report, verdict)}`];
  });
};
