import ansis, { Ansis } from 'ansis';
import Table from 'cli-table3';
import { CHECKS, type CheckReport, type Diagnosis, type Finding, type Subject, type Verdict } from '../../lib/index.ts';
import type { CheckIo } from './io.ts';

const paintFor = ({ stdout, env }: CheckIo): Ansis =>
  new Ansis(stdout.isTTY === true || env['FORCE_COLOR'] !== undefined ? ansis.level : 0);

const cell = (verdict: Verdict, paint: Ansis): string => {
  const { filesystem } = verdict;
  return `${state(verdict, paint)}${filesystem === null ? '' : paint.dim(` (${filesystem})`)}`;
};

const state = ({ state, isTried, errno, confidence }: Verdict, paint: Ansis): string => {
  if (state === 'works') return paint.green('works');
  if (state === 'unknown') return paint.yellow('unknown');
  if (isTried) return paint.red(`blocked${errno === null ? '' : ` ${errno}`}`);
  return paint.red(confidence === 'certain' ? 'blocked' : 'blocked?');
};

const headOf = ({ who, inUserNamespace, uid, name }: Subject): string => {
  if (who === 'root') return inUserNamespace ? 'root, in user' : 'root';
  return uid === null ? 'user' : `user ${name ?? uid}`;
};

/** Nothing but space between columns. */
const CHARS = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
    'middle',
  ].map((name) => [name, name === 'middle' ? '  ' : '']),
);

const grid = ({ subjects }: CheckReport, paint: Ansis): string => {
  const table = new Table({
    head: ['', ...subjects.map(headOf)].map((text) => paint.bold(text)),
    chars: CHARS,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  for (const check of CHECKS) {
    const cells = subjects.map(({ verdicts }) => {
      const verdict = verdicts.find((one) => one.check === check);
      return verdict === undefined ? '' : cell(verdict, paint);
    });
    table.push([check, ...cells]);
  }
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
};

/** Why things are not known, each reason once, and for whom it holds. */
const reasons = ({ subjects }: CheckReport): readonly string[] => {
  const found = new Map<string, string[]>();
  for (const subject of subjects) {
    const { verdicts } = subject;
    const unknown = verdicts.filter(({ state }) => state === 'unknown');
    for (const note of new Set(unknown.flatMap((one) => one.note ?? []))) {
      const checks = unknown.filter((one) => one.note === note).map(({ check }) => check);
      const which = checks.length === verdicts.length ? '' : `: ${checks.join(', ')}`;
      found.set(note, [...(found.get(note) ?? []), `${headOf(subject)}${which}`]);
    }
  }
  return [...found].map(([note, whose]) => `unknown (${whose.join('; ')}): ${note}`);
};

const sure = ({ confidence }: Diagnosis): string => (confidence === 'certain' ? '' : ` (${confidence})`);

const diagnosisLines = (diagnosis: Diagnosis, paint: Ansis): readonly string[] => [
  `   ${diagnosis.summary}${sure(diagnosis)}`,
  ...diagnosis.evidence
    .filter(({ value }) => value !== 'not known')
    .slice(0, 6)
    .map(({ source, value }) => paint.dim(`   ${source}: ${value.split('\n').join(' | ')}`)),
  ...diagnosis.remedy.map((command) => `   ${paint.cyan('→')} ${command}`),
];

const blockedFor = ({ who, inUserNamespace }: Finding['blocks'][number]): string =>
  who === 'root' && inUserNamespace ? 'root in user' : who;

const findingLines = (finding: Finding, index: number, paint: Ansis): readonly string[] => {
  const blocked = finding.blocks.map((block) => `${blockedFor(block)}: ${block.checks.join(', ')}`).join('; ');
  return [
    `${index + 1}. ${paint.bold(finding.cause)}  ${paint.dim(`(${blocked})`)}`,
    ...diagnosisLines(finding, paint),
  ];
};

const sections = (report: CheckReport, paint: Ansis): readonly (readonly string[])[] => {
  const { kernel, distribution, surroundings, probe, backends, findings, observed, missing } = report;
  const isAllUnknown = probe === null;
  return [
    [
      `Linux ${kernel ?? '(version not known)'}, ${distribution ?? 'distribution not known'}, in: ${surroundings}`,
      probe === null ? 'Nothing was tried: what follows is what the evidence says.' : `Tried: ${probe}`,
      ...backends
        .filter(({ text }) => text !== probe)
        .map(({ name, isAvailable, text }) => paint.dim(`${name}: ${isAvailable ? '' : 'not available, '}${text}`)),
    ],
    [grid(report, paint)],
    reasons(report).map((line) => paint.dim(line)),
    observed.flatMap(({ failure, causes }) => {
      const [first, ...others] = causes;
      if (first === undefined) return [];
      return [
        `${paint.bold(first.cause)}  ${paint.dim(`(${failure.text ?? failure.step})`)}`,
        ...diagnosisLines(first, paint),
        ...others.slice(0, 3).map((other) => paint.dim(`   or ${other.cause}: ${other.summary}${sure(other)}`)),
      ];
    }),
    findings.length === 0 && observed.length === 0
      ? [isAllUnknown ? 'Nothing that is known stands in the way.' : 'Nothing stands in the way.']
      : findings.flatMap((finding, index) => findingLines(finding, index, paint)),
    missing.length === 0 || (findings.length === 0 && !isAllUnknown)
      ? []
      : [
          `Not known, and may tell more:`,
          ...missing.slice(0, 8).map(({ how }) => `   ${paint.cyan('→')} ${how}`),
          ...(missing.length > 8 ? [`   and ${missing.length - 8} more, see --json`] : []),
        ],
  ];
};

/** The report for a person to read. */
export const drawReport = (report: CheckReport, io: CheckIo): string => {
  const paint = paintFor(io);
  return `${sections(report, paint)
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
};
