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
const titleOf = ({ options, rounds }: BenchRun, version: string): string => {
  const of = rounds.rounds === options.iterations ? '' : ` of ${options.iterations}`;
  const command = [options.command, ...options.args].join(' ');
  return `ns-bench ${version}: ${command}, ${rounds.rounds}${of} rounds after ${options.warmup} of warm-up, shuffled with seed ${options.seed}`;
};

/** The machine and the run, a line for each of its facts. */
export const drawHeader = (run: BenchRun, version: string, { paint, width }: Look): string => {
  const { context } = run;
  const facts: readonly (readonly [string, string])[] = [
    ['kernel', [`Linux ${context.kernel}`, context.architecture, context.virtualization].filter(Boolean).join(', ')],
    ['cpu', `${context.cpu.model} × ${context.cpu.count}`],
    ['mitigations', mitigationsLine(context.mitigations)],
    ['load', context.loadAverage.map((load) => load.toFixed(2)).join(' ')],
    ['node', `${context.node}, ${whoLine(context)}`],
    ...context.backends.map(
      ({ name, available, line }) => [name, available ? line : `not available: ${line}`] as const,
    ),
  ];
  const lines = facts.map(([label, text]) => {
    const plain = wrap(`${label.padEnd(LABEL_WIDTH)}${text}`, width, LABEL_WIDTH);
    return `${paint.dim(plain.slice(0, LABEL_WIDTH))}${plain.slice(LABEL_WIDTH)}`;
  });
  return [paint.bold(wrap(titleOf(run, version), width, 2)), ...lines].join('\n');
};
