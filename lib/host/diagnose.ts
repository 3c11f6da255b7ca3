import type { Diagnosis } from '../errors.ts';
import { bySureness, type Cause, type Confidence } from './cause.ts';
import { CAUSES } from './causes.ts';
import { type Evidence, liveEvidence, type Reading, SPECIAL } from './evidence.ts';
import { type Facts, factsFrom } from './facts.ts';
import type { Failure } from './failure.ts';

/** A tool that gave no errno leaves room for doubt, and one that named nothing, for more; and what stands in the way for good fails always, not now and then. */
const doubt = (
  confidence: Confidence,
  { errno, isIntermittent, isAssumed, text }: Failure,
  { comesAndGoes }: Cause,
): Confidence => {
  if (isIntermittent === true && comesAndGoes !== true) return 'possible';
  const isVague =
    isAssumed === true && errno === null && !/namespace|userns|sandbox|\b[ug]id|map\b|\bproc\b/i.test(text ?? '');
  if (isVague) return 'possible';
  return errno === null && confidence === 'certain' ? 'likely' : confidence;
};

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
  evidence: cause.sources(failure, facts).map((source) => ({ source, value: excerpt(source, facts.evidence) })),
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
    return confidence === null ? [] : [explainCause(cause, doubt(confidence, failure, cause), failure, facts)];
  }).sort((a, b) => bySureness(a.confidence, b.confidence));
};

/** What a log says of the platform holds as long as the machine runs. */
const platformLines = ({ read }: Evidence): Reading =>
  read(SPECIAL.log)
    ?.split('\n')
    .filter((line) => line.includes('gVisor'))
    .join('\n');

/**
 * Tells what would fail, before anything has: the causes for which evidence alone is enough.
 *
 * @param failures - the ways in which something could fail
 * @param evidence - what is known of the machine
 * @returns those that are at least likely, in the order in which the kernel meets them, each once
 */
export const predict = (failures: readonly Failure[], evidence: Evidence): readonly Diagnosis[] => {
  // A log tells what happened, and not what will.
  const facts = factsFrom({
    read: (source) => (source === SPECIAL.log ? platformLines(evidence) : evidence.read(source)),
  });
  return CAUSES.flatMap((cause) => {
    if (cause.predicts !== true) return [];
    for (const failure of failures) {
      const confidence = cause.matches(failure, facts);
      if (confidence === 'certain' || confidence === 'likely') return [explainCause(cause, confidence, failure, facts)];
    }
    return [];
  });
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
