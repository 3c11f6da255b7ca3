import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { findAccount } from './check-account.ts';
import { lookAtMachine } from './check-machine.ts';
import { type CheckName, checksFor, type Who } from './check-names.ts';
import type { BackendUnavailable, InvalidOption } from './errors.ts';
import type { Attempt, CheckReport, SubjectRequest } from './host/assess.ts';
import type { Evidence } from './host/evidence.ts';
import type { Observed, SnapshotDocument, Tried } from './host/snapshot.ts';
import type { Account } from './host/subject.ts';
import type { ProbeOutcome } from './probe.ts';
import type { BackendChoice } from './spec.ts';

/** What {@link check} takes. */
export interface CheckSpec {
  /** The machine as it was when this was saved; this machine when left out. */
  readonly snapshot?: SnapshotDocument;
  /** What was seen to fail, in fields or as the message of a tool. */
  readonly observed?: readonly Observed[];
  /** The ordinary user that is meant, where the caller is root: a name or a uid. */
  readonly user?: string | number;
  /** `false`: nothing is tried, and the evidence alone speaks. */
  readonly probe?: boolean;
  /** Who tries; see `spawn`. */
  readonly backend?: BackendChoice;
}

/** What may come of {@link check} and {@link takeSnapshot}. */
export type CheckError = InvalidOption | BackendUnavailable;

/**
 * Collects everything that is asked of a machine when namespaces fail on it, and what comes of trying.
 *
 * @remarks Reads files, and tries in throw-away children, as {@link check} does. What could not be read is left out: it is
 * not known, which is not the same as absent.
 * @param spec - `redact` takes out the host's name, the names of users, addresses, and paths that are not the system's own; a `snapshot`
 * stands for this machine
 * @returns a document that {@link check} takes, on any machine
 */
export const takeSnapshot = (
  spec: CheckSpec & { readonly redact?: boolean } = {},
): ResultAsync<SnapshotDocument, CheckError> => {
  const collect = async (): Promise<Result<SnapshotDocument, CheckError>> => {
    const [host, { redact }] = await Promise.all([import('./host/snapshot.ts'), import('./host/redact.ts')]);
    const { snapshot, observed = [] } = spec;
    const finish = (document: SnapshotDocument): SnapshotDocument =>
      spec.redact === true ? redact(document) : document;
    if (snapshot !== undefined) return ok(finish({ ...snapshot, observed: [...snapshot.observed, ...observed] }));
    const account = await findAccount(spec.user);
    if (account.isErr()) return err(account.error);
    const machine = await lookAtMachine(spec, account.value);
    return machine.map(({ evidence, tried }) => finish(host.takeSnapshot(evidence, observed, tried)));
  };
  return new ResultAsync(collect());
};

/**
 * Reads a snapshot that was saved as JSON.
 *
 * @returns the snapshot, or `invalid-option` naming the place in it that is wrong
 */
export const readSnapshot = (text: string): ResultAsync<SnapshotDocument, InvalidOption> =>
  new ResultAsync(import('./host/snapshot.ts').then(({ parseSnapshot }) => parseSnapshot(text)));

const toAttempt = ({ failure, filesystem = null }: ProbeOutcome): Attempt => {
  if (failure === null) return { type: 'works', filesystem };
  return failure.step === 'untried' ? { type: 'untried', reason: failure.reason } : { type: 'failed', failure };
};

const SUBJECTS: readonly (readonly [Who, boolean])[] = [
  ['root', false],
  ['root', true],
  ['user', true],
];

const requestsFrom = (tried: Tried | null, reason: string | null, user: Account | null): readonly SubjectRequest[] =>
  SUBJECTS.map(([who, inUserNamespace]) => {
    const found = tried?.subjects.find((one) => one.who === who && one.inUserNamespace === inUserNamespace);
    const why = reason ?? (tried !== null && found === undefined ? 'the caller is not root' : null);
    const attempts: ReadonlyMap<CheckName, Attempt> | null =
      found === undefined
        ? why === null
          ? null
          : new Map(checksFor(who, inUserNamespace).map((check) => [check, { type: 'untried', reason: why } as const]))
        : new Map(found.outcomes.map((outcome) => [outcome.check, toAttempt(outcome)]));
    return { who, inUserNamespace, account: who === 'root' ? null : user, attempts };
  });

const assessMachine = async (spec: CheckSpec): Promise<Result<CheckReport, CheckError>> => {
  const [{ assess }, { snapshotEvidence }, { accountIn }, { evidenceIn, failureFrom }] = await Promise.all([
    import('./host/assess.ts'),
    import('./host/evidence.ts'),
    import('./host/subject.ts'),
    import('./host/symptom.ts'),
  ]);
  const { snapshot } = spec;
  const account =
    snapshot === undefined ? await findAccount(spec.user) : ok(accountIn(snapshotEvidence(snapshot.evidence)));
  if (account.isErr()) return err(account.error);
  const machine =
    snapshot === undefined
      ? await lookAtMachine(spec, account.value)
      : ok({ evidence: snapshotEvidence(snapshot.evidence), tried: snapshot.tried, reason: null });
  if (machine.isErr()) return err(machine.error);
  const { tried, reason } = machine.value;
  const observed = [...(snapshot?.observed ?? []), ...(spec.observed ?? [])];
  const told = new Map(observed.flatMap((one) => Object.entries(evidenceIn(one))));
  const evidence: Evidence = {
    read: (source) => {
      const reading = machine.value.evidence.read(source);
      return reading === undefined ? told.get(source) : reading;
    },
  };
  const requests = requestsFrom(tried, reason, account.value);
  return ok(assess(evidence, requests, observed.map(failureFrom), tried?.how ?? null));
};

/**
 * Says for each namespace type, and for what is done with them, whether root and an ordinary user can have it here, why not,
 * and what to type.
 *
 * @remarks Tries everything in throw-away children: a namespace is said to work only after something in it succeeded that
 * takes a capability there. Nothing is changed, and nothing is left. Takes less than a second.
 * @param spec - this machine, or a snapshot of another one; what was seen to fail
 * @returns the report, or `invalid-option`
 * @example
 * ```ts
 * const report = await check();
 * if (report.isOk()) console.log([...new Set(report.value.subjects.map(({ who }) => who))].join(', ')); // root, user
 * ```
 */
export const check = (spec: CheckSpec = {}): ResultAsync<CheckReport, CheckError> =>
  new ResultAsync(assessMachine(spec));
