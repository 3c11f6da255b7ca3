import type { Confined } from './confinement.ts';
import { confinement } from './confinement.ts';
import type { Evidence, Reading } from './evidence.ts';
import { type KernelVersion, parseKernelRelease } from './kernel.ts';
import { type MountLine, parseMountinfo } from './mountinfo.ts';

/** Capabilities by number, as in linux/capability.h. */
const CAPABILITIES = { CAP_SETGID: 6, CAP_SETUID: 7, CAP_SYS_ADMIN: 21, CAP_SETFCAP: 31 } as const;

/** A capability that a set-up may lack. */
type Capability = keyof typeof CAPABILITIES;

/** Sources by what they tell, so that predicates and evidence name the same file. */
export const SOURCE = {
  release: '/proc/sys/kernel/osrelease',
  version: '/proc/version',
  cmdline: '/proc/cmdline',
  namespaces: '/proc/self/ns',
  status: '/proc/self/status',
  uidMap: '/proc/self/uid_map',
  gidMap: '/proc/self/gid_map',
  mountinfo: '/proc/self/mountinfo',
  attr: '/proc/self/attr/current',
  exe: '/proc/self/exe',
} as const;

/** What the evidence says, in the words of causes. null and undefined: not known. */
export interface Facts {
  readonly evidence: Evidence;
  readonly kernel: () => KernelVersion | null;
  /** A number in a file; null when the file is absent, undefined when that is not known. */
  readonly number: (source: string) => number | null | undefined;
  /** Whether the caller has a capability in its own user namespace. */
  readonly has: (capability: Capability) => boolean | undefined;
  /** A field of /proc/self/status. */
  readonly status: (field: string) => string | undefined;
  /** Whether the caller is in the first user namespace of the machine. */
  readonly inFirstUserNamespace: () => boolean | undefined;
  /** Whether the caller's own effective ids are mapped where it is. */
  readonly ownIdsMapped: () => boolean | undefined;
  readonly mounts: () => readonly MountLine[] | undefined;
  /** What surrounds the caller: a container, a sandbox, a service. */
  readonly confined: () => Confined;
}

const field = (status: Reading, name: string): string | undefined =>
  status
    ?.split('\n')
    .find((line) => line.startsWith(`${name}:`))
    ?.slice(name.length + 1)
    .trim();

const covers = (map: Reading, id: number): boolean | undefined =>
  map
    ?.split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .some(([inside, , count]) => inside !== undefined && count !== undefined && id >= inside && id < inside + count);

/** Reads facts out of evidence; nothing is read before it is asked for. */
export const factsFrom = (evidence: Evidence): Facts => {
  const status = (name: string): string | undefined => field(evidence.read(SOURCE.status), name);
  const effective = (name: 'Uid' | 'Gid'): number | undefined => {
    const id = status(name)?.split(/\s+/)[1];
    return id === undefined ? undefined : Number(id);
  };
  return {
    evidence,
    status,
    kernel: () => parseKernelRelease(evidence.read(SOURCE.release) ?? ''),
    number: (source) => {
      const text = evidence.read(source);
      if (text === null || text === undefined) return text;
      return /^-?\d+$/.test(text.trim()) ? Number(text) : undefined;
    },
    has: (capability) => {
      const set = status('CapEff');
      if (set === undefined || !/^[0-9a-f]+$/i.test(set)) return undefined;
      return ((BigInt(`0x${set}`) >> BigInt(CAPABILITIES[capability])) & 1n) === 1n;
    },
    inFirstUserNamespace: () => {
      const map = evidence.read(SOURCE.uidMap);
      // A kernel without user namespaces has no such file, and only the first of them.
      if (map === null) return true;
      return map === undefined ? undefined : /^\s*0\s+0\s+4294967295$/.test(map.trim());
    },
    ownIdsMapped: () => {
      const [uid, gid] = [effective('Uid'), effective('Gid')];
      if (uid === undefined || gid === undefined) return undefined;
      const [uidMap, gidMap] = [evidence.read(SOURCE.uidMap), evidence.read(SOURCE.gidMap)];
      if (uidMap === null || gidMap === null) return true;
      const [hasUid, hasGid] = [covers(uidMap, uid), covers(gidMap, gid)];
      return hasUid === undefined || hasGid === undefined ? undefined : hasUid && hasGid;
    },
    mounts: () => {
      const text = evidence.read(SOURCE.mountinfo);
      return text === null || text === undefined ? undefined : parseMountinfo(text);
    },
    confined: () => confinement(evidence),
  };
};
