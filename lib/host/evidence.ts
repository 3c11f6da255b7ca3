import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

/** What stood in a source; null: there is no such file; undefined: it is not known. Absent is not zero. */
export type Reading = string | null | undefined;

/** Where facts about a machine come from: this one, read when asked for, or a saved snapshot of another. */
export interface Evidence {
  readonly read: (source: string) => Reading;
}

/** Sources and what stood in them; one that is not listed is not known. */
export type Snapshot = Readonly<Record<string, string | null>>;

/** The prefix of a source that is an environment variable of the caller. */
export const ENVIRONMENT = 'environment ';

/** The suffix of a source that is a file's owner. */
export const OWNER = ' (owner)';

/** Evidence from a saved snapshot. */
export const snapshotEvidence = (snapshot: Snapshot): Evidence => ({
  read: (source) => (Object.hasOwn(snapshot, source) ? snapshot[source] : undefined),
});

const isAbsence = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');

const readFrom = (source: string): Reading => {
  if (source.startsWith(ENVIRONMENT)) return process.env[source.slice(ENVIRONMENT.length)] ?? null;
  if (source.endsWith(OWNER)) return String(statSync(source.slice(0, -OWNER.length)).uid);
  if (source === '/proc/self/exe') return readlinkSync(source);
  return statSync(source).isDirectory() ? readdirSync(source).join(' ') : readFileSync(source, 'utf8').trimEnd();
};

/** Evidence from this machine; each source is read at most once, and only when a cause asks for it. */
export const liveEvidence = (): Evidence => {
  const known = new Map<string, Reading>();
  const read = (source: string): Reading => {
    if (known.has(source)) return known.get(source);
    let reading: Reading;
    try {
      reading = readFrom(source);
    } catch (error) {
      reading = isAbsence(error) ? null : undefined;
    }
    known.set(source, reading);
    return reading;
  };
  return { read };
};
