import type { Diagnosis } from '../errors.ts';
import type { Cause, Confidence } from './cause.ts';
import { CAUSES } from './causes.ts';
import { type Evidence, liveEvidence } from './evidence.ts';
import { type Facts, factsFrom } from './facts.ts';
import type { Failure } from './failure.ts';

const RANK: Readonly<Record<Confidence, number>> = { certain: 0, likely: 1, possible: 2 };

/** A tool that gave no errno leaves room for doubt. */
const doubt = (confidence: Confidence, { errno }: Failure): Confidence =>
  errno === null && confidence === 'certain' ? 'likely' : confidence;

/** What is shown of a source: one field of a file, the mounts at or below a directory, or the first line. */
const excerpt = (source: string, { read }: Evidence): string => {
  const [file, field] = source.split('#', 2);
  const text = read(file ?? source);
  if (text === undefined) return 'not known';
  if (text === null) return 'absent';
  if (text === '') return 'empty';
  if (field === undefined) return text.length > 200 ? `${text.slice(0, 197)}...` : text;
  const mountPoint = field.startsWith('mounts on ') ? field.slice('mounts on '.length) : null;
  const lines = text.split('\n').filter((line) => {
    if (mountPoint === null) return line.startsWith(field);
    const point = line.split(' ')[4] ?? '';
    return mountPoint === '/' ? point === '/' : point.startsWith(mountPoint);
  });
  if (mountPoint !== null) return lines.length === 0 ? 'none' : lines.slice(0, 5).join('\n');
  return lines[0]?.slice(field.length).replace(/^:?\s+/, '') ?? 'not known';
};

const explainCause = (cause: Cause, confidence: Confidence, failure: Failure, facts: Facts): Diagnosis => ({
  cause: cause.id,
  summary: cause.summary(failure, facts),
  confidence,
  evidence: cause.sources(failure).map((source) => ({ source, value: excerpt(source, facts.evidence) })),
  remedy: cause.remedy(facts, failure),
});

/**
 * Finds every known cause that may be behind a failure, the surest first.
 *
 * @param failure - what failed
 * @param evidence - what is known of the machine
 * @returns none when nothing that is known explains it
 */
export const diagnoseAll = (failure: Failure, evidence: Evidence): readonly Diagnosis[] => {
  const facts = factsFrom(evidence);
  return CAUSES.flatMap((cause) => {
    const confidence = cause.matches(failure, facts);
    return confidence === null ? [] : [explainCause(cause, doubt(confidence, failure), failure, facts)];
  }).sort((a, b) => RANK[a.confidence] - RANK[b.confidence]);
};

/**
 * Says why a step of a set-up failed, as far as this machine tells.
 *
 * @remarks Reads files of /proc and /sys, so it is for the time after a failure only. The caller's own state is what
 * it looks at, not the child's, which is gone.
 * @param failure - what failed
 * @returns the surest cause, or null when nothing that is known explains it
 */
export const diagnose = (failure: Failure): Diagnosis | null => diagnoseAll(failure, liveEvidence())[0] ?? null;
