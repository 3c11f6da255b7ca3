import type { Who } from '../check-names.ts';
import { type Evidence, SPECIAL } from './evidence.ts';
import { factsFrom, SOURCE } from './facts.ts';

const ALL_CAPABILITIES = '000001ffffffffff';

/** A user as whom things are tried where the caller is root. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  /** null: it has no name. */
  readonly name: string | null;
}

/** An account as evidence has it: `NAME:UID:GID`. */
export const accountText = (account: Account | null): string | null =>
  account === null ? null : `${account.name ?? ''}:${account.uid}:${account.gid}`;

/** The ordinary user that saved evidence is about; where it does not say so, the caller when that is one. */
export const accountIn = (evidence: Evidence): Account | null => {
  const said = evidence.read(SPECIAL.ordinaryUser);
  const text = said === undefined && isRoot(evidence) === false ? evidence.read(SPECIAL.account) : said;
  const [, name = '', uid, gid] = /^([^:]*):(\d+):(\d+)$/.exec(text ?? '') ?? [];
  return uid === undefined || gid === undefined
    ? null
    : { name: name === '' ? null : name, uid: Number(uid), gid: Number(gid) };
};

const setField = (status: string, field: string, value: string): string =>
  status
    .split('\n')
    .map((line) => (line.startsWith(`${field}:`) ? `${field}:\t${value}` : line))
    .join('\n');

const ids = (id: number): string => Array(4).fill(id).join('\t');

/** Whether the evidence is that of root. */
export const isRoot = (evidence: Evidence): boolean | undefined => {
  const uid = factsFrom(evidence).uid();
  if (uid !== undefined) return uid === 0;
  const caller = evidence.read(SPECIAL.caller);
  return caller === 'root' ? true : caller === 'user' ? false : undefined;
};

/**
 * The same machine as somebody else sees it: what the caller's own state tells is replaced, what is the machine's stays.
 *
 * @param evidence - as the caller sees it
 * @param who - who asks
 * @param account - the user that is meant, where it is known
 */
export const asSeenBy = (evidence: Evidence, who: Who, account: Account | null): Evidence => {
  const same = isRoot(evidence);
  if (same === (who === 'root')) return evidence;
  const status = evidence.read(SOURCE.status);
  const bounding = /^CapBnd:\s*([0-9a-f]+)$/m.exec(status ?? '')?.[1];
  const changed = new Map<string, string | null | undefined>([
    [SPECIAL.caller, who],
    [SPECIAL.typist, same === undefined ? undefined : who === 'root' ? 'user' : 'root'],
    [`${SOURCE.uidMap} (owner)`, undefined],
  ]);
  if (typeof status === 'string') {
    const id = who === 'root' ? 0 : (account?.uid ?? 65_534);
    const gid = who === 'root' ? 0 : (account?.gid ?? 65_534);
    // Root has what the bounding set leaves it: in a container that is not everything.
    const capabilities = who === 'root' ? (bounding ?? ALL_CAPABILITIES) : '0'.repeat(16);
    changed.set(
      SOURCE.status,
      setField(setField(setField(status, 'Uid', ids(id)), 'Gid', ids(gid)), 'CapEff', capabilities),
    );
  }
  if (who === 'root') changed.set(SPECIAL.account, 'root:0:0');
  else
    changed.set(
      SPECIAL.account,
      account === null ? undefined : account.name === null ? null : `${account.name}:${account.uid}:${account.gid}`,
    );
  // Of a user of whom nobody knows the name it cannot be said which ranges are its own.
  if (who === 'user' && account === null)
    for (const file of ['/etc/subuid', '/etc/subgid']) changed.set(file, undefined);
  return { read: (source) => (changed.has(source) ? changed.get(source) : evidence.read(source)) };
};
