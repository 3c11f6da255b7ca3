import type { Confined } from './confinement.ts';
import { confinement } from './confinement.ts';
import { type El7Build, el7Build } from './el7-build.ts';
import { COMMAND, type Evidence, FILE_CAPABILITIES, MODE, OWNER, type Reading, SPECIAL } from './evidence.ts';
import { type KernelVersion, parseKernelRelease } from './kernel.ts';
import { type MountLine, parseMountinfo } from './mountinfo.ts';

/** One of the two programs that write id maps for ordinary users. */
export type MapHelper = 'newuidmap' | 'newgidmap';

/** What is known of such a program; undefined: not known. */
export interface HelperFacts {
  readonly path: string;
  readonly isSetuidRoot: boolean | undefined;
  readonly hasFileCapabilities: boolean | undefined;
  /** Whether who owns it has no id in the caller's user namespace, so that its bit gives nothing there. */
  readonly isOwnerUnmapped: boolean;
}

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
  /** Whether the caller can ever have a capability: whether it is in the bounding set. */
  readonly isBounded: (capability: Capability) => boolean | undefined;
  /** A field of /proc/self/status. */
  readonly status: (field: string) => string | undefined;
  /** Whether the caller is in the first user namespace of the machine. */
  readonly inFirstUserNamespace: () => boolean | undefined;
  /** Whether the caller's own effective ids are mapped where it is. */
  readonly ownIdsMapped: () => boolean | undefined;
  readonly mounts: () => readonly MountLine[] | undefined;
  /** What surrounds the caller: a container, a sandbox, a service. */
  readonly confined: () => Confined;
  /** Whether the caller has no CAP_SYS_ADMIN where the switches for ordinary users look for it: in the first user namespace. */
  readonly isOrdinary: () => boolean | undefined;
  /** What a security module calls the caller; empty where none does. */
  readonly label: () => string;
  /** The caller's effective uid. */
  readonly uid: () => number | undefined;
  /** The build of an EL7 kernel, or what a release of EL7 makes likely where the kernel is not known; null: it is none. */
  readonly el7: () => El7Build | null;
  /** Whether a line of the log is there that looks so. */
  readonly logged: (pattern: RegExp) => boolean;
  /** null: it is not installed. */
  readonly helper: (name: MapHelper) => HelperFacts | null | undefined;
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

/** `isForeign`: the owner is shown as somebody else, since it is not mapped; then root is assumed. */
const isSetuidRoot = (mode: Reading, owner: Reading, isForeign: boolean): boolean | undefined => {
  if (mode === undefined || mode === null) return undefined;
  if ((Number.parseInt(mode, 8) & 0o4000) === 0) return false;
  return owner === undefined || owner === null ? undefined : isForeign || owner === '0';
};

/** What the kernel shows instead of an id that is not mapped. */
const OVERFLOW_ID = '65534';

/** Reads facts out of evidence; nothing is read before it is asked for. */
export const factsFrom = (evidence: Evidence): Facts => {
  const status = (name: string): string | undefined => field(evidence.read(SOURCE.status), name);
  const effective = (name: 'Uid' | 'Gid'): number | undefined => {
    const id = status(name)?.split(/\s+/)[1];
    return id === undefined ? undefined : Number(id);
  };
  const holds = (field: 'CapEff' | 'CapBnd', capability: Capability): boolean | undefined => {
    const set = status(field);
    if (set === undefined || !/^[0-9a-f]+$/i.test(set)) return undefined;
    return ((BigInt(`0x${set}`) >> BigInt(CAPABILITIES[capability])) & 1n) === 1n;
  };
  const has = (capability: Capability): boolean | undefined => holds('CapEff', capability);
  const inFirst = (): boolean | undefined => {
    const map = evidence.read(SOURCE.uidMap);
    // A kernel without user namespaces has no such file, and only the first of them.
    if (map === null) return true;
    return map === undefined ? undefined : /^\s*0\s+0\s+4294967295$/.test(map.trim());
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
    has,
    isBounded: (capability) => holds('CapBnd', capability),
    inFirstUserNamespace: inFirst,
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
    isOrdinary: () => {
      const capable = has('CAP_SYS_ADMIN');
      if (capable === false || inFirst() === false) return true;
      if (capable === true) return false;
      const caller = evidence.read(SPECIAL.caller);
      return caller === 'user' ? true : caller === 'root' ? false : undefined;
    },
    label: () => (evidence.read(SOURCE.attr) ?? '').trim(),
    uid: () => effective('Uid'),
    el7: () => el7Build(evidence),
    logged: (pattern) => (evidence.read(SPECIAL.log) ?? '').split('\n').some((line) => pattern.test(line)),
    helper: (name) => {
      const path = evidence.read(`${COMMAND}${name}`);
      if (path === null || path === undefined) return path;
      const [mode, owner] = [evidence.read(`${path}${MODE}`), evidence.read(`${path}${OWNER}`)];
      const capabilities = evidence.read(`${path}${FILE_CAPABILITIES}`);
      const map = evidence.read(SOURCE.uidMap);
      const isOwnerUnmapped =
        owner === OVERFLOW_ID &&
        inFirst() === false &&
        (covers(map, Number(OVERFLOW_ID)) === false || covers(map, 0) === false);
      return {
        path,
        isOwnerUnmapped,
        isSetuidRoot: isSetuidRoot(mode, owner, isOwnerUnmapped),
        hasFileCapabilities: capabilities === undefined ? undefined : capabilities !== null,
      };
    },
  };
};
