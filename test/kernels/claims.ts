import { writeFileSync } from 'node:fs';
import type { Backend, Caller, Guest } from './guests.ts';

type Outcome = 'holds' | 'skipped' | 'FAILS';

/** How one claim of the contract suite ended in one guest. */
export interface ClaimEnd {
  readonly guest: string;
  readonly backend: Backend;
  readonly caller: Caller;
  /** The room that the claim is in, and its title. */
  readonly claim: string;
  readonly outcome: Outcome;
  /** Why it was skipped. */
  readonly note: string;
}

/** What the contract suite printed, as the ends of its claims: they are two levels deep, before the line of their room. */
export const claimsIn = (guest: Guest, tap: string, caller: Caller, backend: Backend): readonly ClaimEnd[] => {
  const ends: ClaimEnd[] = [];
  let room: Omit<ClaimEnd, 'guest' | 'backend' | 'caller'>[] = [];
  for (const line of tap.split('\n')) {
    const [, indent = '', not, rest] = /^( {4})?(not )?ok \d+ - (.*)$/.exec(line) ?? [];
    if (rest === undefined) continue;
    const [title = '', note = ''] = rest.replace(/ # time=.*$/, '').split(' # SKIP ');
    if (indent === '') {
      ends.push(
        ...room.map((end) => ({ guest: guest.name, backend, caller, ...end, claim: `${title}: ${end.claim}` })),
      );
      room = [];
    } else {
      const outcome = not !== undefined ? 'FAILS' : rest.includes(' # SKIP') ? 'skipped' : 'holds';
      room.push({ claim: title, outcome, note });
    }
  }
  return ends;
};

/** Kernel by claim: a row for each claim and a column for each guest, backend and caller. */
const matrix = (ends: readonly ClaimEnd[]): { readonly head: readonly string[]; readonly rows: string[][] } => {
  const columnOf = ({ guest, backend, caller }: ClaimEnd): string => `${guest} ${backend} ${caller}`;
  const columns = [...new Set(ends.map(columnOf))];
  const outcomes = new Map<string, Map<string, Outcome>>();
  for (const end of ends) {
    const row = outcomes.get(end.claim) ?? new Map<string, Outcome>();
    outcomes.set(end.claim, row.set(columnOf(end), end.outcome));
  }
  const rows = [...outcomes].map(([claim, row]) => [claim, ...columns.map((column) => row.get(column) ?? '-')]);
  return { head: ['claim', ...columns], rows };
};

/** Writes all of the matrix as tab-separated values. */
export const writeMatrix = (ends: readonly ClaimEnd[], path: string): void => {
  const { head, rows } = matrix(ends);
  writeFileSync(path, `${[head, ...rows].map((row) => row.join('\t')).join('\n')}\n`);
};

/** More claims than these that differ in the same way are counted, and not named; all of them are in the matrix. */
const FEW = 12;

/** What the guests differ in: claims that do not hold in one of them, why they are skipped, and where. */
export const differences = (ends: readonly ClaimEnd[]): readonly (readonly [claim: string, where: string])[] => {
  const rows = new Map<string, Map<string, string[]>>();
  for (const { claim, outcome, note, guest, backend, caller } of ends) {
    // For whom a claim is, and on what backend, is no difference of kernels.
    if (outcome === 'holds' || /^needs root$|^is about ordinary users$/.test(note)) continue;
    const reasons = rows.get(claim) ?? new Map<string, string[]>();
    const reason = outcome === 'FAILS' ? outcome : `skipped: ${note}`;
    reasons.set(reason, [...(reasons.get(reason) ?? []), `${guest} ${backend} ${caller}`]);
    rows.set(claim, reasons);
  }
  const alike = new Map<string, string[]>();
  for (const [claim, reasons] of rows) {
    const why = [...reasons].map(([reason, where]) => `${reason} (${where.join(', ')})`).join('\n');
    alike.set(why, [...(alike.get(why) ?? []), claim]);
  }
  return [...alike].flatMap(([why, claims]) =>
    claims.length > FEW ? [[`${claims.length} claims`, why] as const] : claims.map((claim) => [claim, why] as const),
  );
};
