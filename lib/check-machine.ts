import { accessSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { err, ok, type Result } from 'neverthrow';
import type { Backend } from './backend.ts';
import { type CheckName, checksFor, type Who } from './check-names.ts';
import type { BackendUnavailable, InvalidOption, LaunchError } from './errors.ts';
import type { Evidence, Reading } from './host/evidence.ts';
import type { Facts } from './host/facts.ts';
import type { MountLine } from './host/mountinfo.ts';
import type { Tried } from './host/snapshot.ts';
import type { SubidFile } from './host/subid.ts';
import type { Account } from './host/subject.ts';
import { describeBackend, openBackend } from './open.ts';
import type { Probe, ProbeOutcome, ProbePlan } from './probe.ts';
import type { BackendChoice } from './spec.ts';

const isThere = (path: string): boolean => {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
};

/** Where the attempts mount: the first directory that is there. */
const SCRATCH = ['/tmp', '/mnt', '/run', '/var', '/'] as const;

/** A check takes a second, and a few on a machine that is emulated or very busy; what hangs is killed. */
const TIMEOUT_MS = 30_000;

/** What nobody is, where no user of this machine is known. */
const NOBODY: Account = { uid: 65_534, gid: 65_534, name: null };

/** The directory of the own cgroup of version 2. */
const ownCgroup = ({ read }: Evidence, mounts: readonly MountLine[]): string | null => {
  const path = /^0::(.*)$/m.exec(read('/proc/self/cgroup') ?? '')?.[1];
  const mount = mounts.find(({ filesystem }) => filesystem === 'cgroup2');
  if (path === undefined || mount === undefined) return null;
  const dir = join(mount.mountPoint, path);
  return isThere(dir) ? dir : null;
};

/** The file system that a directory is on, as the mounts tell: the longest path that leads there, and the last mount on it. */
const filesystemAt = (path: string, mounts: readonly MountLine[]): ProbePlan['filesystems']['root'] => {
  const isAbove = (mountPoint: string): boolean =>
    mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`);
  const found = mounts
    .filter(({ mountPoint }) => isAbove(mountPoint))
    .reduce<MountLine | null>(
      (best, mount) => (best !== null && best.mountPoint.length > mount.mountPoint.length ? best : mount),
      null,
    );
  return { path, filesystem: found?.filesystem ?? null };
};

interface Parts {
  readonly live: typeof import('./host/evidence.ts');
  readonly facts: typeof import('./host/facts.ts');
  readonly subid: typeof import('./host/subid.ts');
  readonly subject: typeof import('./host/subject.ts');
}

const loadParts = async (): Promise<Parts> => {
  const [live, facts, subid, subject] = await Promise.all([
    import('./host/evidence.ts'),
    import('./host/facts.ts'),
    import('./host/subid.ts'),
    import('./host/subject.ts'),
  ]);
  return { live, facts, subid, subject };
};

/** The words of newuidmap(1) that map the own id and every range that the user has; without any, one that it has not. */
const helperArgs = (facts: Facts, parts: Parts, file: SubidFile, id: number): readonly string[] => {
  const ranges = parts.subid.ownRanges(facts, file) ?? [];
  const args = ['0', String(id), '1'];
  let inside = 1;
  for (const { first, count } of ranges) {
    args.push(String(inside), String(first), String(count));
    inside += count;
  }
  return ranges.length > 0 ? args : [...args, '1', '100000', '1'];
};

const mapHelpers = (facts: Facts, parts: Parts, account: Account): ProbePlan['mapHelpers'] => {
  const [uid, gid] = [facts.helper('newuidmap'), facts.helper('newgidmap')];
  if (uid == null || gid == null) return null;
  return {
    uid: { path: uid.path, args: helperArgs(facts, parts, '/etc/subuid', account.uid) },
    gid: { path: gid.path, args: helperArgs(facts, parts, '/etc/subgid', account.gid) },
  };
};

/** An attempt that nobody has to make: a program that is not there cannot be run. */
const missingHelper = (check: CheckName): ProbeOutcome => ({
  check,
  inUserNamespace: true,
  failure: {
    step: 'newuidmap',
    errno: 'ENOENT',
    namespaces: ['user'],
    requested: ['user'],
    syscall: 'execve',
    path: null,
    filesystem: null,
    text: null,
  },
});

const untried = (check: CheckName, inUserNamespace: boolean, reason: string): ProbeOutcome => ({
  check,
  inUserNamespace,
  failure: { step: 'untried', reason },
});

/** What a check of id-mapped mounts was tried on. */
const onFilesystem = (check: CheckName, { root, tmp }: ProbePlan['filesystems']): Pick<ProbeOutcome, 'filesystem'> => {
  if (check === 'idmapped-mount') return { filesystem: 'tmpfs' };
  if (check === 'idmapped-root') return { filesystem: root.filesystem };
  return check === 'idmapped-tmp' ? { filesystem: tmp.filesystem } : {};
};

type TriedSubject = Tried['subjects'][number];

/** Tries everything for one identity: with and without a user namespace, when it is root. */
const trySubject = async (
  probe: Probe,
  who: Who,
  account: Account | null,
  evidence: Evidence,
  parts: Parts,
): Promise<Result<readonly TriedSubject[], LaunchError>> => {
  const isRoot = process.geteuid?.() === 0;
  const { uid, gid } = account ?? NOBODY;
  const facts = parts.facts.factsFrom(parts.subject.asSeenBy(evidence, who, account));
  const cgroup = ownCgroup(evidence, facts.mounts() ?? []);
  const helpers = who === 'root' || account === null ? null : mapHelpers(facts, parts, account);
  const known: ProbeOutcome[] = [];
  const rounds = who === 'root' ? [false, true] : [true];
  const attempts = rounds.flatMap((inUserNamespace) =>
    checksFor(who, inUserNamespace).flatMap((check) => {
      if (check === 'into-cgroup' && cgroup === null) {
        known.push(untried(check, inUserNamespace, 'no cgroup of version 2 is mounted here'));
        return [];
      }
      if (check === 'newuidmap' && helpers === null) {
        known.push(account === null ? untried(check, true, 'no user is named: --user') : missingHelper(check));
        return [];
      }
      return [{ check, inUserNamespace }];
    }),
  );
  const filesystems = {
    root: filesystemAt('/', facts.mounts() ?? []),
    tmp: filesystemAt(tmpdir(), facts.mounts() ?? []),
  };
  const outcomes = await probe({
    become: who === 'user' && isRoot ? { uid, gid } : null,
    uid: who === 'root' ? 0 : uid,
    gid: who === 'root' ? 0 : gid,
    attempts,
    scratch: SCRATCH.find(isThere) ?? '/',
    cgroup,
    filesystems,
    mapHelpers: helpers,
    timeoutMs: TIMEOUT_MS,
  });
  return outcomes.map((found) =>
    rounds.map((inUserNamespace) => ({
      who,
      inUserNamespace,
      uid: who === 'root' ? 0 : uid,
      outcomes: [...found, ...known]
        .filter((outcome) => outcome.inUserNamespace === inUserNamespace)
        .map((outcome) => ({ ...outcome, ...onFilesystem(outcome.check, filesystems) })),
    })),
  );
};

/** Where not even a first child can be made, nothing works, and all for the same reason. */
const allFailed = (who: Who, account: Account | null, error: LaunchError): readonly TriedSubject[] => {
  if (error.type !== 'setup-failed') return [];
  const { step, errno, syscall, path } = error;
  return (who === 'root' ? [false, true] : [true]).map((inUserNamespace) => ({
    who,
    inUserNamespace,
    uid: who === 'root' ? 0 : (account ?? NOBODY).uid,
    outcomes: checksFor(who, inUserNamespace).map((check) => ({
      check,
      inUserNamespace,
      failure: { step, errno, namespaces: [], requested: [], syscall, path, filesystem: null, text: null },
    })),
  }));
};

/** A machine as it is now: its evidence, and what came of trying. */
interface LiveMachine {
  readonly evidence: Evidence;
  readonly tried: Tried | null;
  /** Why nothing was tried. */
  readonly reason: string | null;
}

/** Evidence that Node.js cannot read, and a backend can; each is asked for once. */
const withBackend = (
  evidence: Evidence,
  backend: Backend | null,
  { live, subject }: Parts,
  account: Account | null,
): Evidence => {
  const known = new Map<string, Reading>();
  const suffix = live.FILE_CAPABILITIES;
  const ask = (source: string): Reading => {
    if (source.startsWith(live.BACKEND)) return describeBackend(source.slice(live.BACKEND.length));
    if (source === live.SPECIAL.ordinaryUser) return subject.accountText(account);
    const read = backend?.fileCapabilities;
    if (read !== undefined && source.startsWith('/') && source.endsWith(suffix))
      return read(source.slice(0, -suffix.length));
    const reading = evidence.read(source);
    if (source !== live.SPECIAL.root || reading === 'yes' || reading === 'no') return reading;
    const isOwn = backend?.isRootOwn?.();
    return isOwn === undefined ? reading : isOwn ? 'yes' : 'no';
  };
  return {
    read: (source) => {
      if (!known.has(source)) known.set(source, ask(source));
      return known.get(source);
    },
  };
};

/** How this machine is to be looked at. */
export interface LookSpec {
  readonly probe?: boolean;
  readonly backend?: BackendChoice;
}

/** Looks at this machine: evidence is read when it is asked for, and what can be tried is. */
export const lookAtMachine = async (
  spec: LookSpec,
  account: Account | null,
): Promise<Result<LiveMachine, InvalidOption | BackendUnavailable>> => {
  const parts = await loadParts();
  const opened = openBackend(spec.backend);
  if (opened.isErr() && spec.backend !== undefined && spec.backend !== 'auto') return err(opened.error);
  const backend = opened.isOk() ? opened.value.backend : null;
  const evidence = withBackend(parts.live.liveEvidence(), backend, parts, account);
  if (spec.probe === false) return ok({ evidence, tried: null, reason: null });
  const probe = backend?.probe;
  if (backend === null || probe === undefined) {
    const reason = opened.isErr() ? opened.error.message : `the ${backend?.name} backend cannot try`;
    return ok({ evidence, tried: null, reason });
  }
  const isRoot = process.geteuid?.() === 0;
  const asked: readonly Who[] = isRoot ? ['root', 'user'] : ['user'];
  const found = await Promise.all(
    asked.map((who) => trySubject(probe, who, who === 'root' ? null : account, evidence, parts)),
  );
  const failed = found.find((one) => one.isErr());
  if (failed?.isErr() === true && failed.error.type !== 'setup-failed') {
    return ok({ evidence, tried: null, reason: failed.error.message });
  }
  const subjects = found.flatMap((one, index) =>
    one.match(
      (tried) => [...tried],
      (error) => allFailed(asked[index] ?? 'user', account, error),
    ),
  );
  const how = backend.available().unwrapOr(backend.name);
  return ok({ evidence, tried: { how, subjects }, reason: null });
};
