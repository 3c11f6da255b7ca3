import type { CheckReport } from '../../lib/index.ts';

type Labels = Readonly<Record<string, string>>;

/** A label's value, as the text format wants it. */
const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

const sample = (name: string, labels: Labels, value: number): string => {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `${name}{${pairs.join(',')}} ${value}`;
};

const family = (name: string, help: string, samples: readonly string[]): readonly string[] =>
  samples.length === 0 ? [] : [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, ...samples];

/** The report in the text format of Prometheus, for the textfile collector. What is not known has no sample. */
export const drawPrometheus = (report: CheckReport, now: Date): string => {
  const { kernel, distribution, surroundings, subjects, findings } = report;
  const rows = subjects.flatMap(({ who, inUserNamespace, verdicts }) =>
    verdicts.map((verdict) => ({
      ...verdict,
      labels: { who, in_user_namespace: String(inUserNamespace), check: verdict.check },
    })),
  );
  const lines = [
    ...family(
      'ns_check_works',
      'Whether it works (1) or is blocked (0).',
      rows.flatMap(({ state, labels }) =>
        state === 'unknown' ? [] : [sample('ns_check_works', labels, state === 'works' ? 1 : 0)],
      ),
    ),
    ...family(
      'ns_check_blocked',
      'Why it is blocked: the cause that comes first.',
      rows.flatMap(({ state, cause, errno, labels }) =>
        state === 'blocked'
          ? [sample('ns_check_blocked', { ...labels, cause: cause ?? 'unknown', errno: errno ?? '' }, 1)]
          : [],
      ),
    ),
    ...family(
      'ns_check_findings',
      'Every cause that blocks something.',
      findings.map(({ cause, confidence }) => sample('ns_check_findings', { cause, confidence }, 1)),
    ),
    ...family('ns_check_machine', 'The machine.', [
      sample('ns_check_machine', { kernel: kernel ?? '', distribution: distribution ?? '', surroundings }, 1),
    ]),
    ...family('ns_check_timestamp_seconds', 'When it was checked.', [
      `ns_check_timestamp_seconds ${Math.floor(now.getTime() / 1000)}`,
    ]),
  ];
  return `${lines.join('\n')}\n`;
};
