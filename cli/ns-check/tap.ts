import { CHECKS, type CheckName, type CheckReport } from '../../lib/index.ts';
import { reasonOf, verdictFor } from './requirements.ts';

/** A text as a YAML string in double quotes. */
const quoted = (text: string): string => JSON.stringify(text);

/** A text behind `#`, where a line ends it and `#` would begin another. */
const directive = (text: string): string => text.replaceAll(/\s+/g, ' ').replaceAll('#', '\\#');

/**
 * The report as TAP 14: a point for each requirement, or for everything that is asked for the caller, or for the user that
 * was named. What nobody requires is skipped where it is not known.
 */
export const drawTap = (report: CheckReport, required: readonly CheckName[], isForUser: boolean): string => {
  const names = required.length > 0 ? required : CHECKS;
  const points = names.flatMap((name, index) => {
    const verdict = verdictFor(report, name, isForUser);
    const number = index + 1;
    if (verdict === null) return [`not ok ${number} - ${name}`, '  ---', '  message: "not known"', '  ...'];
    if (verdict.state === 'works') return [`ok ${number} - ${name}`];
    if (verdict.state === 'unknown' && required.length === 0)
      return [`ok ${number} - ${name} # SKIP ${directive(reasonOf(report, verdict))}`];
    const finding = report.findings.find(({ cause }) => cause === verdict.cause);
    return [
      `not ok ${number} - ${name}`,
      '  ---',
      `  message: ${quoted(reasonOf(report, verdict))}`,
      `  state: ${verdict.state}`,
      ...(verdict.cause === null ? [] : [`  cause: ${quoted(verdict.cause)}`]),
      ...(verdict.errno === null ? [] : [`  errno: ${quoted(verdict.errno)}`]),
      ...(finding === undefined || finding.remedy.length === 0
        ? []
        : ['  remedy:', ...finding.remedy.map((command) => `    - ${quoted(command)}`)]),
      '  ...',
    ];
  });
  return `${['TAP version 14', `1..${names.length}`, ...points].join('\n')}\n`;
};
