import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { FullIdRange, Identity, MapWriters } from './id-map.ts';
import { findProgram } from './program-path.ts';

/** Users or groups: what a map, its helper and its file of subordinate ids are about. */
export type IdKind = 'uid' | 'gid';

const readText = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // A file that is not there says nothing.
    return '';
  }
};

/** The lines of this process's own map: what can be mapped further; empty where nothing is known of it. */
export const ownMapLines = (kind: IdKind): readonly FullIdRange[] =>
  readText(`/proc/self/${kind}_map`)
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number);
      return { inside, outside, count };
    });

/** The caller's name; null for a uid that has none. */
const ownName = (): string | null => {
  try {
    return userInfo().username;
  } catch {
    return null;
  }
};

/** The file in which a user's subordinate ids stand. */
export const subordinateFile = (kind: IdKind): string => `/etc/sub${kind}`;

/** Finds the first range of a user, by name or uid, in the text of a subuid(5) file. */
export const findSubordinates = (
  text: string,
  user: { readonly uid: number; readonly name: string | null },
): { readonly start: number; readonly count: number } | null => {
  for (const line of text.split('\n')) {
    const [, owner, start, count] = /^([^:#]+):(\d{1,10}):(\d{1,10})\s*$/.exec(line) ?? [];
    if (owner === undefined) continue;
    const isOwner = owner === user.name || (/^\d+$/.test(owner) && Number(owner) === user.uid);
    if (isOwner && Number(count) > 0) return { start: Number(start), count: Number(count) };
  }
  return null;
};

/** The caller's first range of subordinate ids; null without one. Network directories (subid: of nsswitch) are not asked. */
export const ownSubordinates = (kind: IdKind, { uid }: Identity): ReturnType<typeof findSubordinates> =>
  findSubordinates(readText(subordinateFile(kind)), { uid, name: ownName() });

/** linux/capability.h */
const [CAP_SETGID, CAP_SETUID] = [6n, 7n];

/** Who may write a map of this process's child that holds more than its own ids. */
export const mapWriters = (): MapWriters => {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readText('/proc/self/status'))?.[1];
  const bits = BigInt(`0x${effective ?? '0'}`);
  const has = (capability: bigint): boolean => ((bits >> capability) & 1n) === 1n;
  const [setuid, setgid] = [has(CAP_SETUID), has(CAP_SETGID)];
  return {
    setuid,
    setgid,
    newuidmap: setuid ? null : findProgram('newuidmap'),
    newgidmap: setgid ? null : findProgram('newgidmap'),
  };
};

/** The most bytes that one write to a map file may hold: the kernel wants less than a page. */
export const mostMapBytes = (): number => {
  const AT_PAGESZ = 6n;
  try {
    const auxv = readFileSync('/proc/self/auxv');
    for (let at = 0; at + 16 <= auxv.length; at += 16) {
      if (auxv.readBigUInt64LE(at) === AT_PAGESZ) return Number(auxv.readBigUInt64LE(at + 8)) - 1;
    }
  } catch {
    // Without /proc nothing could be written there, either.
  }
  return 4_095;
};
