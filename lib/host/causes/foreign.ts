import { OTHER_STEPS } from '../../probe.ts';
import type { Cause, Confidence } from '../cause.ts';
import { MODE, PROBE } from '../evidence.ts';
import { type Facts, SOURCE } from '../facts.ts';
import { type Failure, isMount } from '../failure.ts';

/** What an error says of a path, and the command that shows it; `PATH` stands for the path. */
interface Meaning {
  readonly sentence: string;
  readonly command: string;
  /** Whether the mounts tell more than the path itself. */
  readonly isOfMount: boolean;
}

const ofPath = (sentence: string): Meaning => ({ sentence, command: 'namei -l PATH', isOfMount: false });

const GONE: Meaning = {
  sentence: 'the device that PATH is on, or should be on, is not there: one that is gone, or an automount that is dead',
  command: 'findmnt --target PATH  # a dead automount, or a device that is gone',
  isOfMount: true,
};

const CLOSED: Meaning = {
  sentence: 'the descriptor that was to be joined is not open: the program closed it, or never opened it',
  command: 'strace -f -e trace=openat,setns,close COMMAND',
  isOfMount: false,
};

const SILENT: Meaning = {
  sentence: 'who serves the file system at PATH does not answer: a server of NFS, or a program of FUSE, that is gone',
  command: 'findmnt --target PATH  # then: umount --lazy TARGET, and mount it anew',
  isOfMount: true,
};

/** Errors that no rule about namespaces gives. */
const FOREIGN: Readonly<Record<string, Meaning>> = {
  ENOENT: ofPath('there is no PATH, or what a link on the way to it names is not there'),
  ENOTDIR: ofPath('PATH is no directory, or something on the way to it is none'),
  ELOOP: ofPath('links on the way to PATH lead in a circle, or a link is where none may be'),
  ENAMETOOLONG: ofPath('PATH is too long a path'),
  ENODEV: GONE,
  ENXIO: GONE,
  EIO: {
    sentence: 'what PATH is on cannot be read or written: a disk or a connection that fails',
    command: 'dmesg | grep -iE "i/o error|nfs|fuse"',
    isOfMount: true,
  },
  ESTALE: SILENT,
  ETIMEDOUT: SILENT,
  EHOSTDOWN: SILENT,
  ENOTCONN: SILENT,
  ECONNREFUSED: SILENT,
  EROFS: {
    sentence: 'what PATH is on is mounted read-only',
    command: 'findmnt --target PATH --output TARGET,OPTIONS',
    isOfMount: true,
  },
  EBUSY: {
    sentence: 'PATH is in use: something is mounted there, or a process works in it',
    command: 'findmnt PATH; fuser -vm PATH',
    isOfMount: true,
  },
};

/** What a tool says of itself, where namespaces have no part in it. */
const OF_TOOLS: readonly (readonly [words: RegExp, meaning: Meaning])[] = [
  [
    /bwrap: Unexpected capabilities/,
    {
      sentence:
        'bwrap was started with capabilities, and refuses to run with some that it did not get from its own file',
      command:
        'setpriv --inh-caps=-all --ambient-caps=-all COMMAND  # AmbientCapabilities= of a unit, or a PAM module, gave them',
      isOfMount: false,
    },
  ],
  [
    /exec format error/i,
    {
      sentence: 'the program is for another architecture, or no program at all',
      command: 'file PROGRAM; uname -m',
      isOfMount: false,
    },
  ],
];

/** At these steps the kernel asks for a file, and for nothing else. */
const FILE_STEPS: ReadonlySet<string> = new Set(['cwd', 'stdio']);

const DENIED = ofPath('this user may not go to PATH, or may not open it: so say the permissions on the way to it');

const meaningOf = (failure: Failure): Meaning | null => {
  const own = OF_TOOLS.find(([words]) => words.test(failure.text ?? ''));
  if (own !== undefined) return own[1];
  if (failure.errno === 'EBADF' && failure.step === 'setns') return CLOSED;
  if (failure.errno === null || !(isMount(failure) || FILE_STEPS.has(failure.step))) return null;
  const isDenied = FILE_STEPS.has(failure.step) && (failure.errno === 'EACCES' || failure.errno === 'EPERM');
  return isDenied ? DENIED : (FOREIGN[failure.errno] ?? null);
};

const wantedTypes = ({ requested, namespaces }: Failure): readonly string[] => {
  const wanted = requested ?? namespaces;
  return wanted.length > 0 ? wanted : ['user'];
};

/** Whether namespaces of every type that was wanted were tried, and seen to work for this caller. */
const wereSeenToWork = (failure: Failure, { evidence }: Facts): boolean =>
  wantedTypes(failure).every((type) => evidence.read(`${PROBE}${type}`) === 'works');

/** Whether a tool of somebody else's said so, and not an attempt of ours. */
const isTold = ({ text, syscall }: Failure): boolean => text != null && syscall !== 'unshare(1)';

/** How sure it is of what kind of error this is: one about a file says so itself. */
const sureness = (failure: Failure, facts: Facts): Confidence | null => {
  const meaning = meaningOf(failure);
  // That a map, or a join, is refused says nothing about making namespaces.
  if (meaning === null && (OTHER_STEPS as readonly string[]).includes(failure.step) && failure.step !== 'mount')
    return null;
  // What was tried and failed speaks for itself; this is for what a tool said.
  if (wereSeenToWork(failure, facts)) return meaning !== null ? 'certain' : isTold(failure) ? 'likely' : null;
  return meaning !== null && failure.step !== 'mount-proc' ? 'likely' : null;
};

const named = (text: string, { path }: Failure, otherwise: string): string =>
  text.replaceAll('PATH', path == null || path === '' ? otherwise : path);

/** Errors that have to do with a file, a mount or a device, and look as if it were the namespaces. */
export const foreignCauses: readonly Cause[] = [
  {
    id: 'not-a-namespace-problem',
    matches: sureness,
    summary: (failure, facts) => {
      const meaning = meaningOf(failure);
      const works = wereSeenToWork(failure, facts);
      if (meaning === null)
        return 'namespaces of the types wanted work here for this user, so this is probably no namespace problem';
      const sentence = named(meaning.sentence, failure, 'the path');
      return works
        ? `${sentence}; namespaces of the types wanted work here for this user`
        : `most likely ${sentence}${failure.errno === null ? '' : `; ${failure.errno} is no answer of the kernel about namespaces`}`;
    },
    sources: (failure, facts) => {
      const { path } = failure;
      const probes = wantedTypes(failure).map((type) => `${PROBE}${type}`);
      const seen = probes.filter((source) => facts.evidence.read(source) !== undefined);
      if (path == null || !path.startsWith('/')) return seen;
      const isOfMount = meaningOf(failure)?.isOfMount === true;
      return [isOfMount ? `${SOURCE.mountinfo}#mounts on ${path}` : `${path}${MODE}`, ...seen];
    },
    remedy: (_, failure) => [named(meaningOf(failure)?.command ?? 'findmnt --target PATH', failure, 'PATH')],
  },
];
