import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  statSync,
} from 'node:fs';
import { gunzipSync } from 'node:zlib';

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

/** The suffix of a source that is a file's mode, in octal: `4755`. */
export const MODE = ' (mode)';

/** The suffix of a source that is where a symbolic link leads; absent when the file is none. */
export const LINK = ' (link)';

/** The suffix of a source that is a file's security.capability in hex; Node.js cannot read it, a probe can. */
export const FILE_CAPABILITIES = ' (capabilities)';

/** The prefix of a source that is where a command is found in PATH. */
export const COMMAND = 'command ';

/** The prefix of a source that is what came of trying a namespace type with a privileged act in it: `works`, or an errno. */
export const PROBE = 'probe ';

/** The prefix of a source that is how a backend works there, or `not available: ` and why it cannot. */
export const BACKEND = 'backend ';

/** The backends that evidence tells of. */
export const BACKEND_NAMES = ['ffi', 'shell'] as const;

/** Sources that are no file, or only a part of some. */
export const SPECIAL = {
  /** `root` or `user`, where nothing but that is known of who asks. */
  caller: 'caller',
  /** Lines of the kernel's log, and of the audit log, that have to do with namespaces. */
  log: 'kernel log',
  /** The lines of the kernel's configuration that have to do with namespaces. */
  config: 'kernel config',
  /** `NAME:UID:GID` of the caller, as passwd(5) has it; absent when it has no such line. */
  account: 'account',
  /** The same of the ordinary user that a check is about, who is not the caller where that is root; absent when there is none. */
  ordinaryUser: 'ordinary user',
  /** `root` or `user`: who reads the answer and types the remedy, where that is not the one of whom it tells. */
  typist: 'typist',
  /** Whether the caller's root directory is that of its mount namespace: `yes` or `no`. */
  root: 'root of the mount namespace',
} as const;

/** Evidence from a saved snapshot; where a person wrote it the line that a command printed has its end. */
export const snapshotEvidence = (snapshot: Snapshot): Evidence => ({
  read: (source) => {
    const text = Object.hasOwn(snapshot, source) ? snapshot[source] : undefined;
    return typeof text === 'string' ? text.trimEnd() : text;
  },
});

const isAbsence = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');

/** Without a security module that labels processes the file is there, and nothing is in it. */
const isWithoutLabel = (source: string, error: unknown): boolean =>
  source === '/proc/self/attr/current' && error instanceof Error && 'code' in error && error.code === 'EINVAL';

const isExecutable = (path: string): boolean => {
  try {
    const { mode } = statSync(path);
    return (mode & constants.S_IFMT) === constants.S_IFREG && (mode & 0o111) !== 0;
  } catch {
    return false;
  }
};

const findCommand = (name: string): string | null => {
  // Where administrators' commands are is not in every user's PATH.
  const dirs = [...(process.env['PATH'] ?? '').split(':'), '/usr/bin', '/bin', '/usr/sbin', '/sbin'];
  return (
    dirs
      .filter((dir) => dir.startsWith('/'))
      .map((dir) => `${dir}/${name}`)
      .find(isExecutable) ?? null
  );
};

const ABOUT_NAMESPACES =
  /userns|user_namespace|unprivileged_userns|too revealing|setuid-root and effective|gVisor|apparmor="DENIED".*class="(?:mount|cap|namespace)"|denied\s+\{[^}]*\}.*(?:cap_userns|user_namespace|mounton|tclass=filesystem)|Chromium OS LSM/;

/** The most that is read of the kernel's log, records, and kept of it, lines. */
const LOG = { records: 20_000, lines: 20, recordBytes: 8192 } as const;

/** Reads the records of /dev/kmsg that are there; each read(2) gives one. */
const readLog = (): Reading => {
  const fd = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK);
  const buffer = Buffer.alloc(LOG.recordBytes);
  const lines: string[] = [];
  try {
    for (let records = 0; records < LOG.records; records += 1) {
      const record = buffer.toString('utf8', 0, readSync(fd, buffer));
      const line = record.slice(record.indexOf(';') + 1).split('\n', 1)[0] ?? '';
      if (ABOUT_NAMESPACES.test(line) && line.slice(0, 500) !== lines.at(-1)) lines.push(line.slice(0, 500));
    }
  } catch (error) {
    // EAGAIN: all of it has been read. EPIPE: records were overwritten meanwhile, and what is there is enough.
    if (!(error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EPIPE')))
      throw error;
  } finally {
    closeSync(fd);
  }
  return lines.slice(-LOG.lines).join('\n');
};

const CONFIG_LINE =
  /^(?:# )?CONFIG_(?:NAMESPACES|(?:UTS|IPC|USER|PID|NET|TIME)_NS|CGROUPS|SYSVIPC|POSIX_MQUEUE|SECCOMP|OVERLAY_FS|USER_NS_UNPRIVILEGED)(?:=| is)/;

const readConfig = (): Reading => {
  const release = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
  for (const path of ['/proc/config.gz', `/boot/config-${release}`, `/lib/modules/${release}/config`]) {
    try {
      const bytes = readFileSync(path);
      const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
      return text
        .split('\n')
        .filter((line) => CONFIG_LINE.test(line))
        .join('\n');
    } catch (error) {
      if (!isAbsence(error)) return undefined;
    }
  }
  // A configuration that is nowhere to be found is not known; the kernel has one.
  return undefined;
};

const readAccount = (): Reading => {
  const uid = String(process.geteuid?.());
  const fields = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([, , id]) => id === uid);
  return fields === undefined ? null : `${fields[0]}:${fields[2]}:${fields[3]}`;
};

/** The id of the mount that a directory is on; proc_pid_fdinfo(5). */
const mountOf = (path: string): string | undefined => {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
  } finally {
    closeSync(fd);
  }
};

/** Compares the caller's root directory with that of the first process, where both have the same mounts. */
const readRoot = (): Reading => {
  if (readlinkSync('/proc/1/ns/mnt') !== readlinkSync('/proc/self/ns/mnt')) return 'of another mount namespace';
  const [own, first] = [statSync('/'), statSync('/proc/1/root/')];
  if (own.dev !== first.dev || own.ino !== first.ino) return 'no';
  // The same directory may be mounted twice.
  return mountOf('/') === mountOf('/proc/1/root/') ? 'yes' : 'no';
};

const readSpecial: Readonly<Record<string, () => Reading>> = {
  [SPECIAL.caller]: () => (process.geteuid?.() === 0 ? 'root' : 'user'),
  [SPECIAL.typist]: () => undefined,
  [SPECIAL.ordinaryUser]: () => undefined,
  [SPECIAL.log]: readLog,
  [SPECIAL.config]: readConfig,
  [SPECIAL.account]: readAccount,
  [SPECIAL.root]: readRoot,
};

const linkOf = (path: string): Reading => (lstatSync(path).isSymbolicLink() ? readlinkSync(path) : null);

const readFrom = (source: string): Reading => {
  const special = readSpecial[source];
  if (special !== undefined) return special();
  if (source.startsWith(ENVIRONMENT)) return process.env[source.slice(ENVIRONMENT.length)] ?? null;
  if (source.startsWith(COMMAND)) return findCommand(source.slice(COMMAND.length));
  if (source.endsWith(OWNER)) return String(statSync(source.slice(0, -OWNER.length)).uid);
  if (source.endsWith(MODE))
    return (statSync(source.slice(0, -MODE.length)).mode & 0o7777).toString(8).padStart(4, '0');
  if (source.endsWith(LINK)) return linkOf(source.slice(0, -LINK.length));
  if (!source.startsWith('/') || source.endsWith(FILE_CAPABILITIES)) return undefined;
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
      reading = isAbsence(error) || isWithoutLabel(source, error) ? null : undefined;
    }
    known.set(source, reading);
    return reading;
  };
  return { read };
};
