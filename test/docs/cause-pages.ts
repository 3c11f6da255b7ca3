import type { Cause } from '../../lib/host/cause.ts';
import { CAUSES } from '../../lib/host/causes.ts';
import { diagnoseAll } from '../../lib/host/diagnose.ts';
import { snapshotEvidence } from '../../lib/host/evidence.ts';
import { factsFrom } from '../../lib/host/facts.ts';
import { howToRead } from '../../lib/host/missing.ts';
import { NOTES } from '../../lib/host/notes.ts';
import { evidenceOf, MACHINES, type Machine } from '../host/machines.ts';

const code = (lines: readonly string[]): string => lines.map((line) => `    ${line}`).join('\n');

const list = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join('\n');

const diagnosisOn = (machine: Machine) =>
  diagnoseAll(machine.failure, snapshotEvidence(evidenceOf(machine))).find(({ cause }) => cause === machine.cause);

const checksOf = (cause: Cause, machine: Machine): readonly string[] => {
  const seen = new Set<string>();
  for (const source of cause.sources(machine.failure, factsFrom(snapshotEvidence(evidenceOf(machine))))) {
    const [file = source, field] = source.split('#');
    const how = howToRead(file);
    if (how === null) continue;
    const point = field?.startsWith('mounts on ') === true ? field.slice('mounts on '.length) : null;
    if (point !== null) seen.add(`awk '${point === '/' ? '$5 == "/"' : `index($5, "${point}") == 1`}' ${file}`);
    else seen.add(field === undefined || !how.startsWith('cat ') ? how : `grep '^${field}' ${file}`);
  }
  return [...seen];
};

/** Distributions whose remedies are shown, by what os-release says. */
const DISTRIBUTIONS: readonly (readonly [name: string, release: string])[] = [
  ['Debian, Ubuntu', 'ID=debian'],
  ['Fedora, RHEL and its kin', 'ID=fedora'],
  ['Alpine', 'ID=alpine'],
  ['Arch', 'ID=arch'],
  ['openSUSE, SLES', 'ID=opensuse-leap\nID_LIKE="suse"'],
  ['NixOS', 'ID=nixos'],
];

/** The remedies as each distribution types them; those that do not differ stand together. */
const remediesOf = (machine: Machine): readonly string[] => {
  const own = diagnosisOn(machine)?.remedy ?? [];
  if (own.length === 0) return ['There is none.'];
  if (machine.evidence['/etc/os-release'] !== undefined) return [code(own)];
  const worded = new Map<string, string[]>();
  for (const [name, release] of DISTRIBUTIONS) {
    const text = code(
      diagnosisOn({ ...machine, evidence: { ...machine.evidence, '/etc/os-release': release } })?.remedy ?? [],
    );
    worded.set(text, [...(worded.get(text) ?? []), name]);
  }
  if (worded.size === 1) return [code(own)];
  return [...worded].map(([text, names]) => `${names.join('; ')}:\n\n${text}`);
};

/** The remedies of every machine, where they differ. */
const allRemedies = (machines: readonly Machine[]): readonly string[] => {
  const blocks = new Map<string, string>();
  for (const machine of machines) {
    const text = remediesOf(machine).join('\n\n');
    if (!blocks.has(text)) blocks.set(text, machine.about);
  }
  if (blocks.size === 1) return [...blocks.keys()];
  return [...blocks].map(([text, about]) => `On ${about}:\n\n${text}`);
};

/** The page of a cause. */
const pageOf = (cause: Cause): string => {
  const note = NOTES[cause.id];
  const machines = MACHINES.filter((machine) => machine.cause === cause.id);
  const [first] = machines;
  if (note === undefined || first === undefined) throw new Error(`No note, or no machine, for ${cause.id}`);
  const seen = machines.map((machine) => {
    const found = diagnosisOn(machine);
    return `${machine.about}: ${found?.summary} (${found?.confidence})`;
  });
  const checks = checksOf(cause, first);
  const sections = [
    `# ${cause.id}`,
    `It stops ${note.affects}.${cause.predicts === true ? ' ns-check can tell it before anything has failed.' : ''}`,
    `## Symptom\n\n${code(note.symptoms)}`,
    `## Machines that have it\n\n${list(seen)}`,
    checks.length === 0 ? null : `## Check\n\n${code(checks)}`,
    `## Remedy\n\n${allRemedies(machines).join('\n\n')}`,
    `## What it opens\n\n${note.opens ?? 'Nothing.'}`,
    `## Met in\n\n${list(note.references)}`,
  ];
  return `${sections.filter((section) => section !== null).join('\n\n')}\n`;
};

const indexPage = (): string => {
  const rows = CAUSES.map(
    ({ id }) => `| [${id}](${id}.md) | ${NOTES[id]?.affects} | ${MACHINES.find(({ cause }) => cause === id)?.about} |`,
  );
  const head = [
    '# Causes',
    'Why a namespace is not to be had, in the order in which the kernel meets them. Written by `npm run docs:causes` from the table in `lib/host/`.',
  ];
  return `${head.join('\n\n')}\n\n| cause | stops | for example |\n|---|---|---|\n${rows.join('\n')}\n`;
};

/** Every page of docs/causes, by file name. */
export const causePages = (): ReadonlyMap<string, string> =>
  new Map([['README.md', indexPage()], ...CAUSES.map((cause) => [`${cause.id}.md`, pageOf(cause)] as const)]);
