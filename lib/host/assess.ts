import { type CheckName, checksFor, type Who } from '../check-names.ts';
import type { Diagnosis } from '../errors.ts';
import { bySureness } from './cause.ts';
import { CAUSES } from './causes.ts';
import { conceivable } from './checks.ts';
import type { Confined } from './confinement.ts';
import { diagnoseAll, predict } from './diagnose.ts';
import { BACKEND, BACKEND_NAMES, type Evidence, PROBE } from './evidence.ts';
import { factsFrom, SOURCE } from './facts.ts';
import type { Failure } from './failure.ts';
import { howToRead } from './missing.ts';
import { NOTES } from './notes.ts';
import { type Account, asSeenBy, isRoot } from './subject.ts';

/** What came of trying a check: it works, or this failed; or it could not be tried, and why. */
export type Attempt =
  | { readonly type: 'works'; readonly filesystem: string | null }
  | { readonly type: 'failed'; readonly failure: Failure }
  | { readonly type: 'untried'; readonly reason: string };

/** What came of trying, for one subject. */
type Attempts = ReadonlyMap<CheckName, Attempt>;

/** What is known of one check for one subject. */
export interface Verdict {
  readonly check: CheckName;
  /** `works` was seen, with a privileged act in it; `blocked` was seen, or is what the evidence says; otherwise `unknown`. */
  readonly state: 'works' | 'blocked' | 'unknown';
  /** Whether it was tried; otherwise the evidence alone speaks. */
  readonly isTried: boolean;
  /** The error that was seen. */
  readonly errno: string | null;
  /** The cause that comes first; `unknown` when nothing that is known explains the error. */
  readonly cause: string | null;
  readonly confidence: Diagnosis['confidence'] | null;
  /** Why it was not tried. */
  readonly note: string | null;
  /** The type of the file system that it was tried on, where that matters: what works on one need not work on another. */
  readonly filesystem: string | null;
}

/** All verdicts for root, or for an ordinary user. */
export interface Subject {
  readonly who: Who;
  /** Whether each type is asked for together with a user namespace, as an ordinary user has to. */
  readonly inUserNamespace: boolean;
  readonly uid: number | null;
  readonly name: string | null;
  readonly verdicts: readonly Verdict[];
}

/** A cause, and what it blocks for whom. */
export interface Finding extends Diagnosis {
  /** What the remedy opens, or costs; null: nothing. */
  readonly opens: string | null;
  readonly blocks: readonly {
    readonly who: Who;
    readonly inUserNamespace: boolean;
    readonly checks: readonly CheckName[];
  }[];
}

/** A piece of evidence that would say more, and how to have it. */
export interface MissingEvidence {
  readonly source: string;
  readonly how: string;
}

/** How a backend of this library works there, or why it cannot. */
export interface BackendReport {
  readonly name: (typeof BACKEND_NAMES)[number];
  readonly isAvailable: boolean;
  readonly text: string;
}

/** What is known of a machine; docs/report.schema.json says the same of its JSON. */
export interface CheckReport {
  readonly format: 'linux-namespaces-report';
  /** Grows when a field goes, or means something else. */
  readonly version: 1;
  readonly kernel: string | null;
  readonly distribution: string | null;
  readonly surroundings: Confined;
  /** Who the caller is, or was when the snapshot was taken. */
  readonly caller: Who;
  /** How things were tried; null: nothing was, and evidence alone speaks. */
  readonly probe: string | null;
  /** Those of which it is known. */
  readonly backends: readonly BackendReport[];
  readonly subjects: readonly Subject[];
  /** Every blocking layer, in the order in which the kernel meets them. */
  readonly findings: readonly Finding[];
  /** What was seen to fail, with all causes that may be behind it. */
  readonly observed: readonly { readonly failure: Failure; readonly causes: readonly Diagnosis[] }[];
  readonly missing: readonly MissingEvidence[];
}

/** One who is asked for. */
export interface SubjectRequest {
  readonly who: Who;
  readonly inUserNamespace: boolean;
  readonly account: Account | null;
  /** What came of trying; null: nothing was tried. */
  readonly attempts: Attempts | null;
}

const UNKNOWN_SOURCES: readonly string[] = [
  SOURCE.release,
  `${SOURCE.status}#Seccomp`,
  `${SOURCE.status}#NoNewPrivs`,
  `${SOURCE.status}#CapEff`,
  SOURCE.uidMap,
  SOURCE.attr,
  '/sys/kernel/security/lsm',
];

/** What is said of an error that nothing explains: what was seen, and nothing more. */
const unexplained = ({ step, errno, namespaces }: Failure, { read }: Evidence): Diagnosis => ({
  cause: 'unknown',
  summary: `${errno ?? 'an error'} at ${step}${namespaces.length === 0 ? '' : ` (${namespaces.join(', ')})`}: nothing that is known explains it`,
  confidence: 'possible',
  evidence: UNKNOWN_SOURCES.map((source) => {
    const [file = source, field] = source.split('#');
    const text = read(file);
    const line = field === undefined ? text : text?.split('\n').find((one) => one.startsWith(`${field}:`));
    return { source, value: line === null ? 'absent' : (line?.slice(0, 200) ?? 'not known') };
  }),
  remedy: ['ns-check --redact --save FILE  # and open an issue with it'],
});

/** Remembers which sources were asked for in vain. */
const recording = (evidence: Evidence): { readonly evidence: Evidence; readonly unknown: Set<string> } => {
  const unknown = new Set<string>();
  const read: Evidence['read'] = (source) => {
    const reading = evidence.read(source);
    if (reading === undefined) unknown.add(source);
    return reading;
  };
  return { evidence: { read }, unknown };
};

/** What a probe saw is evidence, too: that a type works says that an error is about something else. */
const withAttempts = (evidence: Evidence, attempts: Attempts | null): Evidence => ({
  read: (source) => {
    if (attempts === null || !source.startsWith(PROBE)) return evidence.read(source);
    const attempt = attempts.get(source.slice(PROBE.length) as CheckName);
    if (attempt === undefined || attempt.type === 'untried') return undefined;
    return attempt.type === 'works' ? 'works' : (attempt.failure.errno ?? 'failed');
  },
});

interface Judged {
  readonly verdict: Verdict;
  readonly causes: readonly Diagnosis[];
}

const seen = (check: CheckName, failure: Failure, evidence: Evidence, layers: readonly Diagnosis[]): Judged => {
  const [first, ...others] = diagnoseAll(failure, evidence);
  const main = first ?? unexplained(failure, evidence);
  const more = [...others.filter(({ confidence }) => confidence === 'certain'), ...layers];
  const causes = [
    main,
    ...more.filter(
      ({ cause }, index) => cause !== main.cause && more.findIndex((one) => one.cause === cause) === index,
    ),
  ];
  const { errno } = failure;
  const verdict: Verdict = {
    check,
    state: 'blocked',
    isTried: true,
    errno,
    cause: main.cause,
    confidence: main.confidence,
    note: null,
    filesystem: failure.step === 'idmapped-mount' ? (failure.filesystem ?? null) : null,
  };
  return { verdict, causes };
};

const PLAIN = { errno: null, cause: null, confidence: null, note: null, filesystem: null } as const;

/** Why nobody who is not the caller can be asked for in the user namespace that it is in; null: somebody can. */
const noSuchUser = (evidence: Evidence, { who, account }: SubjectRequest): string | null => {
  if (isRoot(evidence) === (who === 'root')) return null;
  if (factsFrom(asSeenBy(evidence, who, account)).ownIdsMapped() !== false) return null;
  const id = who === 'root' ? 0 : account?.uid;
  return `uid ${id ?? 'of an ordinary user'} is not mapped in the caller’s user namespace, where nobody can be that user`;
};

const judge = (check: CheckName, isInside: boolean, attempt: Attempt | undefined, evidence: Evidence): Judged => {
  const plain = { ...PLAIN, check };
  if (attempt?.type === 'works') {
    const { filesystem } = attempt;
    return { verdict: { ...plain, state: 'works', isTried: true, filesystem }, causes: [] };
  }
  const layers = predict(conceivable(check, isInside), evidence);
  if (attempt?.type === 'failed') return seen(check, attempt.failure, evidence, layers);
  // The kernel meets them in another order; of what is sure it is known that it does.
  const [first] = [...layers].sort((a, b) => bySureness(a.confidence, b.confidence));
  const note = attempt?.reason ?? null;
  if (first === undefined) return { verdict: { ...plain, state: 'unknown', isTried: false, note }, causes: [] };
  const { cause, confidence } = first;
  return { verdict: { ...plain, state: 'blocked', isTried: false, cause, confidence, note }, causes: layers };
};

const ORDER = new Map(CAUSES.map(({ id }, index) => [id, index]));

const place = (cause: string): number => ORDER.get(cause) ?? ORDER.size;

const osName = ({ read }: Evidence): string | null => {
  const text = read('/etc/os-release') ?? read('/usr/lib/os-release') ?? '';
  const value = (name: string): string | undefined => new RegExp(`^${name}=["']?([^"'\n]*)`, 'm').exec(text)?.[1];
  return value('PRETTY_NAME') ?? [value('NAME') ?? value('ID'), value('VERSION_ID')].filter(Boolean).join(' ') ?? null;
};

const NOT_AVAILABLE = 'not available: ';

const backendsIn = ({ read }: Evidence): readonly BackendReport[] =>
  BACKEND_NAMES.flatMap((name) => {
    const text = read(`${BACKEND}${name}`);
    if (typeof text !== 'string') return [];
    const isAvailable = !text.startsWith(NOT_AVAILABLE);
    return [{ name, isAvailable, text: isAvailable ? text : text.slice(NOT_AVAILABLE.length) }];
  });

/**
 * Says what a machine can do, as far as evidence and attempts tell, and why not.
 *
 * @param machine - the evidence of the caller
 * @param requests - for whom it is asked
 * @param observed - what else was seen to fail
 * @param probe - how things were tried
 */
export const assess = (
  machine: Evidence,
  requests: readonly SubjectRequest[],
  observed: readonly Failure[],
  probe: string | null,
): CheckReport => {
  const { evidence, unknown } = recording(machine);
  const findings = new Map<string, { diagnosis: Diagnosis; blocks: Map<SubjectRequest, CheckName[]> }>();
  const subjects = requests.map((request): Subject => {
    const { who, inUserNamespace, account, attempts } = request;
    const own = withAttempts(asSeenBy(evidence, who, account), attempts);
    const nobody = noSuchUser(evidence, request);
    const verdicts = checksFor(who, inUserNamespace).map((check) => {
      if (nobody !== null) return { ...PLAIN, check, state: 'unknown', isTried: false, note: nobody } as const;
      const { verdict, causes } = judge(check, inUserNamespace, attempts?.get(check), own);
      for (const diagnosis of causes) {
        const finding = findings.get(diagnosis.cause) ?? { diagnosis, blocks: new Map<SubjectRequest, CheckName[]>() };
        finding.blocks.set(request, [...(finding.blocks.get(request) ?? []), check]);
        findings.set(diagnosis.cause, finding);
      }
      return verdict;
    });
    const uid = account?.uid ?? (who === 'root' ? 0 : null);
    return { who, inUserNamespace, uid, name: account?.name ?? null, verdicts };
  });
  const explained = observed.map((failure) => {
    const causes = diagnoseAll(failure, evidence);
    return { failure, causes: causes.length > 0 ? causes : [unexplained(failure, evidence)] };
  });
  return {
    format: 'linux-namespaces-report',
    version: 1,
    kernel: evidence.read(SOURCE.release) ?? null,
    distribution: osName(evidence) || null,
    surroundings: factsFrom(evidence).confined(),
    caller: isRoot(evidence) === true ? 'root' : 'user',
    probe,
    backends: backendsIn(machine),
    subjects,
    findings: [...findings.values()]
      .sort((a, b) => place(a.diagnosis.cause) - place(b.diagnosis.cause))
      .map(({ diagnosis, blocks }) => ({
        ...diagnosis,
        opens: NOTES[diagnosis.cause]?.opens ?? null,
        blocks: [...blocks].map(([{ who, inUserNamespace }, checks]) => ({ who, inUserNamespace, checks })),
      })),
    observed: explained,
    missing: [...unknown].flatMap((source) => {
      const how = howToRead(source);
      return how === null ? [] : [{ source, how }];
    }),
  };
};
