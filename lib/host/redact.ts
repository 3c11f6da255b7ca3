import type { ProbeOutcome } from '../probe.ts';
import { COMMAND, ENVIRONMENT, FILE_CAPABILITIES, LINK, MODE, OWNER, SPECIAL } from './evidence.ts';
import { SOURCE } from './facts.ts';
import { linesThat } from './lines.ts';
import { isPersonal, type Redactor, redactorFor } from './redact-words.ts';
import type { Observed, SnapshotDocument } from './snapshot.ts';

/** Words of the kernel's command line that causes ask for. */
const ARGUMENT =
  /^(?:user_namespace\.|namespace\.|apparmor|selinux|enforcing|security|lsm|systemd\.unified_cgroup_hierarchy|cgroup)/;

/** Lines of os-release(5) that say which distribution it is. */
const RELEASE_LINE = /^(?:ID|ID_LIKE|NAME|PRETTY_NAME|VERSION|VERSION_ID|VERSION_CODENAME|VARIANT|VARIANT_ID)=/;

/** What engines say in the variable `container`. */
const ENGINE = /^(?:docker|podman|oci|lxc|lxd|incus|systemd-nspawn|flatpak|rkt|garden|wsl)$/;

/** Sources whose lines begin with the name of an account. */
const ACCOUNTS: readonly string[] = [SPECIAL.account, SPECIAL.ordinaryUser, '/etc/subuid', '/etc/subgid'];

const HOSTNAME = '/proc/sys/kernel/hostname';

const eachLine = (text: string, change: (line: string) => string): string => text.split('\n').map(change).join('\n');

const mountLine = (line: string, { path }: Redactor): string => {
  const [before = '', after = ''] = line.split(' - ');
  const [id, parent, device, root = '/', point = '/', ...options] = before.split(' ');
  const [filesystem = '', , superOptions = ''] = after.split(' ');
  // A source may be a server and a share; of the options of a filesystem only those of proc are asked for.
  const shown = filesystem === 'proc' ? superOptions : superOptions.split(',')[0];
  return `${[id, parent, device, path(root), path(point), ...options].join(' ')} - ${filesystem} none ${shown}`;
};

const readingOf = (source: string, text: string, redactor: Redactor): string => {
  if (ACCOUNTS.includes(source)) return eachLine(text, (line) => line.replace(/^[^:]*/, redactor.account));
  if (source.endsWith(LINK) || source.startsWith(COMMAND)) return redactor.path(text);
  if (source.startsWith(ENVIRONMENT)) return ENGINE.test(text) ? text : 'redacted';
  switch (source) {
    case SOURCE.mountinfo:
      return eachLine(text, (line) => mountLine(line, redactor));
    case SOURCE.cmdline:
      return text
        .split(/\s+/)
        .filter((word) => ARGUMENT.test(word))
        .join(' ');
    case SOURCE.exe:
      return redactor.path(text);
    case '/proc/self/cgroup':
      return eachLine(text, (line) => line.replace(/(?<=^\d+:[^:]*:).*/, redactor.cgroup));
    case SOURCE.attr:
    case '/sys/kernel/security/apparmor/profiles':
      return eachLine(text, redactor.label);
    case '/etc/os-release':
    case '/usr/lib/os-release':
      return linesThat(text, RELEASE_LINE);
    case '/.flatpak-info':
    case '/run/.containerenv':
      // That it is there is all that is asked.
      return 'redacted';
    default:
      return redactor.text(text);
  }
};

/** Files and directories of the kernel, of /etc and of engines, which causes ask for by these names. */
const FIXED_SOURCE = /^\/(?:proc|sys|etc|run|usr\/lib\/os-release|\.)/;

/** A source that is named by a path that is not the system's: its suffix stays. */
const sourceName = (source: string, { path }: Redactor): string => {
  if (!source.startsWith('/') || FIXED_SOURCE.test(source)) return source;
  const suffix = [OWNER, MODE, LINK, FILE_CAPABILITIES].find((ending) => source.endsWith(ending)) ?? '';
  return `${path(source.slice(0, source.length - suffix.length))}${suffix}`;
};

/** A command is named without its directory, too, as `newuidmap` is. */
const placeOf = (place: string, { path }: Redactor): string => (place.includes('/') ? path(place) : place);

const outcomeOf = ({ failure, ...rest }: ProbeOutcome, redactor: Redactor): ProbeOutcome => {
  const { text } = redactor;
  if (failure === null) return { ...rest, failure };
  if (failure.step === 'untried') return { ...rest, failure: { ...failure, reason: text(failure.reason) } };
  const said = failure.text === null ? null : text(failure.text);
  return {
    ...rest,
    failure: { ...failure, path: failure.path === null ? null : placeOf(failure.path, redactor), text: said },
  };
};

/**
 * Takes out of a snapshot what tells whose machine it is: the names of the host and of users, names of directories, of
 * groups of processes and of profiles that are not the system's own, addresses, and what the kernel was told at boot
 * beyond what causes ask for. Equal names stay equal, so that what causes compare can still be compared.
 */
export const redact = (document: SnapshotDocument): SnapshotDocument => {
  const names = new Set(
    ACCOUNTS.flatMap((source) => (document.evidence[source] ?? '').split('\n'))
      .map((line) => line.split(':')[0] ?? '')
      .filter(isPersonal),
  );
  const redactor = redactorFor(names, /^\S+/.exec(document.evidence[HOSTNAME] ?? '')?.[0]);
  const evidence: Record<string, string | null> = {};
  for (const [source, text] of Object.entries(document.evidence)) {
    if (source === HOSTNAME) continue;
    evidence[sourceName(source, redactor)] = text === null ? null : readingOf(source, text, redactor);
  }
  const observed = document.observed.map(
    ({ text, path, ...rest }): Observed => ({
      ...rest,
      ...(text === undefined ? {} : { text: redactor.text(text) }),
      ...(path === undefined ? {} : { path: placeOf(path, redactor) }),
    }),
  );
  const { tried } = document;
  const subjects = tried?.subjects.map((subject) => ({
    ...subject,
    outcomes: subject.outcomes.map((outcome) => outcomeOf(outcome, redactor)),
  }));
  return {
    ...document,
    isRedacted: true,
    evidence,
    observed,
    tried: tried === null || subjects === undefined ? null : { how: redactor.text(tried.how), subjects },
  };
};
