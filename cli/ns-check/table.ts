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

const namesOf = ({ verdicts }: Subject): readonly string[] => verdicts.map(({ check }) => check);

/** So many names are read one by one; of more it is said which are not among them. */
const FEW = 6;

/** The names of checks of a subject, in short. */
const inShort = (names: readonly string[], all: readonly string[]): string => {
  const others = all.filter((name) => !names.includes(name));
  if (others.length === 0) return 'everything';
  return names.length > FEW && others.length <= FEW ? `everything but ${others.join(', ')}` : names.join(', ');
};

/** Why things are not known, each reason once, and for whom it holds. */
const reasons = ({ subjects }: CheckReport): readonly string[] => {
  const found = new Map<string, string[]>();
  for (const subject of subjects) {
    const { verdicts } = subject;
    const unknown = verdicts.filter(({ state }) => state === 'unknown');
    for (const note of new Set(unknown.flatMap((one) => one.note ?? []))) {
      const checks = unknown.filter((one) => one.note === note).map(({ check }) => check);
      const which = inShort(checks, namesOf(subject));
      found.set(note, [...(found.get(note) ?? []), `${headOf(subject)}: ${which}`]);
    }
  }
  return [...found].map(([note, whose]) => `unknown (${whose.join('; ')}): ${note}`);
};

const sure = ({ confidence }: Diagnosis): string => (confidence === 'certain' ? '' : ` (${confidence})`);

/** What a report is drawn on. */
interface Page {
  readonly paint: Ansis;
  /** Evidence is cut at the edge; what is to be read, or typed, is not. */
  readonly width: number;
}

const cut = (line: string, width: number): string => (line.length > width ? `${line.slice(0, width - 1)}…` : line);

const diagnosisLines = (diagnosis: Diagnosis, { paint, width }: Page): readonly string[] => [
  `   ${diagnosis.summary}${sure(diagnosis)}`,
  ...diagnosis.evidence
    .filter(({ value }) => value !== 'not known')
    .slice(0, 6)
    .map(({ source, value }) => paint.dim(cut(`   ${source}: ${value.split('\n').join(' | ')}`, width))),
  ...diagnosis.remedy.map((command) => `   ${paint.cyan('→')} ${command}`),
];

const blockedFor = ({ who, inUserNamespace, checks }: Finding['blocks'][number], { subjects }: CheckReport): string => {
  const subject = subjects.find((one) => one.who === who && one.inUserNamespace === inUserNamespace);
  const all = subject === undefined ? checks : namesOf(subject);
  return `${who === 'root' && inUserNamespace ? 'root in user' : who}: ${inShort(checks, all)}`;
};

const findingLines = (finding: Finding, index: number, report: CheckReport, page: Page): readonly string[] => {
  const { paint } = page;
  const blocked = finding.blocks.map((block) => blockedFor(block, report)).join('; ');
  return [`${index + 1}. ${paint.bold(finding.cause)}  ${paint.dim(`(${blocked})`)}`, ...diagnosisLines(finding, page)];
};

const sections = (report: CheckReport, page: Page): readonly (readonly string[])[] => {
  const { paint } = page;
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
        ...diagnosisLines(first, page),
        ...others.slice(0, 3).map((other) => paint.dim(`   or ${other.cause}: ${other.summary}${sure(other)}`)),
      ];
    }),
    findings.length === 0 && observed.length === 0
      ? [isAllUnknown ? 'Nothing that is known stands in the way.' : 'Nothing stands in the way.']
      : findings.flatMap((finding, index) => findingLines(finding, index, report, page)),
    missing.length === 0 || (findings.length === 0 && !isAllUnknown)
      ? []
      : [
          `Not known, and may tell more:`,
          ...missing.slice(0, 8).map(({ how }) => `   ${paint.cyan('→')} ${how}`),
          ...(missing.length > 8 ? [`   and ${missing.length - 8} more, see --json`] : []),
        ],
  ];
};

/** A terminal says its width; who pastes the report has room for as much as evidence is cut at anyway. */
const [NARROWEST, WIDEST] = [40, 240];

/** The report for a person to read. */
export const drawReport = (report: CheckReport, io: CheckIo): string => {
  const { isTTY, columns } = io.stdout;
  const width = isTTY === true && columns !== undefined && columns >= NARROWEST ? columns : WIDEST;
  return `${sections(report, { paint: paintFor(io), width })
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
};
