import type { Context } from '../measure/context.ts';
import type { Mitigations } from '../measure/mitigations.ts';
import type { BenchRun } from '../run.ts';
import type { Look } from './paint.ts';
import { wrap } from './wrap.ts';

const LABEL_WIDTH = 13;

const listed = (count: string, names: readonly string[]): readonly string[] =>
  names.length === 0 ? [] : [`${names.length} ${count} (${names.join(', ')})`];

const mitigationsLine = ({ mitigated, vulnerable, notAffected, unknown }: Mitigations): string => {
  const parts = [
    ...listed('mitigated', mitigated),
    ...listed('vulnerable', vulnerable),
    ...listed('unknown', unknown),
    ...(notAffected.length === 0 ? [] : [`${notAffected.length} not affected`]),
  ];
  return parts.length === 0 ? 'not shown by this kernel' : parts.join('; ');
};

const whoLine = ({ uid, privileged }: Context): string =>
  `uid ${uid}, ${privileged ? 'with' : 'without'} CAP_SYS_ADMIN`;

/** The first line: what was run, how often. */
export const titleOf = ({ options, rounds, warmup }: BenchRun, version: string): string => {
  const of = rounds.rounds === options.iterations ? '' : ` of ${options.iterations}`;
  const command = [options.command, ...options.args].join(' ');
  return `ns-bench ${version}: ${command}, ${rounds.rounds}${of} rounds after ${warmup} of warm-up${options.warmup === 'auto' ? ' (found)' : ''}, shuffled with seed ${options.seed}`;
};

const kernelLine = ({ kernel, architecture, virtualization, kernelConfig }: Context): string => {
  const preempt = Object.keys(kernelConfig ?? {}).find((name) => /^PREEMPT(?:_NONE|_VOLUNTARY|_RT)?$/.test(name));
  const hz = kernelConfig?.['HZ'];
  return [`Linux ${kernel}`, architecture, virtualization, preempt, hz === undefined ? null : `HZ ${hz}`]
    .filter(Boolean)
    .join(', ');
};

const cpuLine = ({ cpu: { model, count, microcode, governor } }: Context): string =>
  [
    `${model} × ${count}`,
    microcode === null ? null : `microcode ${microcode}`,
    governor === null ? null : `governor ${governor}`,
  ]
    .filter(Boolean)
    .join(', ');

/** The machine, a label and a text for each of its facts. */
export const factsOf = ({ context }: BenchRun): readonly (readonly [string, string])[] => [
  ['kernel', kernelLine(context)],
  ['cpu', cpuLine(context)],
  ['mitigations', mitigationsLine(context.mitigations)],
  ['load', context.loadAverage.map((load) => load.toFixed(2)).join(' ')],
  ['node', `${context.node}, ${whoLine(context)}`],
  ...[...context.backends, ...context.peers].map(
    ({ name, available, line }) => [name, available ? line : `not available: ${line}`] as const,
  ),
];

/** The machine and the run, a line for each of its facts. */
export const drawHeader = (run: BenchRun, version: string, { paint, width }: Look): string => {
  const lines = factsOf(run).map(([label, text]) => {
    const plain = wrap(`${label.padEnd(LABEL_WIDTH)}${text}`, width, LABEL_WIDTH);
    return `${paint.dim(plain.slice(0, LABEL_WIDTH))}${plain.slice(LABEL_WIDTH)}`;
  });
  return [paint.bold(wrap(titleOf(run, version), width, 2)), ...lines].join('\n');
};
