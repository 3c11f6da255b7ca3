import { err, ok, type Result } from 'neverthrow';
import { CHECKS, type Who } from '../check-names.ts';
import { type InvalidOption, invalidOption, SETUP_STEPS } from '../errors.ts';
import { isNamespaceType, type NamespaceType } from '../namespace.ts';
import { OTHER_STEPS, type ProbeOutcome } from '../probe.ts';
import {
  BACKEND,
  BACKEND_NAMES,
  COMMAND,
  ENVIRONMENT,
  type Evidence,
  FILE_CAPABILITIES,
  LINK,
  MODE,
  OWNER,
  type Reading,
  SPECIAL,
} from './evidence.ts';
import { SOURCE } from './facts.ts';
import type { Failure } from './failure.ts';
import { linesThat } from './lines.ts';

/** The word by which a snapshot is known, and the version of its shape. */
const SNAPSHOT_FORMAT = 'linux-namespaces-snapshot';
const SNAPSHOT_VERSION = 1;

/** Something that was seen to fail on the machine. */
export interface Observed {
  readonly caller?: 'root' | 'user' | undefined;
  readonly step?: Failure['step'] | undefined;
  readonly syscall?: string | undefined;
  readonly errno?: string | undefined;
  readonly namespaces?: readonly NamespaceType[] | undefined;
  readonly path?: string | undefined;
  readonly filesystem?: string | undefined;
  readonly isIntermittent?: boolean | undefined;
  /** What the tool said. */
  readonly text?: string | undefined;
}

/** Everything that causes ask for, of one machine, as a document that can be sent. */
export interface SnapshotDocument {
  readonly format: typeof SNAPSHOT_FORMAT;
  readonly version: typeof SNAPSHOT_VERSION;
  readonly isRedacted: boolean;
  /** Sources and what stood there; null: there is no such thing. A source that is not listed is not known. */
  readonly evidence: Readonly<Record<string, string | null>>;
  readonly observed: readonly Observed[];
  /** What came of trying, where something was tried. */
  readonly tried: Tried | null;
}

/** What came of trying, for each subject. */
export interface Tried {
  /** The backend, and how it works there. */
  readonly how: string;
  readonly subjects: readonly {
    readonly who: Who;
    readonly inUserNamespace: boolean;
    readonly uid: number;
    readonly outcomes: readonly ProbeOutcome[];
  }[];
}

const TYPES = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'] as const satisfies readonly NamespaceType[];

const HELPERS = ['newuidmap', 'newgidmap'] as const;

const FIXED: readonly string[] = [
  '/etc/os-release',
  '/usr/lib/os-release',
  '/etc/redhat-release',
  ...Object.values(SOURCE),
  `${SOURCE.uidMap}${OWNER}`,
  '/proc/self/setgroups',
  '/proc/self/cgroup',
  '/proc/self/limits',
  '/proc/vz',
  ...TYPES.map((type) => `/proc/sys/user/max_${type}_namespaces`),
  '/proc/sys/kernel/unprivileged_userns_clone',
  '/proc/sys/kernel/userns_restrict',
  '/proc/sys/kernel/userns_max_level',
  '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
  '/proc/sys/kernel/apparmor_restrict_unprivileged_unconfined',
  '/proc/sys/kernel/hostname',
  '/proc/sys/kernel/pid_max',
  '/proc/sys/kernel/threads-max',
  '/proc/sys/vm/memfd_noexec',
  '/sys/module/user_namespace/parameters/enable',
  '/sys/kernel/security/lsm',
  '/sys/kernel/security/apparmor/profiles',
  '/sys/fs/selinux/enforce',
  '/sys/fs/cgroup/cgroup.controllers',
  '/.dockerenv',
  '/.flatpak-info',
  '/run/.containerenv',
  '/run/host/container-manager',
  '/etc/nsswitch.conf',
  ...['/etc/subuid', '/etc/subgid'].flatMap((file) => [file, `${file}${LINK}`]),
  ...['container', 'KUBERNETES_SERVICE_HOST', 'DYNO'].map((name) => `${ENVIRONMENT}${name}`),
  ...[...HELPERS, 'unshare', 'nsenter', 'podman', 'bwrap'].map((name) => `${COMMAND}${name}`),
  ...Object.values(SPECIAL),
  ...BACKEND_NAMES.map((name) => `${BACKEND}${name}`),
];

/** Every source that belongs into a snapshot; where a helper lies decides which of its files do. */
const sources = ({ read }: Evidence): readonly string[] => [
  ...FIXED,
  ...HELPERS.flatMap((name) => {
    const path = read(`${COMMAND}${name}`) ?? null;
    return path === null ? [] : [MODE, OWNER, FILE_CAPABILITIES].map((suffix) => `${path}${suffix}`);
  }),
];

const STATUS_FIELD = /^(?:Uid|Gid|Groups|NSpid|Threads|Cap\w+|NoNewPrivs|Seccomp\w*):/;

/** What is kept of a source that is long, and of no use as a whole. */
const KEPT: Readonly<Record<string, RegExp>> = {
  '/etc/nsswitch.conf': /^(?:subid|passwd|group):/,
  '/sys/kernel/security/apparmor/profiles': /unpriv|userns|bwrap|unshare|node|docker/,
  '/proc/self/limits': /^Max processes/,
  [SOURCE.status]: STATUS_FIELD,
};

const shortened = (source: string, text: string): string => {
  const fits = KEPT[source];
  return fits === undefined ? text : linesThat(text, fits);
};

/**
 * Collects everything that causes ask for.
 *
 * @param evidence - where it comes from
 * @param observed - what was seen to fail
 * @returns the document; what could not be read is left out, since it is not known
 */
export const takeSnapshot = (
  evidence: Evidence,
  observed: readonly Observed[] = [],
  tried: Tried | null = null,
): SnapshotDocument => {
  const found: Record<string, string | null> = {};
  for (const source of sources(evidence)) {
    const reading = evidence.read(source);
    if (reading !== undefined) found[source] = reading === null ? null : shortened(source, reading);
  }
  return { format: SNAPSHOT_FORMAT, version: SNAPSHOT_VERSION, isRedacted: false, evidence: found, observed, tried };
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const OBSERVED_FIELDS: Readonly<Record<keyof Observed, (value: unknown) => boolean>> = {
  caller: (value) => value === 'root' || value === 'user',
  step: (value) => typeof value === 'string',
  syscall: (value) => typeof value === 'string',
  errno: (value) => typeof value === 'string' && /^(?:E[A-Z0-9]+|errno \d+)$/.test(value),
  namespaces: (value) => Array.isArray(value) && value.every(isNamespaceType),
  path: (value) => typeof value === 'string',
  filesystem: (value) => typeof value === 'string',
  isIntermittent: (value) => typeof value === 'boolean',
  text: (value) => typeof value === 'string',
};

const checkObserved = (value: unknown, index: number): Result<Observed, InvalidOption> => {
  const place = `observed[${index}]`;
  if (!isRecord(value)) return err(invalidOption(place, value, 'an object'));
  for (const [field, given] of Object.entries(value)) {
    const check = Object.hasOwn(OBSERVED_FIELDS, field) ? OBSERVED_FIELDS[field as keyof Observed] : undefined;
    if (check === undefined)
      return err(invalidOption(`${place}.${field}`, given, `one of ${Object.keys(OBSERVED_FIELDS).join(', ')}`));
    if (!check(given))
      return err(invalidOption(`${place}.${field}`, given, 'what docs/snapshot.schema.json says of it'));
  }
  return ok(value as Observed);
};

const isListOf = (value: unknown, fits: (one: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(fits);

const isText = (value: unknown): boolean => typeof value === 'string';

const isStep = (value: unknown): boolean =>
  value === 'untried' || [...SETUP_STEPS, ...OTHER_STEPS].some((known) => known === value);

const isFailure = (value: unknown): boolean => {
  if (value === null) return true;
  if (!isRecord(value) || !isStep(value['step'])) return false;
  if (value['step'] === 'untried') return isText(value['reason']);
  const isErrno = value['errno'] === null || OBSERVED_FIELDS.errno(value['errno']);
  const texts = ['path', 'filesystem', 'text'].every((field) => value[field] === null || isText(value[field]));
  return (
    isErrno &&
    texts &&
    isText(value['syscall']) &&
    isListOf(value['namespaces'], isNamespaceType) &&
    isListOf(value['requested'], isNamespaceType)
  );
};

const isOutcome = (value: unknown): boolean =>
  isRecord(value) &&
  CHECKS.some((known) => known === value['check']) &&
  typeof value['inUserNamespace'] === 'boolean' &&
  ['string', 'undefined'].includes(typeof (value['filesystem'] ?? undefined)) &&
  isFailure(value['failure']);

const isSubject = (value: unknown): boolean =>
  isRecord(value) &&
  OBSERVED_FIELDS.caller(value['who']) &&
  typeof value['inUserNamespace'] === 'boolean' &&
  typeof value['uid'] === 'number' &&
  isListOf(value['outcomes'], isOutcome);

const isTried = (value: unknown): value is Tried | null =>
  value === null || (isRecord(value) && isText(value['how']) && isListOf(value['subjects'], isSubject));

/**
 * Reads a snapshot that was saved.
 *
 * @param text - the document, as JSON
 * @returns the document, or `invalid-option` naming the place that is wrong
 */
export const parseSnapshot = (text: string): Result<SnapshotDocument, InvalidOption> => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return err(invalidOption('snapshot', text, `JSON (${error instanceof Error ? error.message : 'not readable'})`));
  }
  if (!isRecord(value)) return err(invalidOption('snapshot', value, 'an object'));
  const { format, version, evidence, observed = [], isRedacted = false, tried = null } = value;
  if (format !== SNAPSHOT_FORMAT) return err(invalidOption('snapshot.format', format, `"${SNAPSHOT_FORMAT}"`));
  if (version !== SNAPSHOT_VERSION) return err(invalidOption('snapshot.version', version, `${SNAPSHOT_VERSION}`));
  if (typeof isRedacted !== 'boolean') return err(invalidOption('snapshot.isRedacted', isRedacted, 'true or false'));
  if (!isRecord(evidence)) return err(invalidOption('snapshot.evidence', evidence, 'an object'));
  for (const [source, reading] of Object.entries(evidence)) {
    if (reading !== null && typeof reading !== 'string') {
      return err(
        invalidOption(`snapshot.evidence["${source}"]`, reading, 'a string, or null where there is no such thing'),
      );
    }
  }
  if (!isTried(tried)) return err(invalidOption('snapshot.tried', tried, 'what docs/snapshot.schema.json says of it'));
  if (!Array.isArray(observed)) return err(invalidOption('snapshot.observed', observed, 'a list'));
  const checked: Observed[] = [];
  for (const [index, one] of observed.entries()) {
    const result = checkObserved(one, index);
    if (result.isErr()) return err(result.error);
    checked.push(result.value);
  }
  return ok({
    format: SNAPSHOT_FORMAT,
    version: SNAPSHOT_VERSION,
    isRedacted,
    evidence: evidence as Readonly<Record<string, Exclude<Reading, undefined>>>,
    observed: checked,
    tried,
  });
};
