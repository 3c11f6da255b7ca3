import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { type BackendUnavailable, type InvalidOption, invalidOption } from './errors.ts';
import type { CheckReport } from './host/assess.ts';
import type { Observed, SnapshotDocument } from './host/snapshot.ts';
import type { Account } from './host/subject.ts';

/** What {@link check} takes. */
export interface CheckSpec {
  /** The machine as it was when this was saved; this machine when left out. */
  readonly snapshot?: SnapshotDocument;
  /** What was seen to fail, in fields or as the message of a tool. */
  readonly observed?: readonly Observed[];
  /** The ordinary user that is meant, where the caller is root: a name or a uid. */
  readonly user?: string | number;
}

/** What may come of {@link check} and {@link takeSnapshot}. */
export type CheckError = InvalidOption | BackendUnavailable;

const readAccounts = async (): Promise<readonly Account[]> => {
  const { readFile } = await import('node:fs/promises');
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    const [name = '', , uid, gid] = line.split(':');
    return /^\d+$/.test(uid ?? '') && /^\d+$/.test(gid ?? '') ? [{ name, uid: Number(uid), gid: Number(gid) }] : [];
  });
};

/** The highest uid, as -1 means no change to the system calls. */
const LAST_UID = 0xfffffffe;

/** Uids of people, as Debian and Fedora give them; useradd(8). */
const isPerson = ({ uid }: Account): boolean => uid >= 1000 && uid < 60_000;

const findAccount = async (user: CheckSpec['user']): Promise<Result<Account | null, InvalidOption>> => {
  const own = process.geteuid?.() ?? 0;
  const accounts = await readAccounts();
  if (user === undefined) {
    if (own !== 0)
      return ok(accounts.find(({ uid }) => uid === own) ?? { uid: own, gid: process.getegid?.() ?? own, name: null });
    const sudo = Number(process.env['SUDO_UID'] ?? Number.NaN);
    return ok(accounts.find(({ uid }) => uid === sudo) ?? accounts.find(isPerson) ?? null);
  }
  const isId = typeof user === 'number' || /^\d+$/.test(user);
  const id = Number(user);
  const found = accounts.find(({ uid, name }) => (isId ? uid === id : name === user));
  const account = found ?? (isId && Number.isInteger(id) && id <= LAST_UID ? { uid: id, gid: id, name: null } : null);
  if (account === null || account.uid <= 0)
    return err(invalidOption('user', user, 'a user that is not root, by name or uid'));
  if (own !== 0 && account.uid !== own)
    return err(invalidOption('user', user, 'the own user, since the caller is not root'));
  return ok(account);
};

/**
 * Collects everything that is asked of a machine when namespaces fail on it.
 *
 * @remarks Reads files only. What could not be read is left out: it is not known, which is not the same as absent.
 * @param spec - `redact` takes out the host's name, the names of users and paths that are not the system's own; a `snapshot`
 * stands for this machine
 * @returns a document that {@link check} takes, on any machine
 */
export const takeSnapshot = (
  spec: Pick<CheckSpec, 'observed' | 'snapshot'> & { readonly redact?: boolean } = {},
): ResultAsync<SnapshotDocument, CheckError> => {
  const collect = async (): Promise<Result<SnapshotDocument, CheckError>> => {
    const [{ liveEvidence }, host, { redact }] = await Promise.all([
      import('./host/evidence.ts'),
      import('./host/snapshot.ts'),
      import('./host/redact.ts'),
    ]);
    const { snapshot, observed = [] } = spec;
    const document =
      snapshot === undefined
        ? host.takeSnapshot(liveEvidence(), observed)
        : { ...snapshot, observed: [...snapshot.observed, ...observed] };
    return ok(spec.redact === true ? redact(document) : document);
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

const assessMachine = async (spec: CheckSpec): Promise<Result<CheckReport, CheckError>> => {
  const [{ assess }, { liveEvidence, snapshotEvidence }, { evidenceIn, failureFrom }] = await Promise.all([
    import('./host/assess.ts'),
    import('./host/evidence.ts'),
    import('./host/symptom.ts'),
  ]);
  const { snapshot } = spec;
  const observed = [...(snapshot?.observed ?? []), ...(spec.observed ?? [])];
  const told = Object.assign({}, ...observed.map(evidenceIn)) as Readonly<Record<string, string | null>>;
  const machine = snapshot === undefined ? liveEvidence() : snapshotEvidence(snapshot.evidence);
  const evidence = {
    read: (source: string) =>
      machine.read(source) ?? (Object.hasOwn(told, source) ? told[source] : machine.read(source)),
  };
  const account = snapshot === undefined ? await findAccount(spec.user) : ok(null);
  return account.map((user) =>
    assess(
      evidence,
      [
        { who: 'root', account: null, attempts: null },
        { who: 'user', account: user, attempts: null },
      ],
      observed.map(failureFrom),
      null,
    ),
  );
};

/**
 * Says for each namespace type, and for what is done with them, whether root and an ordinary user can have it here, why not,
 * and what to type.
 *
 * @param spec - this machine, or a snapshot of another one; what was seen to fail
 * @returns the report, or `invalid-option`
 * @example
 * ```ts
 * const report = await check();
 * if (report.isOk()) console.log(report.value.subjects.map(({ who }) => who).join(', ')); // root, user
 * ```
 */
export const check = (spec: CheckSpec = {}): ResultAsync<CheckReport, CheckError> =>
  new ResultAsync(assessMachine(spec));
