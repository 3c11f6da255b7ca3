import { CHECKS, type CheckName, type CheckReport } from '../../lib/index.ts';
import { reasonOf, verdictFor } from './requirements.ts';

/** A text as a YAML string in double quotes. */
const quoted = (text: string): string => JSON.stringify(text);

/** The report as TAP 14: a point for each requirement, or for everything that is asked for the caller. */
export const drawTap = (report: CheckReport, required: readonly CheckName[]): string => {
  const names = required.length > 0 ? required : CHECKS;
  const points = names.flatMap((name, index) => {
    const verdict = verdictFor(report, name);
    const number = index + 1;
    if (verdict === null) return [`not ok ${number} - ${name}`, '  ---', '  message: "not known"', '  ...'];
    if (verdict.state === 'works') return [`ok ${number} - ${name}`];
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
