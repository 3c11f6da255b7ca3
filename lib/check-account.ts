import { err, ok, type Result } from 'neverthrow';
import { type InvalidOption, invalidOption } from './errors.ts';
import type { Account } from './host/subject.ts';

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

/**
 * Finds the ordinary user that a check is about.
 *
 * @param user - a name or a uid; when left out the caller, or for root the one who called sudo(8), else the first person
 * @returns the account; null when there is none; `invalid-option` for root, and for others when the caller is not root
 */
export const findAccount = async (
  user: string | number | undefined,
): Promise<Result<Account | null, InvalidOption>> => {
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
