import type { ProbeOutcome } from '../probe.ts';
import { FILE_CAPABILITIES, LINK, MODE, OWNER, SPECIAL } from './evidence.ts';
import { SOURCE } from './facts.ts';
import type { Observed, SnapshotDocument } from './snapshot.ts';

/** Words of the kernel's command line that causes ask for. */
const ARGUMENT =
  /^(?:user_namespace\.|namespace\.|apparmor|selinux|enforcing|security|lsm|systemd\.unified_cgroup_hierarchy|cgroup)/;

/** Accounts that every machine has, and ranges of ids may be given to. */
const COMMON_ACCOUNTS: ReadonlySet<string> = new Set(['root', 'nobody', '']);

/** Gives each name a number of its own, the same wherever it stands. */
const numbered = (prefix: string): ((name: string) => string) => {
  const known = new Map<string, string>();
  return (name) => {
    const given = known.get(name) ?? `${prefix}${known.size + 1}`;
    known.set(name, given);
    return given;
  };
};

/** Directories of the system, whose names tell nothing about who uses it. */
const SYSTEM_DIR = /^\/(?:proc|sys|dev|run\/?$|usr|bin|sbin|lib|lib64|etc|boot|var\/?$|tmp\/?$|$)/;

const isPlain = (path: string): boolean => SYSTEM_DIR.test(path) && !path.startsWith('/proc/driver');

const mountinfo = (text: string, path: (path: string) => string): string =>
  text
    .split('\n')
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ');
      const [id, parent, device, root = '/', point = '/', ...options] = before.split(' ');
      const [filesystem = '', , superOptions = ''] = after.split(' ');
      // A source may be a server and a share; of the options of a filesystem only those of proc are asked for.
      const shown = filesystem === 'proc' ? superOptions : superOptions.split(',')[0];
      return `${[id, parent, device, path(root), path(point), ...options].join(' ')} - ${filesystem} none ${shown}`;
    })
    .join('\n');

/**
 * Takes out of a snapshot what tells whose machine it is: the host's name, the names of users, and paths that are not the
 * system's own. Equal names stay equal, so that what causes compare can still be compared.
 */
export const redact = (document: SnapshotDocument): SnapshotDocument => {
  const user = numbered('user');
  const dir = numbered('/redacted/');
  const path = (text: string): string => (isPlain(text) ? text : dir(text));
  const account = (name: string): string => (COMMON_ACCOUNTS.has(name) || /^\d+$/.test(name) ? name : user(name));
  const names = new Set<string>();
  for (const source of [SPECIAL.account, '/etc/subuid', '/etc/subgid']) {
    for (const line of (document.evidence[source] ?? '').split('\n')) {
      const name = line.split(':')[0] ?? '';
      if (!COMMON_ACCOUNTS.has(name) && !/^\d+$/.test(name)) names.add(name);
    }
  }
  const hostname = /^\S+/.exec(document.evidence['/proc/sys/kernel/hostname'] ?? '')?.[0];

  const anywhere = (text: string): string => {
    let out = text.replace(/\/(?:home|root|Users|mnt|media|srv|data|opt)(?:\/[^\s"':,)\]]*)?/g, (found) => dir(found));
    for (const name of names)
      out = out.replaceAll(
        new RegExp(`(?<![\\w-])${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\w-])`, 'g'),
        user(name),
      );
    if (hostname !== undefined) out = out.replaceAll(hostname, 'host');
    // Who built the kernel, and where.
    return out.replace(/\([\w.+-]+@[\w.+-]+\)/g, '(builder@host)');
  };

  const reading = (source: string, text: string): string => {
    if (source === SPECIAL.account || source === '/etc/subuid' || source === '/etc/subgid') {
      return text
        .split('\n')
        .map((line) => line.replace(/^[^:]*/, account))
        .join('\n');
    }
    switch (source) {
      case SOURCE.mountinfo:
        return mountinfo(text, path);
      case SOURCE.cmdline:
        return text
          .split(/\s+/)
          .filter((word) => ARGUMENT.test(word))
          .join(' ');
      case SOURCE.exe:
        return isPlain(text) ? text : '/redacted/node';
      case '/proc/self/cgroup':
        return text
          .replace(/[0-9a-f]{12,}/g, 'ID')
          .replace(/[^/\n]+(?=\.(?:service|scope|slice))/g, (name) =>
            /^(?:user|session|system|app|init|docker|libpod|crio|kubepods|cri-containerd)\b/.test(name) ? name : 'unit',
          );
      case '/.flatpak-info':
      case '/run/.containerenv':
        // That it is there is all that is asked.
        return 'redacted';
      default:
        return anywhere(text);
    }
  };

  /** A source that is named by a path that is not the system's: its suffix stays. */
  const sourceName = (source: string): string => {
    if (!source.startsWith('/')) return source;
    const suffix = [OWNER, MODE, LINK, FILE_CAPABILITIES].find((ending) => source.endsWith(ending)) ?? '';
    const file = source.slice(0, source.length - suffix.length);
    return /^\/(?:proc|sys|etc|usr|bin|sbin|run|\.)/.test(file) ? source : `${path(file)}${suffix}`;
  };

  const evidence: Record<string, string | null> = {};
  for (const [source, text] of Object.entries(document.evidence)) {
    if (source === '/proc/sys/kernel/hostname') continue;
    if (source.startsWith('environment ') || source.startsWith('command ')) {
      const value = text === null || isPlain(text) ? text : path(text);
      evidence[source] =
        source === 'environment container'
          ? text
          : source.startsWith('environment ') && text !== null
            ? 'redacted'
            : value;
      continue;
    }
    evidence[sourceName(source)] = text === null ? null : reading(source, text);
  }
  const observed = document.observed.map((one): Observed => {
    const { text, path: place, ...rest } = one;
    return {
      ...rest,
      ...(text === undefined ? {} : { text: anywhere(text) }),
      ...(place === undefined ? {} : { path: /^\/(?:proc|sys)/.test(place) ? place : path(place) }),
    };
  });
  const { tried } = document;
  const subjects = tried?.subjects.map((subject) => ({
    ...subject,
    outcomes: subject.outcomes.map(({ failure, ...rest }): ProbeOutcome => {
      if (failure === null || failure.step === 'untried') return { ...rest, failure };
      const { path: place, text } = failure;
      return {
        ...rest,
        failure: {
          ...failure,
          path: place === null || isPlain(place) ? place : dir(place),
          text: text === null ? null : anywhere(text),
        },
      };
    }),
  }));
  return {
    ...document,
    isRedacted: true,
    evidence,
    observed,
    tried: tried === null || subjects === undefined ? null : { how: anywhere(tried.how), subjects },
  };
};
